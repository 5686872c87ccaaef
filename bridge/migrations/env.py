"""Alembic's door: runs the versions beside it on the engine that the caller opened."""

from alembic import context

from bridge.migrations.tables import metadata

engine = context.config.attributes["engine"]

with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=metadata)
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
