"""The database: declarative base, engine, sessions, and what every transaction is made of.

SQLite and PostgreSQL run the same code. What differs is here: how a connection is set up, how a transaction
begins, and how the database's clock is read.
"""

import json
import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Any, cast

import psycopg
import sqlalchemy as sa
from pyramid.config import Configurator
from pyramid.registry import Registry
from pyramid_retry import IRetryableError, mark_error_retryable
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, Dialect, Engine, make_url
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator

from myproject.settings import Settings, settings_of

log = logging.getLogger(__name__)

# SQL expressions can't be replayed on objects in memory: who holds such objects refreshes them.
IN_DATABASE_ONLY = {"synchronize_session": False}

NAMING_CONVENTION = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC timestamps on both databases; a naive one is refused."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("timestamps carry a time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class EnumInteger(TypeDecorator[IntEnum]):
    """An IntEnum as a small integer; the table's CHECK comes from `one_of`."""

    impl = sa.SmallInteger
    cache_ok = True

    def __init__(self, enum: type[IntEnum]) -> None:
        super().__init__()
        self.enum = enum

    def process_bind_param(self, value: int | None, dialect: Dialect) -> int | None:
        return None if value is None else int(self.enum(value))

    def process_result_value(self, value: int | None, dialect: Dialect) -> IntEnum | None:
        return None if value is None else self.enum(value)


def one_of(column: str, enum: type[IntEnum]) -> str:
    """The CHECK that holds a column to an enum's values."""
    return f"{column} IN ({', '.join(str(int(member)) for member in enum)})"


# SQLite numbers rows by itself only in a column that is exactly INTEGER.
BigId = Annotated[int, "a 64-bit row number"]
BIG_INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
# For tables whose numbers stand in addresses, mails or the audit: SQLite would else give the number of the newest
# row, once that is deleted, to the next one.
NEVER_AGAIN = {"sqlite_autoincrement": True}


def utc_now() -> datetime:
    return datetime.now(UTC)


class Base(DeclarativeBase):
    metadata = sa.MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map = {datetime: UtcDateTime(), BigId: BIG_INTEGER}


class clock(FunctionElement[datetime]):
    """The database's own clock, `seconds` from now. Leases and back-off use it, so that machines need not
    agree.
    """

    type = UtcDateTime()
    inherit_cache = True

    def __init__(self, seconds: float = 0) -> None:
        super().__init__(sa.bindparam(None, float(seconds), type_=sa.Float))


@compiles(clock, "postgresql")
def _clock_postgresql(element: clock, compiler: Any, **kw: Any) -> str:
    seconds = compiler.process(element.clauses, **kw)
    return f"(clock_timestamp() + make_interval(secs => {seconds}))"


@compiles(clock, "sqlite")
def _clock_sqlite(element: clock, compiler: Any, **kw: Any) -> str:
    # The same text as SQLAlchemy stores, so that both compare: seconds with six places.
    seconds = compiler.process(element.clauses, **kw)
    return f"(strftime('%Y-%m-%d %H:%M:%f', 'now', {seconds} || ' seconds') || '000')"


class Numbers(TypeDecorator[list[int]]):
    """A list of numbers as one value: PostgreSQL has arrays, SQLite reads JSON."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        return dialect.type_descriptor(sa.Text() if dialect.name == "sqlite" else sa.ARRAY(sa.BigInteger))

    def process_bind_param(self, value: list[int] | None, dialect: Dialect) -> Any:
        return json.dumps(value) if dialect.name == "sqlite" else value


class among(FunctionElement[bool]):
    """Whether a column is one of the numbers that are given as `name`. An expanding IN would be written anew each
    time, with a parameter for every number.
    """

    type = sa.Boolean()
    inherit_cache = True

    def __init__(self, column: Any, name: str) -> None:
        super().__init__(column, sa.bindparam(name, type_=Numbers()))

    def self_group(self, against: Any = None) -> Any:
        # SQLAlchemy would compare it with 1, and SQLite then use no index.
        return self


@compiles(among, "postgresql")
def _among_postgresql(element: among, compiler: Any, **kw: Any) -> str:
    column, numbers = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"({column} = ANY ({numbers}))"


@compiles(among, "sqlite")
def _among_sqlite(element: among, compiler: Any, **kw: Any) -> str:
    column, numbers = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"({column} IN (SELECT value FROM json_each({numbers})))"  # noqa: S608 - what the compiler wrote


def make_engine(settings: Settings, **options: Any) -> Engine:
    """An engine for `sqlalchemy.url`, with time-outs, and transactions that begin as we say.

    SQLite gets WAL, foreign keys and a busy timeout; its transactions begin with BEGIN IMMEDIATE where the
    connection has the execution option `immediate`. PostgreSQL gets pre-ping and connect, statement, lock and
    idle timeouts.
    """
    url = make_url(settings.sqlalchemy_url)
    options = {
        "pool_size": settings.sqlalchemy_pool_size,
        "max_overflow": settings.sqlalchemy_max_overflow,
        "pool_timeout": settings.sqlalchemy_pool_timeout,
    } | options
    if url.get_backend_name() == "sqlite":
        return sqlite_engine(url, settings, options)
    return postgresql_engine(url, settings, options)


def sqlite_engine(url: URL, settings: Settings, options: dict[str, Any]) -> Engine:
    if url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(
        url,
        hide_parameters=True,
        connect_args={"timeout": settings.sqlalchemy_busy_timeout / 1000},
        **options,
    )

    @event.listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, record: object) -> None:
        # The driver would begin transactions by itself, and too late: reads would stand outside of them.
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        # What is deleted is overwritten with zeros: a copy of the file holds no text of who has gone.
        connection.execute("PRAGMA secure_delete = ON")

    @event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        if connection.get_execution_options().get("immediate"):
            # May have to wait, and fail: an error that SQLAlchemy is to tell.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            cast(sqlite3.Connection, connection.connection.driver_connection).execute("BEGIN")

    event.listen(engine, "handle_error", mark_retryable)
    return engine


def postgresql_engine(url: URL, settings: Settings, options: dict[str, Any]) -> Engine:
    server = {
        "statement_timeout": settings.sqlalchemy_statement_timeout,
        "lock_timeout": settings.sqlalchemy_busy_timeout,
        "idle_in_transaction_session_timeout": 60_000,
        "timezone": "UTC",
    }
    engine = sa.create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={
            "connect_timeout": settings.sqlalchemy_connect_timeout,
            "options": " ".join(f"-c {name}={value}" for name, value in server.items()),
        },
        **options,
    )
    event.listen(engine, "handle_error", mark_retryable)
    return engine


def mark_retryable(context: sa.engine.ExceptionContext) -> None:
    """Tells pyramid_retry and tasks which errors of a database may go away by themselves: locks, serialisation and
    deadlocks.
    """
    original, error = context.original_exception, context.sqlalchemy_exception
    busy = isinstance(original, sqlite3.OperationalError) and (
        # The low byte is the primary code; BUSY_SNAPSHOT is an extension of BUSY.
        (original.sqlite_errorcode or 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    )
    conflict = isinstance(original, (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected))
    if error is not None and (busy or conflict):
        mark_error_retryable(error)


def is_retryable(error: Exception) -> bool:
    """Whether `mark_retryable` has marked an error."""
    return bool(IRetryableError.providedBy(error))


class Sessions:
    """Makes sessions on one engine: for a request's safe or unsafe method, and short ones of their own.

    `reading` and `writing` are plain transactions outside the request's: what is written there survives an
    abort, and slow work stays outside of both.
    """

    def __init__(self, engine: Engine, registry: Registry | None = None) -> None:
        self.engine = engine
        info = {"registry": registry}
        self.reader = sessionmaker(engine, expire_on_commit=False, info=info)
        self.writer = sessionmaker(engine.execution_options(immediate=True), expire_on_commit=False, info=info)

    def on_connection(self) -> Session:
        """A session for reading on a connection of its own, `info["connection"]`, which the caller closes.

        `fetch` goes to that connection straight: a session that is never asked costs next to nothing.
        """
        connection = self.engine.connect()
        return self.reader(bind=connection, info={"connection": connection})

    @contextmanager
    def reading(self) -> Iterator[Session]:
        with self.reader() as db:
            yield db

    @contextmanager
    def writing(self) -> Iterator[Session]:
        with self.writer.begin() as db:
            yield db

    def empty_log(self) -> None:
        """Moves what was committed from SQLite's log into its database and empties the log, which else holds pages
        as they were before; as far as nobody reads them just now. PostgreSQL does so by itself.
        """
        if self.engine.dialect.name == "sqlite":
            connection = self.engine.raw_connection()
            try:
                # Not within a transaction, which SQLAlchemy would begin.
                cast(sqlite3.Connection, connection.driver_connection).execute("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                connection.close()


def sessions_of(registry: Any) -> Sessions:
    return registry["sessions"]


def publish(db: Session, happened: object) -> None:
    """Tells the modules above what happened; their subscribers write in the same transaction."""
    registry = db.info.get("registry")
    if registry is not None:
        registry.notify(happened)


def after_commit(db: Session, do: Callable[[], None], key: str | None = None) -> None:
    """Calls `do` once the session's transaction has committed, never if it did not. It must not touch the
    database. Of several with one `key`, the first is called.
    """
    db.info.setdefault("after_commit", {}).setdefault(key or do, do)


@event.listens_for(Session, "after_commit")
def _run_after_commit(db: Session) -> None:
    if db.in_nested_transaction():
        # A savepoint was released: nobody else sees its work yet, and all of it may still be undone.
        return
    for do in db.info.pop("after_commit", {}).values():
        try:
            do()
        except Exception:
            # The write stands; the queue's sweep and the cache's expiry make up for what failed here.
            log.exception("after commit: %r failed", do)


@event.listens_for(Session, "after_soft_rollback")
def _forget_after_commit(db: Session, previous_transaction: Any) -> None:
    if not previous_transaction.nested:
        db.info.pop("after_commit", None)


def fetch(
    db: Session, statement: sa.Executable, values: dict[str, Any] | None = None
) -> sa.CursorResult[*tuple[Any, ...]]:
    """Rows of a statement that selects columns, in the session's transaction but past the ORM: half the time a
    query through the session takes.
    """
    connection: sa.Connection = db.info.get("connection") or db.connection()
    return connection.execute(statement, values)


def insert_for(db: Session, model: type[Base]) -> postgresql.Insert:
    """An INSERT for the session's database, with `on_conflict_do_nothing` and `on_conflict_do_update`, which both
    have in the same words.
    """
    if db.get_bind().dialect.name == "sqlite":
        # The two differ in nothing that is used here.
        return cast(postgresql.Insert, sqlite.insert(model))
    return postgresql.insert(model)


def includeme(config: Configurator) -> None:
    engine = make_engine(settings_of(config.registry))
    config.registry["sessions"] = Sessions(engine, config.registry)
