"""Many visitors at the same moment."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar
from urllib.parse import urlsplit

import webtest
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.security.cookies import cookies_of
from myproject.security.policy import COOKIE
from myproject.settings import settings_of
from myproject.users.models import User
from myproject.users.services import accounts, sign_ins

SECONDS = 60
Result = TypeVar("Result")


class Visitor(webtest.TestApp):
    """A browser for a thread of its own: unlike `Client` it shares no session with the test."""

    def __init__(self, app: Router) -> None:
        host = urlsplit(settings_of(app.registry).site_url).netloc
        super().__init__(app, extra_environ={"REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": host})

    def sign_in(self, db: Session, user: User) -> None:
        """Gives the visitor a session of `user`, and commits it."""
        token = sign_ins.begin_session(db, user, accounts.Client("127.0.0.1", "a test"))
        db.commit()
        self.set_cookie(cookies_of(self.app.registry).name(COOKIE), token)


def together(actions: Sequence[Callable[[], Result]]) -> list[Result]:
    """Does all of `actions`, each in a thread of its own and all from the same moment on; gives their results.

    Raises what one of them raised.
    """
    start = threading.Barrier(len(actions))

    def run(action: Callable[[], Result]) -> Result:
        start.wait(SECONDS)
        return action()

    with ThreadPoolExecutor(len(actions)) as threads:
        return [future.result(SECONDS) for future in [threads.submit(run, action) for action in actions]]
