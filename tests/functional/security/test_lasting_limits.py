"""Limits that guard accounts: without Redis they stand in the database, so that neither a restart nor another
process gives anybody new tries.
"""

import logging
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
import sqlalchemy as sa
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.db import Sessions, sessions_of, utc_now
from myproject.security.ratelimit import RateLimiter, limiter_of
from myproject.security.windows import LimitWindow
from myproject.settings import settings_of
from myproject.users import constants as USER
from tests import servers
from tests.authenticator import Authenticator
from tests.conftest import Client, form_with
from tests.factories import make_post, make_user, sign_in
from tests.functional.users import test_avatars as avatars
from tests.functional.users import test_names as names
from tests.functional.users import test_passkeys as passkeys
from tests.unit.security.test_ratelimit import accepted as accepted_tries

accepted = partial(accepted_tries, name="login_account")
LIMITS = {"ratelimit_enabled": True, "ratelimit_login_account": "3 per hour; 5 per day"}


@pytest.fixture
def app(make_app: Callable[..., Router]) -> Router:
    return make_app(**LIMITS)


def restarted(app: Router) -> RateLimiter:
    """The limiter of a process that has just begun."""
    return RateLimiter(settings_of(app.registry), sessions_of(app.registry))


def counted(db: Session) -> set[str]:
    """The names of the limits that the database counts something of."""
    db.commit()
    return {key.partition("/")[0] for key in db.scalars(sa.select(LimitWindow.key))}


def test_a_restart_gives_no_new_tries(app: Router) -> None:
    assert accepted(limiter_of(app.registry), 5, "ann") == 3
    assert accepted(restarted(app), 5, "ann") == 0
    assert accepted(restarted(app), 5, "bob") == 3


TRIES = """
import sys
from myproject.db import Sessions, make_engine
from myproject.security.ratelimit import RateLimited, RateLimiter
from myproject.settings import Settings

settings = Settings.with_defaults(sqlalchemy_url=sys.argv[1], ratelimit_login_account="50 per hour")
limiter = RateLimiter(settings, Sessions(make_engine(settings)))
sys.stdin.readline()
count = 0
for _ in range(60):
    try:
        limiter.hit("login_account", "ann")
        count += 1
    except RateLimited:
        pass
print(count)
"""


def test_two_processes_share_one_count(app: Router, database_url: str) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", TRIES, settings_of(app.registry).sqlalchemy_url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    counts = [int(process.communicate(timeout=60)[0]) for process in processes]
    assert sum(counts) == 50


def test_while_redis_is_away_the_database_counts(app: Router) -> None:
    settings = replace(settings_of(app.registry), redis_url=f"redis://{servers.LOOPBACK}:{servers.free_port()}/0")
    assert accepted(RateLimiter(settings, sessions_of(app.registry)), 5, "ann") == 3
    assert accepted(RateLimiter(settings, sessions_of(app.registry)), 5, "ann") == 0


def test_where_the_database_is_away_too_nothing_is_let_through_without_counting(
    app: Router, caplog: pytest.LogCaptureFixture
) -> None:
    nowhere = Sessions(sa.create_engine("sqlite:////nowhere/at/all.sqlite"))
    limiter = RateLimiter(settings_of(app.registry), nowhere)
    assert accepted(limiter, 5, "ann") == 3
    assert "the database can't count" in caplog.text


def test_neither_names_nor_addresses_stand_in_the_rows(app: Router, db: Session) -> None:
    accepted(limiter_of(app.registry), 1, "ann@example.org")
    (row,) = db.scalars(sa.select(LimitWindow)).all()
    assert row.key.startswith("login_account/")
    assert "ann" not in row.key
    assert timedelta(hours=23) < row.ends_at - utc_now() <= timedelta(days=1)


def test_what_guards_the_sites_time_alone_is_counted_in_memory(app: Router, db: Session) -> None:
    accepted(limiter_of(app.registry), 1, "192.0.2.1", name="search_address")
    assert counted(db) == set()


def test_a_try_that_is_refused_writes_nothing(
    app: Router, query_counter: Callable[..., AbstractContextManager[list[str]]]
) -> None:
    limiter = limiter_of(app.registry)
    accepted(limiter, 3, "ann")
    with query_counter() as statements:
        assert accepted(limiter, 1, "ann") == 0
    assert [statement.split()[0] for statement in statements] == ["SELECT"]


def test_reading_pages_ask_nothing_of_the_limits(
    client: Client, db: Session, query_counter: Callable[..., AbstractContextManager[list[str]]]
) -> None:
    ann = make_user(db, "ann")
    post = make_post(db, ann)
    db.commit()
    with query_counter() as statements:
        for path in ("/", f"/posts/{post.id}/a-post/", "/@ann/", "/users/login/", "/users/register/"):
            client.get(path)
        sign_in(client, ann)
        for path in ("/", f"/posts/{post.id}/a-post/", "/users/me/"):
            client.get(path)
    assert [statement for statement in statements if "limit_windows" in statement] == []


def test_the_worker_purges_what_is_over_and_keeps_the_rest(app: Router, db: Session) -> None:
    accepted(limiter_of(app.registry), 5, "ann")
    db.execute(sa.update(LimitWindow).values(ends_at=utc_now() - timedelta(seconds=1)))
    db.commit()
    accepted(limiter_of(app.registry), 5, "bob")
    huey = app.registry["huey"]
    (purge,) = (task for task in huey._registry.periodic_tasks if "security.windows" in task.name)
    huey.execute(purge)
    db.expire_all()
    assert len(db.scalars(sa.select(LimitWindow)).all()) == 1
    db.commit()
    assert accepted(limiter_of(app.registry), 5, "bob") == 0


def test_every_door_counts_its_tries_in_the_database_without_waiting_for_itself(
    app: Router,
    client: Client,
    make_client: Callable[..., Client],
    db: Session,
    caplog: pytest.LogCaptureFixture,
) -> None:
    # On SQLite a request that has begun to write would wait for its own lock, until that gives up.
    caplog.set_level(logging.WARNING, "myproject.security.ratelimit")
    ann = make_user(db, "ann")
    client.login("ann")
    make_client().register("bob")

    lost = form_with(make_client().get("/users/lost-password/"), "email")
    lost["email"] = "ann@example.org"
    lost.submit(status=303)

    again = form_with(client.get("/users/reauth/"), "password")
    again["password"] = "wrong"
    again.submit(status=422)

    nell = make_user(db, "nell", status=USER.Status.NEW)
    visitor = make_client()
    sign_in(visitor, nell)
    code = form_with(visitor.get("/users/verify/"), "code")
    code["code"] = "000000"
    code.submit(status="*")
    page = visitor.get("/users/verify/")
    next(form for form in page.forms.values() if "resend" in form.fields).submit("resend", status=303)
    mend = form_with(visitor.get("/users/verify/address/"), "email")
    mend["email"] = "nelly@example.org"
    mend.submit(status=303)

    sign_in(client, ann)
    change = form_with(client.get("/users/me/email/"), "email")
    change["email"], change["password"] = "annie@example.org", "correct horse battery"
    change.submit(status=303)

    assert counted(db) >= {
        "login_address",
        "login_account",
        "register_address",
        "register_tries",
        "lost_password_address",
        "lost_password_account",
        "reauth_account",
        "verify_address",
        "verify_account",
        "code_account",
        "account_mail_recipient",
        "once",
    }
    assert caplog.text == ""


def test_what_a_member_may_do_so_often_outlives_a_restart_too(
    client: Client,
    make_app: Callable[..., Router],
    make_client: Callable[..., Client],
    db: Session,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING, "myproject.security.ratelimit")
    sign_in(client, make_user(db, "ann"))
    device = Authenticator()
    passkeys.add(client, device)
    client.logout()
    passkeys.reply(client, device.get(passkeys.ask(client)))
    client.logout()
    client.login("ann")

    inviting = make_client(make_app(**LIMITS, users_registration="invite"))
    inviting.login("ann")
    form_with(inviting.get("/users/me/invitations/"), "uses").submit(status=303)
    avatars.send(client, avatars.picture(), bio="See @ann")
    names.rename(client, "Annie")
    client.get("/users/me/data/").forms["form"].submit("export", status=303)

    assert counted(db) >= {
        "login_site",
        "passkey_address",
        "passkey_account",
        "invitation_account",
        "upload_account",
        "rename_account",
        "export_account",
    }
    assert caplog.text == ""
