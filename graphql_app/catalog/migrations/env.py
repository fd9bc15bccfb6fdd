"""Alembic's environment: run migrations on the connection that the catalog passes in."""

from alembic import context

from graphql_app.catalog.tables import CatalogTable

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=CatalogTable.metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
