"""The cookie of a remembered sign-in changes while it is used; a copy of it gives itself away, and nobody else is
ever signed out by that.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from email.message import EmailMessage

import pytest
import sqlalchemy as sa
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.db import utc_now
from myproject.users import constants as USER
from myproject.users.models import SecurityLogEntry, User, UserSession
from tests.conftest import Client, form_with, run_tasks
from tests.factories import make_user, sign_in
from tests.functional.pages import cookies_set, csrf_token, text_of

pytestmark = pytest.mark.one_database

HOUR = timedelta(minutes=USER.VALIDATOR_MINUTES)
GRACE = timedelta(minutes=USER.VALIDATOR_GRACE_MINUTES)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
ELSEWHERE = "203.0.113.7"


@pytest.fixture
def ann(client: Client, db: Session) -> User:
    """A member who is signed in with `client`, and wants to be remembered."""
    user = make_user(db, "ann")
    client.login("ann", remember=True)
    return user


def wait(db: Session, time: timedelta = HOUR) -> None:
    """Lets this much time go by for every session, and for what the cache knows of them."""
    db.commit()
    db.info["registry"]["cache"].clear()
    for row in db.scalars(sa.select(UserSession)):
        for column in ("created_at", "last_seen_at", "validator_since", "authenticated_at", "expires_at"):
            setattr(row, column, getattr(row, column) - time)
    db.commit()


def look(client: Client, app: Router) -> bool:
    """Opens a page, has the worker do what it asked for, and says whether the browser is signed in."""
    signed_in = client.get("/users/me/", status="*").status_int == 200
    run_tasks(app.registry)
    return signed_in


def copy(make_client: Callable[..., Client], client: Client, **values: str) -> Client:
    """Another browser with the same cookie."""
    other = make_client(**values)
    other.set_cookie("session", client.cookies["session"].strip('"'))
    return other


def test_the_cookie_changes_once_an_hour_of_use_and_the_form_token_does_not(
    client: Client, app: Router, db: Session, ann: User
) -> None:
    seen, token = {client.cookies["session"]}, csrf_token(client.get("/users/me/edit/"))
    for _ in range(3):
        wait(db, HOUR - SECOND)
        assert "session" not in cookies_set(client.get("/users/me/"))
        wait(db, SECOND)
        header = cookies_set(client.get("/users/me/"))["session"]
        assert "HttpOnly" in header
        assert 0 < int(header.partition("Max-Age=")[2].partition(";")[0]) <= 30 * 86_400
        seen.add(client.cookies["session"])
        assert look(client, app)
    assert len(seen) == 4
    assert csrf_token(client.get("/users/me/edit/")) == token
    assert db.scalars(sa.select(UserSession.validator_number)).one() == 3


def test_a_sign_in_that_is_not_remembered_keeps_its_cookie(client: Client, app: Router, db: Session) -> None:
    make_user(db, "ann")
    client.login("ann")
    wait(db, 2 * HOUR)
    assert "session" not in cookies_set(client.get("/users/me/"))
    assert look(client, app)


def test_a_page_that_changes_the_cookie_writes_nothing_and_asks_no_more(
    client: Client, db: Session, ann: User, query_counter: Callable[..., AbstractContextManager[list[str]]]
) -> None:
    client.get("/")
    with query_counter() as before:
        client.get("/")
    db.execute(sa.update(UserSession).values(validator_since=utc_now() - HOUR))
    db.commit()
    with query_counter() as after:
        assert "session" in cookies_set(client.get("/"))
    assert after == before


def test_answers_that_are_lost_sign_nobody_out(
    client: Client, make_client: Callable[..., Client], app: Router, db: Session, ann: User
) -> None:
    lost = copy(make_client, client)
    for _ in range(3):
        wait(db)
        for _ in range(2):
            # The browser never gets the new cookie, and goes on with the old one.
            copy(make_client, lost).get("/users/me/", status=200)
            run_tasks(app.registry)
    assert look(lost, app)


def test_pages_asked_for_at_once_get_the_same_cookie_and_the_old_one_is_good_for_a_moment(
    client: Client, make_client: Callable[..., Client], app: Router, db: Session, ann: User
) -> None:
    wait(db)
    tabs = [copy(make_client, client) for _ in range(3)]
    upload = copy(make_client, client)
    assert len({cookies_set(tab.get("/users/me/"))["session"].split(";")[0] for tab in tabs}) == 1
    assert all(look(tab, app) for tab in tabs)
    wait(db, GRACE - SECOND)
    assert look(upload, app)
    assert "session" not in cookies_set(upload.get("/users/me/"))
    assert look(tabs[0], app)


def test_a_browser_that_changes_its_network_meanwhile_stays_signed_in(
    client: Client, make_client: Callable[..., Client], app: Router, db: Session, ann: User
) -> None:
    wait(db)
    here, there = copy(make_client, client), copy(make_client, client, address=ELSEWHERE)
    # Two tabs, both of one browser: one answer after the other brings it a cookie, and the last one stands.
    here.get("/users/me/")
    there.get("/users/me/")
    assert here.cookies["session"] != there.cookies["session"]
    assert look(here, app)
    assert look(there, app)
    assert look(there, app)
    wait(db, GRACE + SECOND)
    assert look(there, app)


@pytest.mark.parametrize("by", ["owner", "thief"], ids=["owner-first", "thief-first"])
def test_a_copied_cookie_ends_every_session_and_the_owner_is_told(
    client: Client,
    make_client: Callable[..., Client],
    app: Router,
    db: Session,
    ann: User,
    mails: Callable[..., list[EmailMessage]],
    by: str,
) -> None:
    thief, other, bob = copy(make_client, client, address=ELSEWHERE), make_client(), make_client()
    sign_in(other, ann)
    sign_in(bob, make_user(db, "bob"))
    first, second = (client, thief) if by == "owner" else (thief, client)
    wait(db)
    first.get("/users/me/", status=200)
    assert look(first, app)
    wait(db, GRACE + SECOND)
    assert not look(second, app)
    assert not look(first, app)
    assert not look(other, app)
    assert look(bob, app)
    (mail,) = (mail for mail in mails(to="ann@example.org") if "Two browsers used one" in text_of(mail))
    assert "Somebody may have copied it from your device" in text_of(mail)
    events = db.scalars(sa.select(SecurityLogEntry.event).where(SecurityLogEntry.user_id == ann.id)).all()
    assert events.count(USER.SecurityEvent.SESSION_COPIED) == 1


def test_a_thief_who_asks_all_the_time_is_found_out_too(
    client: Client, make_client: Callable[..., Client], app: Router, db: Session, ann: User
) -> None:
    thief = copy(make_client, client, address=ELSEWHERE)
    wait(db)
    # Both get a new cookie before either shows one: but not the same.
    thief.get("/users/me/", status=200)
    client.get("/users/me/", status=200)
    assert look(client, app)
    wait(db, GRACE + SECOND)
    assert not look(thief, app)
    assert not look(client, app)


def test_what_one_process_gives_out_counts_in_another(
    client: Client,
    make_app: Callable[..., Router],
    make_client: Callable[..., Client],
    app: Router,
    db: Session,
    ann: User,
) -> None:
    other_app = make_app(cache_user_seconds=301)
    wait(db)
    before = copy(make_client, client)
    client.get("/users/me/", status=200)
    elsewhere = make_client(other_app)
    elsewhere.set_cookie("session", client.cookies["session"].strip('"'))
    assert look(elsewhere, other_app)
    wait(db, GRACE + SECOND)
    assert look(client, app)
    assert not look(before, app)
    assert not look(elsewhere, other_app)


def test_who_signs_in_again_meanwhile_stays(
    client: Client, make_client: Callable[..., Client], app: Router, db: Session, ann: User
) -> None:
    thief = copy(make_client, client, address=ELSEWHERE)
    wait(db)
    assert look(thief, app)
    assert look(thief, app)
    wait(db, GRACE + SECOND)
    # The worker is busy: the owner is faster.
    client.get("/users/me/", status=303)
    client.login("ann")
    run_tasks(app.registry)
    assert look(client, app)
    assert not look(thief, app)


@pytest.mark.parametrize(
    "forge",
    [
        lambda cookie: cookie[:-1] + ("0" if cookie[-1] != "0" else "1"),
        lambda cookie: cookie.replace(".1.", ".2."),
        lambda cookie: cookie + ".",
        lambda cookie: cookie.rpartition(".")[0],
        lambda cookie: cookie.partition(".")[0] + ".1..",
        lambda cookie: "." + cookie,
    ],
)
def test_a_cookie_that_the_site_never_wrote_is_a_guests_and_ends_nothing(
    client: Client,
    make_client: Callable[..., Client],
    app: Router,
    db: Session,
    ann: User,
    forge: Callable[[str], str],
) -> None:
    wait(db)
    assert look(client, app)
    other = make_client()
    other.set_cookie("session", forge(client.cookies["session"].strip('"')))
    assert not look(other, app)
    assert look(client, app)


def test_signing_out_with_a_changed_cookie_ends_the_session_and_sets_no_other(
    client: Client, app: Router, db: Session, ann: User
) -> None:
    wait(db)
    assert look(client, app)
    form = next(form for form in client.get("/users/me/").forms.values() if form.action.endswith("/logout/"))
    wait(db)
    answer = form.submit(status=303)
    sessions = [header for header in answer.headers.getall("Set-Cookie") if header.startswith("session=")]
    assert len(sessions) == 1
    assert "Max-Age=0" in sessions[0]
    assert db.scalars(sa.select(UserSession)).all() == []


def test_a_proof_begins_the_cookie_anew_and_the_one_before_is_worth_nothing(
    client: Client, make_client: Callable[..., Client], app: Router, db: Session, ann: User
) -> None:
    wait(db)
    assert look(client, app)
    before = copy(make_client, client)
    form = form_with(client.get("/users/reauth/"), "password")
    form["password"] = "correct horse battery"
    form.submit(status=303)
    assert "." not in client.cookies["session"]
    assert look(client, app)
    # A guest, and no more: the session has another token, so nobody can take this for a copy.
    assert not look(before, app)
    assert look(client, app)


def test_what_the_worker_notes_late_does_not_count_for_the_cookie_that_a_proof_began(
    client: Client, app: Router, db: Session, ann: User
) -> None:
    wait(db)
    # The first page gives the cookie out, the second asks for it to be noted; the worker is busy.
    client.get("/users/me/", status=200)
    form = form_with(client.get("/users/reauth/"), "password")
    form["password"] = "correct horse battery"
    form.submit(status=303)
    run_tasks(app.registry)
    wait(db, GRACE + SECOND)
    assert look(client, app)
    assert look(client, app)


@pytest.mark.parametrize(
    ("remember", "steps", "every"),
    [
        (False, 24, timedelta(hours=1)),
        (False, 1, timedelta(hours=USER.SESSION_IDLE_HOURS)),
        (True, 30, timedelta(days=1)),
        (True, 1, timedelta(days=USER.REMEMBERED_IDLE_DAYS)),
    ],
    ids=["short-used", "short-idle", "remembered-used", "remembered-idle"],
)
def test_a_sign_in_ends_by_its_age_and_by_not_being_used(
    client: Client, app: Router, db: Session, remember: bool, steps: int, every: timedelta
) -> None:
    make_user(db, "ann")
    client.login("ann", remember=remember)
    for step in range(steps):
        wait(db, every - MINUTE * (step == 0))
        # A minute before its time it is good, and being used does not make it last longer.
        assert look(client, app)
        assert look(client, app)
    wait(db, MINUTE)
    if steps == 1:
        # It was used just now.
        assert look(client, app)
        wait(db, every)
    assert not look(client, app)
