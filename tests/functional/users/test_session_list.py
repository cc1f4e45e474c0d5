"""Where a member is signed in: shown to its owner alone, and ended by the next request."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa
import webtest
from sqlalchemy.orm import Session

from myproject.audit import AuditEntry
from myproject.db import utc_now
from myproject.users import constants as USER
from myproject.users.models import SecurityLogEntry, User, UserSession
from myproject.users.services import accounts, sign_ins
from myproject.users.tasks import touch_session
from myproject.users.views.client import browser_name, coarse_network
from tests.conftest import Client
from tests.factories import make_user, sign_in
from tests.functional.pages import csrf_token, flashes

pytestmark = pytest.mark.one_database

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


def rows(page: webtest.TestResponse) -> list[str]:
    return [row.get_text(" ", strip=True) for row in page.html.select("tbody tr")]


def post(client: Client, **fields: str) -> webtest.TestResponse:
    fields["csrf_token"] = csrf_token(client.get("/users/me/sessions/"))
    return client.post("/users/me/sessions/", fields, status="*")


def session_of(db: Session, user: User) -> int:
    return int(db.scalars(sa.select(UserSession.id).where(UserSession.user_id == user.id)).one())


def test_the_list_tells_the_browser_the_system_and_no_more_than_the_network(
    client: Client, db: Session, ann: User
) -> None:
    sign_ins.begin_session(db, ann, accounts.Client("203.0.113.77", FIREFOX))
    first, second = rows(client.get("/users/me/sessions/"))
    assert "Firefox 128 on Linux" in first
    assert "203.0.113.0/24" in first
    assert "203.0.113.77" not in first
    assert "just now" in first
    assert "This browser" in second
    assert "An unknown browser" in second


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
        ("::1", "::/48"),
        ("", ""),
        ("not an address", ""),
    ],
)
def test_an_address_is_shown_as_its_network(address: str, network: str) -> None:
    assert coarse_network(address) == network


@pytest.mark.parametrize("user_agent", ["", "x" * 200, "\x00\ud800", "Mozilla/5.0 (", "${browser} %(x)s {{ 7 }}"])
def test_whatever_calls_itself_something_odd_is_unknown(user_agent: str) -> None:
    assert browser_name(user_agent).interpolate() == "An unknown browser"


def test_a_session_that_is_ended_signs_nobody_in_from_the_next_request_on(
    client: Client, make_client: Callable[..., Client], db: Session, ann: User
) -> None:
    here = session_of(db, ann)
    other = make_client()
    sign_in(other, ann)
    other.get("/users/me/", status=200)
    there = db.scalars(sa.select(UserSession.id).where(UserSession.id != here)).one()
    page = post(client, session=str(there)).follow()
    assert flashes(page) == ["That device is signed out"]
    other.get("/users/me/", status=303)
    client.get("/users/me/", status=200)


def test_all_others_are_ended_at_once_and_this_one_stays(
    client: Client, make_client: Callable[..., Client], db: Session, ann: User
) -> None:
    others = [make_client() for _ in range(3)]
    for other in others:
        sign_in(other, ann)
    bob = make_client()
    sign_in(bob, make_user(db, "bob"))
    page = post(client, others="others").follow()
    assert flashes(page) == ["Every other device is signed out"]
    assert len(rows(page)) == 1
    assert {other.get("/users/me/", status="*").status_int for other in others} == {303}
    bob.get("/users/me/", status=200)


@pytest.mark.parametrize("number", ["", "0", "999999", "-1", "x", "9" * 30, "١"])
def test_a_session_that_is_not_there_is_not_found(client: Client, db: Session, ann: User, number: str) -> None:
    assert post(client, session=number).status_int == 404
    client.get("/users/me/", status=200)


def test_the_session_of_somebody_else_is_not_found_and_lives_on(
    client: Client, make_client: Callable[..., Client], db: Session, ann: User
) -> None:
    bob, user = make_client(), make_user(db, "bob")
    sign_in(bob, user)
    assert post(client, session=str(session_of(db, user))).status_int == 404
    bob.get("/users/me/", status=200)
    assert len(rows(client.get("/users/me/sessions/"))) == 1


def test_ending_stands_in_the_history(client: Client, db: Session, ann: User) -> None:
    post(client, others="others")
    events = db.scalars(sa.select(SecurityLogEntry.event).where(SecurityLogEntry.user_id == ann.id)).all()
    assert events == [USER.SecurityEvent.SESSIONS_ENDED]


# Over by themselves


@pytest.mark.parametrize(
    ("life", "idle"),
    [
        (timedelta(hours=USER.SESSION_HOURS), timedelta(hours=USER.SESSION_IDLE_HOURS)),
        (timedelta(days=30), timedelta(days=USER.REMEMBERED_IDLE_DAYS)),
    ],
    ids=["until the browser closes", "remembered"],
)
def test_a_session_that_nobody_uses_is_over_long_before_it_ends(
    client: Client, make_client: Callable[..., Client], db: Session, ann: User, life: timedelta, idle: timedelta
) -> None:
    watching = make_client()
    sign_in(watching, ann)
    row = db.get_one(UserSession, 1)
    now = utc_now()
    row.created_at, row.expires_at = now - idle, now - idle + life
    row.last_seen_at = now - idle + timedelta(minutes=10)
    client.get("/users/me/", status=200)
    row = db.get_one(UserSession, 1)
    row.last_seen_at = now - idle
    client.get("/users/me/", status=303)
    assert len(rows(watching.get("/users/me/sessions/"))) == 1


def test_when_a_session_and_its_member_were_last_seen_never_goes_back(
    client: Client, db: Session, ann: User
) -> None:
    client.get("/users/me/", status=200)
    latest = utc_now() + timedelta(minutes=20)
    session_id = db.scalars(sa.select(UserSession.id)).one()
    db.commit()
    for moment in (latest, latest - timedelta(minutes=10)):
        touch_session(db.info["registry"], session_id, moment.isoformat())
    seen = sa.select(UserSession.last_seen_at, User.last_seen_at).join(User, User.id == UserSession.user_id)
    assert db.execute(seen).one() == (latest, latest)


def test_of_too_many_sessions_the_one_least_lately_used_ends(client: Client, db: Session, ann: User) -> None:
    seen = sa.select(UserSession.last_seen_at).order_by(UserSession.last_seen_at)
    for minutes in range(1, USER.SESSIONS_MAX):
        sign_ins.begin_session(db, ann, accounts.Client("203.0.113.77", FIREFOX))
        newest = db.scalars(sa.select(UserSession).order_by(UserSession.id.desc()).limit(1)).one()
        newest.last_seen_at = utc_now() - timedelta(minutes=minutes)
    before = db.scalars(seen).all()
    sign_ins.begin_session(db, ann, accounts.Client("203.0.113.77", FIREFOX))
    after = db.scalars(seen).all()
    assert len(before) == len(after) == USER.SESSIONS_MAX
    assert after[:-1] == before[1:]
    client.get("/users/me/", status=200)


def test_an_admin_signs_a_member_out_everywhere(
    client: Client, make_client: Callable[..., Client], db: Session, ann: User
) -> None:
    root = make_client()
    sign_in(root, make_user(db, "root", role=USER.Role.ADMIN))
    page = root.get(f"/admin/users/{ann.id}/")
    form = next(form for form in page.forms.values() if form.action.endswith("/sessions/"))
    assert flashes(form.submit(status=303).follow()) == ["ann is signed out everywhere"]
    client.get("/users/me/", status=303)
    root.get("/users/me/", status=200)
    (entry,) = db.scalars(sa.select(AuditEntry).where(AuditEntry.action == "user.sessions"))
    assert (entry.actor_name, entry.target_id) == ("root", ann.id)
    sign_in(client, ann)
    assert "An admin signed you out everywhere" in client.get("/users/me/security/history/")
