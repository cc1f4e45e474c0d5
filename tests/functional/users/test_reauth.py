"""What is dangerous asks for the password once more, where the last time is long ago."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa
import webtest
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.db import utc_now
from myproject.users import constants as USER
from myproject.users.models import User, UserSession
from tests.conftest import PASSWORD, Client, form_with
from tests.factories import make_user, sign_in
from tests.functional.pages import cookies_set, field_errors, flashes, heading

pytestmark = pytest.mark.one_database

NEW_PASSWORD = "staple battery horse"
SENSITIVE = ("/users/me/password/", "/users/me/email/", "/users/me/sessions/")


def age(db: Session, minutes: float = USER.REAUTH_MINUTES) -> None:
    """Makes every sign-in so many minutes old."""
    db.execute(sa.update(UserSession).values(authenticated_at=utc_now() - timedelta(minutes=minutes)))


def prove(
    client: Client, path: str = "/users/reauth/", password: str = PASSWORD, status: int = 303
) -> webtest.TestResponse:
    form = form_with(client.get(path), "password")
    form["password"] = password
    return form.submit(status=status)


@pytest.fixture
def ann(client: Client, db: Session) -> User:
    """A member who signed in with `client` too long ago."""
    user = make_user(db, "ann")
    sign_in(client, user)
    age(db)
    return user


@pytest.mark.parametrize("path", SENSITIVE)
def test_a_sensitive_page_asks_for_the_password_and_comes_back(client: Client, ann: User, path: str) -> None:
    page = client.get(path, status=303).follow()
    assert heading(page) == "Prove that it is you"
    form = form_with(page, "password")
    form["password"] = PASSWORD
    assert form.submit(status=303).location.endswith(path)
    client.get(path, status=200)


@pytest.mark.parametrize("path", SENSITIVE)
def test_a_sign_in_of_the_last_minutes_is_asked_for_nothing(
    client: Client, db: Session, ann: User, path: str
) -> None:
    age(db, USER.REAUTH_MINUTES - 1)
    client.get(path, status=200)


def test_the_admins_pages_ask_for_the_proof_once_an_hour(client: Client, db: Session) -> None:
    sign_in(client, make_user(db, "root", role=USER.Role.ADMIN))
    age(db, USER.ADMIN_REAUTH_MINUTES - 1)
    client.get("/admin/", status=200)
    age(db, USER.ADMIN_REAUTH_MINUTES)
    assert "/users/reauth/?next=/admin/users/%3Fq%3Dann" in client.get("/admin/users/?q=ann", status=303).location
    assert client.get("/admin/emails/", status=303).location.endswith("/users/reauth/?next=/admin/emails/")


def test_a_role_is_changed_by_who_has_just_proved_who_they_are(client: Client, db: Session) -> None:
    sign_in(client, make_user(db, "root", role=USER.Role.ADMIN))
    bob = make_user(db, "bob")
    age(db, USER.REAUTH_MINUTES)
    assert "/users/reauth/" in client.get(f"/admin/users/{bob.id}/", status=303).location


def test_a_guest_is_sent_to_sign_in(client: Client) -> None:
    assert "/users/login/?next=/users/reauth/" in client.get("/users/reauth/", status=303).location


def test_a_form_that_was_open_too_long_changes_nothing_and_works_after_the_proof_in_another_tab(
    client: Client, db: Session, ann: User
) -> None:
    age(db, 0)
    form = form_with(client.get("/users/me/password/"), "current")
    form["current"], form["password"], form["confirm"] = PASSWORD, NEW_PASSWORD, NEW_PASSWORD
    age(db)
    stored = ann.password
    page = form.submit(status=400)
    db.refresh(ann)
    assert ann.password == stored
    assert "first prove once more that it is you" in page
    assert "signed out" not in page
    assert page.html.select_one('main a[target="_blank"]')["href"] == "/users/reauth/"
    assert PASSWORD not in page
    prove(client)
    # The proof gave the browser a new session; the form's token is the member's, and still good.
    form = form_with(page, "current")
    form["current"], form["password"], form["confirm"] = PASSWORD, NEW_PASSWORD, NEW_PASSWORD
    form.submit(status=303)
    db.refresh(ann)
    assert ann.password != stored


def test_the_proof_says_to_go_on_in_the_other_tab(client: Client, ann: User) -> None:
    page = prove(client).follow()
    assert flashes(page) == ["Thank you. Now go on where you were, in the other tab."]


def test_a_wrong_password_makes_nothing_fresh_and_is_told_beside_its_field(client: Client, ann: User) -> None:
    page = prove(client, "/users/reauth/?next=/users/me/password/", "wrong", 422)
    assert field_errors(page) == {"password": "This is not your password"}
    assert form_with(page, "password")["password"].value == ""
    client.get("/users/me/password/", status=303)
    # The way back is not lost.
    form = form_with(page, "password")
    form["password"] = PASSWORD
    assert form.submit(status=303).location.endswith("/users/me/password/")


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "/%2f/evil.example",
        "\r\nX: y",
    ],
)
def test_next_leads_to_paths_of_the_site_only(client: Client, ann: User, target: str) -> None:
    form = form_with(client.get("/users/reauth/", {"next": target}), "password")
    form["password"] = PASSWORD
    assert form.submit(status=303).location in ("/users/me/security/", "http://localhost/users/me/security/")


def test_the_proof_gives_a_new_token_and_the_old_one_is_worth_nothing(
    client: Client, make_client: Callable[..., Client], ann: User, db: Session
) -> None:
    thief = make_client()
    thief.set_cookie("session", client.cookies["session"].strip('"'))
    prove(client)
    thief.get("/users/me/", status=303)
    client.get("/users/me/", status=200)
    assert db.scalar(sa.select(sa.func.count(UserSession.id))) == 1


def test_the_proof_lengthens_no_sign_in(client: Client, db: Session) -> None:
    make_user(db, "ann")
    client.login("ann", remember=True)
    age(db)
    before = db.scalars(sa.select(UserSession.expires_at)).one()
    cookie = cookies_set(prove(client))["session"]
    assert db.scalars(sa.select(UserSession.expires_at)).one() == before
    seconds = int(cookie.partition("Max-Age=")[2].partition(";")[0])
    assert 0 < seconds <= (before - utc_now()).total_seconds() + 5


def test_the_proof_of_one_browser_makes_no_other_fresh(
    client: Client, make_client: Callable[..., Client], db: Session, ann: User
) -> None:
    other = make_client()
    sign_in(other, ann)
    age(db)
    prove(client)
    other.get("/users/me/password/", status=303)


def test_a_member_without_a_password_is_told_what_else_there_is(client: Client, db: Session, ann: User) -> None:
    ann.password = None
    page = client.get("/users/reauth/")
    assert "Your account has no password" in page
    assert all("password" not in form.fields for form in page.forms.values())


def test_guesses_are_limited_for_the_member_alone(
    make_app: Callable[..., Router], make_client: Callable[..., Client], db: Session
) -> None:
    app = make_app(
        **{
            "ratelimit.enabled": True,
            "ratelimit.reauth_account": "2 per hour",
            "ratelimit.login_account": "1 per hour",
        }
    )
    make_user(db, "ann")
    ann, bob = make_client(app), make_client(app)
    # Strangers who use up the sign-ins of an account use up nothing of its owner's here.
    sign_in(ann, db.scalars(sa.select(User)).one())
    for status in (422, 429):
        form = form_with(bob.get("/users/login/"), "login")
        form["login"], form["password"] = "ann", "wrong"
        form.submit(status=status)
    for _ in range(2):
        prove(ann, password="wrong", status=422)
    page = prove(ann, status=429)
    assert int(page.headers["Retry-After"]) >= 1
    other = make_client(app)
    sign_in(other, make_user(db, "cat"))
    prove(other)
