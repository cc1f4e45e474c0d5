"""Letting SQLite's index forget for good. FTS5 only notes beside the words of a text that it is gone; both stay in
its segments until these are merged. (Its option `secure-delete` is no way around that: SQLite 3.40 has none, and
where there is one, the beginnings of words by which pages are found stay all the same.)
"""

import sqlite3
import time
from typing import cast

import sqlalchemy as sa

from myproject.db import Sessions
from myproject.search import constants as SEARCH

# https://sqlite.org/fts5.html#the_merge_command
MERGE = sa.text("INSERT INTO search_index (search_index, rank) VALUES ('merge', :pages)")


def begin_merge(sessions: Sessions) -> bool:
    """Has all segments merged into one, which holds no more than what is there, and makes the first step; says
    whether there is more to do. PostgreSQL has nothing of the kind.
    """
    # A negative number makes all of them part of one merge, a positive one goes on with what has begun.
    return sessions.engine.dialect.name == "sqlite" and merge_some(sessions, -SEARCH.MERGE_PAGES)


def go_on(sessions: Sessions) -> bool:
    """Merges for some seconds, in short transactions with pauses for others who write; says whether there is more
    to do.
    """
    end = time.monotonic() + SEARCH.MERGE_SECONDS
    while merge_some(sessions, SEARCH.MERGE_PAGES):
        if time.monotonic() >= end:
            return True
        time.sleep(SEARCH.MERGE_PAUSE_SECONDS)
    return False


def merge_some(sessions: Sessions, pages: int) -> bool:
    """Writes about so many pages of 4 kB; says whether there was anything to merge."""
    with sessions.writing() as db:
        connection = db.connection()
        driver = cast(sqlite3.Connection, connection.connection.driver_connection)
        before = driver.total_changes
        connection.execute(MERGE, {"pages": pages})
        # The statement itself counts as one.
        return driver.total_changes - before > 1
