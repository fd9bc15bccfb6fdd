"""A GraphQL service in which shops build segments of their contacts out of plugin criteria."""

from graphql_app.timezones import use_installed_rules

# Every command, process, plugin and test imports this package before it creates a time zone.
use_installed_rules()
