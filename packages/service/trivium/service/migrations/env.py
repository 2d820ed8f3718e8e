"""Alembic's entry: runs the migrations of every owner on the connection that `migrate.py` opened."""

from alembic import context

from trivium.service.tables import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
    version_table="service_alembic_version",
)
with context.begin_transaction():
    context.run_migrations()
