"""A GraphQL service in which shops build segments of their contacts out of plugin criteria."""
