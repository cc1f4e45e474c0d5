"""Migrations, run by `alembic -c development.ini` or by `myproject init`."""

import warnings
from logging.config import fileConfig
from typing import Any

from alembic import context
from pyramid.paster import get_appsettings
from sqlalchemy import event, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SAWarning

from myproject.db import Base, EnumInteger, UtcDateTime, make_engine
from myproject.models import MODELS
from myproject.settings import Settings, load_settings

assert MODELS
config = context.config

# Migrations that make a table anew read those it points to as well, and make indexes on expressions again by name.
warnings.filterwarnings("ignore", "Skipped unsupported reflection of expression-based index", SAWarning)


def site_settings() -> Settings:
    """The settings of the ini file that alembic was given, or just the address that a test has set."""
    url = config.get_main_option("sqlalchemy.url")
    if url or config.config_file_name is None:
        return Settings.with_defaults(sqlalchemy_url=url or "")
    fileConfig(config.config_file_name, disable_existing_loggers=False)
    return load_settings(get_appsettings(config.config_file_name))


def render_item(kind: str, item: object, autogen_context: object) -> str | bool:
    """Writes our own column types as the plain ones below them: a migration imports nothing of ours."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, EnumInteger):
        return "sa.SmallInteger()"
    return False


def include_name(name: str | None, kind: str, parents: object) -> bool:
    """All but SQLite's full text index, a virtual table and those that FTS5 keeps it in: they have no model."""
    return not (kind == "table" and name is not None and name.startswith("search_index"))


def include_object(thing: object, name: str | None, kind: str, reflected: bool, other: object) -> bool:
    """All but the index of PostgreSQL's full text, which SQLite has none of."""
    return not (kind == "index" and name == "ix_search_entries_words")


class Counts:
    """The highest number that each table has given, where SQLite gives none twice (AUTOINCREMENT). It forgets them
    where a table is made anew without its newest rows; here they are kept from one migration to the next.
    """

    def __init__(self, connection: Connection) -> None:
        self.numbers = self.read(connection)

    @staticmethod
    def read(connection: Connection) -> dict[str, int]:
        # SQLite makes this table together with the first one that needs it.
        if connection.scalar(text("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'")) is None:
            return {}
        return {row.name: row.seq for row in connection.execute(text("SELECT name, seq FROM sqlite_sequence"))}

    def keep(self, *, ctx: Any, **_others: Any) -> None:
        """Called after each migration, within its transaction."""
        execute = ctx.connection.execute
        counted = "SELECT 1 FROM sqlite_master WHERE name = :name AND sql LIKE '% AUTOINCREMENT%'"
        now = self.read(ctx.connection)
        for name, number in self.numbers.items():
            if now.get(name, -1) < number and execute(text(counted), {"name": name}).first():
                execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), {"name": name})
                added = "INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :number)"
                execute(text(added), {"name": name, "number": number})
        self.numbers = self.read(ctx.connection)


def run(connection: Connection) -> None:
    callbacks = []
    if connection.dialect.name == "sqlite":
        with connection.begin():
            callbacks.append(Counts(connection).keep)
    context.configure(
        connection=connection,
        include_name=include_name,
        include_object=include_object,
        target_metadata=Base.metadata,
        render_item=render_item,
        # SQLite changes a table by making it anew.
        render_as_batch=True,
        compare_type=True,
        compare_server_default=True,
        transaction_per_migration=True,
        on_version_apply=callbacks,
    )
    with context.begin_transaction():
        context.run_migrations()


def main() -> None:
    engine = make_engine(site_settings())
    if engine.dialect.name == "sqlite":
        # Making a table anew must not empty the tables that point to it.
        event.listen(engine, "connect", lambda connection, record: connection.execute("PRAGMA foreign_keys = OFF"))
    else:
        # A migration that waits for a lock holds up everybody behind it: rather fail, and try again.
        event.listen(
            engine, "begin", lambda connection: connection.exec_driver_sql("SET LOCAL lock_timeout = '5s'")
        )
    with engine.connect() as connection:
        run(connection)
        connection.commit()
    engine.dispose()


main()
