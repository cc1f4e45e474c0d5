"""What a command says where the site's database or Redis can't be used: one sentence that names the mend."""

import re
import sqlite3
from pathlib import Path
from typing import Any

import click
import redis
import sqlalchemy as sa
from alembic.util import CommandError

from myproject.settings import Settings

# PostgreSQL, appendix A: undefined_table, undefined_column; lock_not_available, query_canceled.
LACKING_STATES = {"42P01", "42703"}
BUSY_STATES = {"55P03", "57014"}
INSUFFICIENT_PRIVILEGE = "42501"
# Nothing outside the code mends these.
FAULTS_OF_OURS = (sa.exc.IntegrityError, sa.exc.DataError, sa.exc.InternalError, sa.exc.NotSupportedError)
LACKING_WORDS = ("no such table", "no such column")


class Trouble(click.ClickException):
    """Ends a command with exit code 1 and its message alone."""


class TroubleGroup(click.Group):
    """Commands that end with a sentence where the site's database or Redis can't be used. Their context's object
    has `ini` and `settings()`, as `Site` has.
    """

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (sa.exc.DBAPIError, redis.RedisError, CommandError) as error:
            words = words_for(error, ctx.obj.ini, ctx.obj.settings())
            if words is None:
                raise
            raise Trouble(words) from error


def words_for(error: Exception, ini: str, settings: Settings) -> str | None:
    """What is wrong, and what mends it; None for an error that no setting and no command mends."""
    if isinstance(error, sa.exc.DBAPIError):
        return words_for_database(error, ini, settings)
    if isinstance(error, redis.RedisError):
        reason = first_line(str(error))
        return f"Redis at {shown_redis(settings)} can't be used ({reason}): see that it runs, and redis.url"
    if isinstance(error, CommandError):
        return (
            f"The migrations can't run ({error}): see [alembic] in {ini}, and that the database is not of a newer"
            " version of the site"
        )
    return None


def words_for_database(error: sa.exc.DBAPIError, ini: str, settings: Settings) -> str | None:
    if isinstance(error, FAULTS_OF_OURS) or not isinstance(error, sa.exc.DatabaseError):
        return None
    original = error.orig
    state = getattr(original, "sqlstate", None)
    code = (getattr(original, "sqlite_errorcode", None) or 0) & 0xFF
    reason = first_line(str(original))
    where = f"The database {shown_url(settings)}"
    if state in LACKING_STATES or reason.startswith(LACKING_WORDS):
        return lacking(ini, settings)
    if state in BUSY_STATES or code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return f"{where} is busy ({reason}): try again in a while"
    if state == INSUFFICIENT_PRIVILEGE:
        return f"{where} refuses ({reason}): see the user in sqlalchemy.url, who has to own the tables"
    if isinstance(error, sa.exc.ProgrammingError) or code == sqlite3.SQLITE_ERROR:
        # A statement that is wrong.
        return None
    if isinstance(original, sqlite3.Error):
        return f"{where} can't be used ({reason}): see sqlalchemy.url, and that its folder can be written to"
    return f"{where} can't be used ({reason}): see that PostgreSQL runs, and sqlalchemy.url"


def lacking(ini: str, settings: Settings) -> str:
    """What is said of a database without the tables, or the columns, of this version."""
    return f"The database {shown_url(settings)} lacks tables of this version: run `myproject --config {ini} init`"


def check_file(ini: str, settings: Settings) -> None:
    """Raises Trouble where the file of an SQLite database is not there: to connect would make an empty one."""
    url = sa.make_url(settings.sqlalchemy_url)
    file = url.database or ""
    if url.get_backend_name() != "sqlite" or not file or file.startswith((":", "file:")):
        return
    if not Path(file).exists():
        raise Trouble(f"The database {file} is not there yet: run `myproject --config {ini} init`")


def first_line(words: str) -> str:
    """The line of a driver's message that says what is wrong."""
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    # Several addresses of one host: then each has a line.
    telling = [line for line in lines if not line.startswith("Multiple connection attempts failed")]
    return (telling or lines or ["no reason given"])[0].rstrip(".")


def shown_url(settings: Settings) -> str:
    return sa.make_url(settings.sqlalchemy_url).render_as_string(hide_password=True)


def shown_redis(settings: Settings) -> str:
    """The address of Redis without user, password and options, which may be secret."""
    return re.sub(r"//[^@/]*@", "//", settings.redis_url.partition("?")[0])
