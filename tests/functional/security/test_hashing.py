"""Hashing is slow, so nobody waits for it: no transaction is open meanwhile."""

from datetime import timedelta

import bcrypt
import pytest
import sqlalchemy as sa
from pyramid.router import Router
from sqlalchemy.orm import Session
from sqlalchemy.pool import QueuePool

from myproject.db import sessions_of, utc_now
from myproject.security.passwords import PasswordHasher, hasher_of
from myproject.users import constants as USER
from myproject.users.models import User
from myproject.users.services import tokens
from tests.conftest import PASSWORD, Client, form_with
from tests.factories import make_user, sign_in

NEW_PASSWORD = "staple battery horse"


class Watch:
    """Looks at the database each time that a password is hashed or checked."""

    def __init__(self, app: Router) -> None:
        self.engine = sessions_of(app.registry).engine
        self.seen = 0

    def look(self) -> None:
        self.seen += 1
        pool = self.engine.pool
        assert isinstance(pool, QueuePool)
        assert pool.checkedout() == 0, "a transaction is open while a password is hashed"
        # Somebody else can write, at once.
        with self.engine.execution_options(immediate=True).begin() as connection:
            connection.execute(sa.update(User).values(created_at=utc_now()))


@pytest.fixture
def watch(app: Router, monkeypatch: pytest.MonkeyPatch) -> Watch:
    watch = Watch(app)
    hashpw, checkpw = bcrypt.hashpw, bcrypt.checkpw

    def watched_hashpw(password: bytes, salt: bytes) -> bytes:
        watch.look()
        return hashpw(password, salt)

    def watched_checkpw(password: bytes, hashed: bytes) -> bool:
        watch.look()
        return checkpw(password, hashed)

    monkeypatch.setattr(bcrypt, "hashpw", watched_hashpw)
    monkeypatch.setattr(bcrypt, "checkpw", watched_checkpw)
    return watch


@pytest.fixture
def ann(db: Session) -> User:
    """A member; made before `watch` looks."""
    return make_user(db, "ann")


@pytest.mark.parametrize(
    ("login", "password", "hashes"),
    [("ann", PASSWORD, 1), ("ann", "wrong", 1), ("nobody", PASSWORD, 1)],
    ids=["right", "wrong", "unknown"],
)
def test_nothing_waits_for_a_sign_in(
    ann: User, client: Client, watch: Watch, login: str, password: str, hashes: int
) -> None:
    form = form_with(client.get("/users/login/"), "login")
    form["login"], form["password"] = login, password
    form.submit(status="*")
    # An unknown member costs as much work as a known one.
    assert watch.seen == hashes


@pytest.fixture
def ann_of_old(app: Router, ann: User) -> User:
    """A member whose password was hashed at another cost."""
    ann.password = PasswordHasher(hasher_of(app.registry).keys, rounds=5, concurrency=1).hash(PASSWORD)
    return ann


def test_nothing_waits_for_a_hash_that_is_made_anew(ann_of_old: User, client: Client, watch: Watch) -> None:
    client.login("ann")
    assert watch.seen == 2


def test_nothing_waits_for_a_registration(client: Client, watch: Watch) -> None:
    assert client.register("bob").status_int == 303
    assert watch.seen == 1


def test_nothing_waits_for_a_reset(ann: User, client: Client, db: Session, watch: Watch) -> None:
    ttl = timedelta(hours=1)
    token = tokens.add_token(db, ann, USER.TokenPurpose.RESET_PASSWORD, ttl)
    form = form_with(client.get(f"/users/reset-password/{token}/"), "confirm")
    form["password"] = form["confirm"] = NEW_PASSWORD
    form.submit(status=303)
    assert watch.seen == 1


def test_nothing_waits_for_a_changed_password(ann: User, client: Client, watch: Watch) -> None:
    sign_in(client, ann)
    form = form_with(client.get("/users/me/password/"), "current")
    form["current"], form["password"], form["confirm"] = PASSWORD, NEW_PASSWORD, NEW_PASSWORD
    form.submit(status=303)
    assert watch.seen == 2


@pytest.mark.parametrize("password", ["x" * 129, "x" * 1_000_000], ids=["a-little", "much"])
def test_a_password_that_is_too_long_is_refused_before_it_is_hashed(
    ann: User, client: Client, watch: Watch, password: str
) -> None:
    form = form_with(client.get("/users/login/"), "login")
    form["login"], form["password"] = "ann", password
    form.submit(status=422)
    assert watch.seen == 0
