"""The GraphQL schema: one file per noun, resolvers that only translate."""
