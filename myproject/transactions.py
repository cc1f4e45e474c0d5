"""The transaction of a request: its session, and what a view may do with it before the answer is made."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import zope.sqlalchemy
from pyramid.config import Configurator
from sqlalchemy.orm import Session

from myproject.db import sessions_of

if TYPE_CHECKING:
    from myproject.web.request import Request

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def is_unsafe(request: "Request") -> bool:
    """Whether a request may write: the others need no transaction manager."""
    return request.method not in SAFE_METHODS


def request_dbsession(request: "Request") -> Session:
    """The request's session.

    An unsafe method's is joined to the request's transaction, and takes SQLite's write lock at its first
    statement. A safe method's only reads: nothing of it is ever committed.
    """
    sessions = sessions_of(request.registry)
    if not is_unsafe(request):
        # What is read from here on is at least as new as this number says.
        number = request.registry["cache"].change_number()
        db = sessions.on_connection()
        db.info["change_number"] = number
        request.add_finished_callback(lambda request: db.info["connection"].close())
    else:
        db = sessions.writer()
        zope.sqlalchemy.register(db, transaction_manager=request.tm)
    return db


@contextmanager
def reading(request: "Request") -> Iterator[Session]:
    """A session to look things up for a request, before its view runs.

    For a safe method the request's own; for an unsafe one a short one, so that SQLite's write lock is not
    taken before the view's first write.
    """
    if is_unsafe(request):
        with sessions_of(request.registry).reading() as db:
            yield db
    else:
        yield request.dbsession


def commit(request: "Request") -> None:
    """Commits what an unsafe request has written so far, and gives back its connection and SQLite's write lock:
    nobody waits for them while a page is made.
    """
    request.tm.commit()
    request.tm.begin()


def undo(request: "Request") -> None:
    """As `commit`, but undoes it: for answers with an error's status, with which pyramid_tm would, only later."""
    request.tm.abort()
    request.tm.begin()


def release(request: "Request") -> None:
    """Gives back the connection that a safe request reads by, before slow work or a transaction of its own. What
    reads afterwards gets another one.
    """
    request.dbsession.info["connection"].close()
    del request.__dict__["dbsession"]


def includeme(config: Configurator) -> None:
    config.add_request_method(request_dbsession, "dbsession", reify=True)
