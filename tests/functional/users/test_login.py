"""Signing in."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa
import webtest
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.db import utc_now
from myproject.security.passwords import hasher_of
from myproject.users import constants as USER
from myproject.users.models import User, UserSession
from tests.conftest import PASSWORD, Client, form_with
from tests.factories import make_post, make_user, sign_in
from tests.functional.pages import cookies_set, flashes, heading, summary


def attempt(client: Client, login: str, password: str = PASSWORD) -> webtest.TestResponse:
    form = form_with(client.get("/users/login/"), "login")
    form["login"], form["password"] = login, password
    return form.submit(status=422)


@pytest.mark.parametrize(
    "login", ["ann", "ANN", " ann ", "ａｎｎ", "ann@example.org", "Ann@Example.ORG", "ann@example.org "]
)
def test_a_nickname_or_address_in_any_spelling_signs_in(client: Client, db: Session, login: str) -> None:
    make_user(db, "Ann", email="Ann@example.org")
    answer = client.login(login)
    assert answer.location == "http://localhost/users/me/"
    page = answer.follow()
    assert flashes(page) == ["Welcome Ann"]
    assert heading(page) == "Hi Ann!"


def test_a_member_whose_address_is_not_verified_may_sign_in(client: Client, db: Session) -> None:
    make_user(db, "ann", status=USER.Status.NEW)
    assert heading(client.login("ann").follow()) == "Hi ann!"


@pytest.mark.parametrize("password", ["correct horse batterY", PASSWORD + " ", " " + PASSWORD, PASSWORD[:-1]])
def test_a_password_is_taken_exactly_as_typed(client: Client, db: Session, password: str) -> None:
    make_user(db, "ann")
    assert "Wrong email or password" in summary(attempt(client, "ann", password))


def test_a_wrong_password_and_an_unknown_member_are_told_the_same(
    make_client: Callable[..., Client], db: Session
) -> None:
    make_user(db, "ann")
    make_user(db, "shut", status=USER.Status.INACTIVE)
    answers = []
    for login in ("ann", "bob", "shut", "ann@example.org"):
        page = attempt(make_client(), login, "not the password")
        body = page.text.replace(f'value="{login}"', 'value="LOGIN"')
        body = re.sub(r'(name="csrf_token" value=")\w+', r"\1", body)
        answers.append((page.status_int, sorted(set(page.headers) - {"X-Request-ID"}), body))
    assert all(answer == answers[0] for answer in answers)


def test_the_login_stays_in_its_field_and_the_password_does_not(client: Client) -> None:
    page = attempt(client, "ann", "not the password")
    form = form_with(page, "login")
    assert (form["login"].value, form["password"].value) == ("ann", "")
    assert "not the password" not in page


def test_a_shut_account_is_told_so_with_the_right_password_only(client: Client, db: Session) -> None:
    make_user(db, "ann", status=USER.Status.INACTIVE)
    assert "Wrong email or password" in summary(attempt(client, "ann", "not the password"))
    page = attempt(client, "ann")
    assert "This account has been shut" in summary(page)
    assert "session" not in cookies_set(page)
    assert db.scalars(sa.select(UserSession)).all() == []


def test_whoever_can_not_get_in_is_told_whom_to_write_to_where_the_site_names_somebody(
    make_app: Callable[..., Router], make_client: Callable[..., Client]
) -> None:
    named = make_client(make_app(site_admins="root@site.example"))
    for path in ("/users/login/", "/about/", "/privacy/"):
        assert "root@site.example" in named.get(path)
        assert "Write to" not in make_client().get(path)


def test_an_account_without_a_usable_password_can_not_be_entered(client: Client, db: Session) -> None:
    user = make_user(db, "ann")
    for stored in (None, "", "!", "v1$nokey$nothing", "v1"):
        user.password = stored
        assert "Wrong email or password" in summary(attempt(client, "ann"))


# How long it lasts


def test_a_sign_in_lasts_until_the_browser_closes(client: Client, db: Session) -> None:
    make_user(db, "ann")
    cookie = cookies_set(client.login("ann"))["session"]
    assert "Max-Age" not in cookie
    assert "expires" not in cookie.lower()
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Domain" not in cookie
    row = db.scalars(sa.select(UserSession)).one()
    assert timedelta(hours=23) < row.expires_at - utc_now() <= timedelta(hours=24)


def test_a_remembered_sign_in_lasts_for_the_days_of_the_setting(
    make_app: Callable[..., Router], make_client: Callable[..., Client], db: Session
) -> None:
    make_user(db, "ann")
    client = make_client(make_app(retention_sessions_days=7))
    cookie = cookies_set(client.login("ann", remember=True))["session"]
    assert f"Max-Age={7 * 86400};" in cookie
    row = db.scalars(sa.select(UserSession)).one()
    assert timedelta(days=6) < row.expires_at - utc_now() <= timedelta(days=7)


def test_a_session_whose_time_is_over_signs_nobody_in(client: Client, db: Session) -> None:
    sign_in(client, make_user(db, "ann"))
    assert client.get("/users/me/").status_int == 200
    db.execute(sa.update(UserSession).values(expires_at=utc_now() - timedelta(seconds=1)))
    assert client.get("/users/me/", status=303).location.startswith("http://localhost/users/login/")


# Where it leads


def test_a_guest_is_sent_to_sign_in_and_comes_back(client: Client, db: Session) -> None:
    make_user(db, "ann")
    page = client.get("/posts/new/?a=1&b=%26", status=303).follow()
    assert flashes(page) == ["You need to be signed in for this page."]
    form = form_with(page, "login")
    form["login"], form["password"] = "ann", PASSWORD
    assert form.submit(status=303).location == "http://localhost/posts/new/?a=1&b=%26"


def test_a_mistake_does_not_lose_where_to_go(client: Client, db: Session) -> None:
    make_user(db, "ann")
    form = form_with(client.get("/users/login/?next=/drafts/"), "login")
    form["login"], form["password"] = "ann", "not the password"
    form = form_with(form.submit(status=422), "login")
    form["password"] = PASSWORD
    assert form.submit(status=303).location == "http://localhost/drafts/"


def test_who_was_reading_comes_back_to_the_very_page(client: Client, db: Session) -> None:
    make_post(db, make_user(db, "ann"), "A post")
    db.commit()
    page = client.get("/search/?q=a+post").click("^Sign in$")
    form = form_with(page, "login")
    form["login"], form["password"] = "ann", PASSWORD
    assert form.submit(status=303).location == "http://localhost/search/?q=a+post"


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "https:evil.example",
        "//evil.example/",
        "/\\evil.example/",
        "\\\\evil.example/",
        "/%09/evil.example/",
        "%2F%2Fevil.example",
        "javascript:alert(1)",
        "/%0d%0aLocation: https://evil.example/",
        "/..//evil.example/",
        "drafts/",
        "",
    ],
)
def test_next_leads_to_paths_of_the_site_only(client: Client, db: Session, target: str) -> None:
    make_user(db, "ann")
    address = "/users/login/?" + "next=" + target.replace(" ", "%20").replace("\\", "%5C")
    form = form_with(client.get(address), "login")
    form["login"], form["password"] = "ann", PASSWORD
    assert form.submit(status=303).location == "http://localhost/users/me/"


def test_who_is_signed_in_already_goes_straight_to_next(client: Client, db: Session) -> None:
    sign_in(client, make_user(db, "ann"))
    assert client.get("/users/login/?next=/drafts/", status=303).location == "http://localhost/drafts/"


# Stored hashes


def test_a_hash_of_an_old_cost_is_made_anew_at_the_next_sign_in(
    make_app: Callable[..., Router], make_client: Callable[..., Client], db: Session
) -> None:
    user = make_user(db, "ann")
    app = make_app(users_password_rounds=5)
    client = make_client(app)
    client.login("ann")
    db.refresh(user)
    assert user.password is not None
    assert not hasher_of(app.registry).is_outdated(user.password)
    assert "$05$" in user.password
    client.logout()
    assert client.login("ann").status_int == 303


def test_a_wrong_password_does_not_change_an_old_hash(
    make_app: Callable[..., Router], make_client: Callable[..., Client], db: Session
) -> None:
    stored = make_user(db, "ann").password
    attempt(make_client(make_app(users_password_rounds=5)), "ann", "not the password")
    assert db.scalars(sa.select(User.password)).one() == stored
