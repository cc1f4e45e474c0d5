"""A person at a live server: cookies and forms over real HTTP."""

import re
from collections.abc import Mapping

import requests
from sqlalchemy.orm import Session

from myproject.users.models import User
from myproject.users.services import accounts, sign_ins

SECONDS = 30
TOKEN = re.compile(r'name="csrf_token" value="(\w+)"')


class Person:
    """Keeps cookies by host, as browsers do: those of one port of `localhost` go to every other."""

    def __init__(self) -> None:
        self.session = requests.Session()

    def sign_in(self, db: Session, user: User) -> None:
        """Gives the person a session of `user`, and commits it."""
        token = sign_ins.begin_session(db, user, accounts.Client("127.0.0.1", "a test"))
        db.commit()
        self.session.cookies.set("session", token, domain="localhost.local")

    def get(self, address: str) -> requests.Response:
        return self.session.get(address, allow_redirects=False, timeout=SECONDS)

    def send(self, form_at: str, values: Mapping[str, str], to: str = "") -> requests.Response:
        """Fills in the form at an address and sends it, there or to another one."""
        found = TOKEN.search(self.get(form_at).text)
        assert found, form_at
        return self.session.post(
            to or form_at, {"csrf_token": found[1]} | dict(values), allow_redirects=False, timeout=SECONDS
        )
