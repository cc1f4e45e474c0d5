"""Limits of tries: what is over is told, with the time to wait, and nothing typed is lost."""

from collections.abc import Callable
from email.message import EmailMessage
from typing import Any

import pytest
import sqlalchemy as sa
import webtest
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.posts.models import Post
from myproject.users import constants as USER
from myproject.users.models import User
from myproject.users.tasks import ask_for_reset
from tests.conftest import PASSWORD, Client, form_with
from tests.factories import make_post, make_user, sign_in
from tests.functional.pages import flashes, summary

pytestmark = pytest.mark.one_database

MakeApp = Callable[..., Router]
MakeClient = Callable[..., Client]


def limited(make_app: MakeApp, name: str, rate: str = "2 per hour") -> Router:
    return make_app(**{"ratelimit.enabled": True, f"ratelimit.{name}": rate})


def check_refusal(page: webtest.TestResponse, form_field: str, kept: dict[str, str]) -> None:
    """The page is the form with what was typed, and says when to come back."""
    assert page.status_int == 429
    assert 1 <= int(page.headers["Retry-After"]) <= 3600
    assert "Nothing is lost: try again in" in summary(page)
    form = form_with(page, form_field)
    assert {name: form[name].value for name in kept} == kept


def send(client: Client, path: str, values: dict[str, Any], button: str | None = None) -> webtest.TestResponse:
    form = form_with(client.get(path), next(iter(values)))
    for name, value in values.items():
        form[name] = value
    return form.submit(button, status="*")


@pytest.mark.parametrize(
    ("name", "path", "values", "button", "passes"),
    [
        ("login_account", "/users/login/", {"login": "ann", "password": "wrong"}, None, 422),
        ("login_site", "/users/login/", {"login": "ann", "password": "wrong"}, None, 422),
        ("login_address", "/users/login/", {"login": "ann", "password": "wrong"}, None, 422),
        ("lost_password_account", "/users/lost-password/", {"email": "ann@example.org"}, None, 303),
        ("lost_password_address", "/users/lost-password/", {"email": "ann@example.org"}, None, 303),
    ],
)
def test_a_guest_over_the_limit_is_told_when_to_come_back(
    make_app: MakeApp,
    make_client: MakeClient,
    name: str,
    path: str,
    values: dict[str, str],
    button: str | None,
    passes: int,
) -> None:
    client = make_client(limited(make_app, name))
    assert [send(client, path, values, button).status_int for _ in range(2)] == [passes, passes]
    page = send(client, path, values, button)
    check_refusal(page, next(iter(values)), {key: values[key] for key in values if key != "password"})


@pytest.mark.parametrize(
    ("name", "path", "values", "button", "passes"),
    [
        ("code_account", "/users/verify/", {"code": "BBBB-BBBB"}, None, 422),
        ("verify_account", "/users/verify/address/", {"email": "x@example.org"}, None, 303),
        (
            "preview_account",
            "/posts/new/",
            {"title": "A title", "body": "Some text", "tags": "tea"},
            "preview",
            200,
        ),
        (
            "preview_account",
            "/posts/new/",
            {"title": "A title", "body": "Some text", "tags": "tea"},
            "save_draft",
            303,
        ),
    ],
)
def test_a_new_member_over_the_limit_is_told_when_to_come_back(
    make_app: MakeApp,
    make_client: MakeClient,
    db: Session,
    name: str,
    path: str,
    values: dict[str, str],
    button: str | None,
    passes: int,
) -> None:
    client = make_client(limited(make_app, name))
    sign_in(client, make_user(db, "ann", status=USER.Status.NEW))
    assert [send(client, path, values, button).status_int for _ in range(2)] == [passes, passes]
    check_refusal(send(client, path, values, button), next(iter(values)), values)


def test_a_member_who_posts_too_often_keeps_the_text(
    make_app: MakeApp, make_client: MakeClient, db: Session
) -> None:
    client = make_client(limited(make_app, "post_account"))
    sign_in(client, make_user(db, "ann"))
    values = {"title": "A title", "body": "Some text\n\n    code", "tags": "tea, cake"}
    for _ in range(2):
        assert send(client, "/posts/new/", values, "publish").status_int == 303
    check_refusal(send(client, "/posts/new/", values, "publish"), "title", values)
    assert db.scalar(sa.select(sa.func.count(Post.id))) == 2


def test_a_member_who_comments_too_often_keeps_the_text(
    make_app: MakeApp, make_client: MakeClient, db: Session
) -> None:
    client = make_client(limited(make_app, "comment_account"))
    user = make_user(db, "ann")
    post = make_post(db, user)
    sign_in(client, user)
    path = f"/posts/{post.id}/comments/"
    for _ in range(2):
        assert send(client, path, {"body": "Well said"}).status_int == 303
    check_refusal(send(client, path, {"body": "Well said"}), "body", {"body": "Well said"})


def test_a_member_who_asks_for_mails_too_often_gets_a_page_that_says_when_to_come_back(
    make_app: MakeApp, make_client: MakeClient, db: Session
) -> None:
    client = make_client(limited(make_app, "verify_account"))
    sign_in(client, make_user(db, "ann", status=USER.Status.NEW))
    form = form_with(client.get("/users/verify/"), "resend")
    for _ in range(2):
        form.submit("resend", status=303)
    page = form.submit("resend", status=429)
    assert 1 <= int(page.headers["Retry-After"]) <= 3600
    assert "Please try again in" in page


def test_accounts_made_from_one_client_address_are_limited(
    make_app: MakeApp, make_client: MakeClient, db: Session
) -> None:
    app = limited(make_app, "register_address")
    for name in ("ann", "bob"):
        assert make_client(app, address="203.0.113.7").register(name).status_int == 303
    page = make_client(app, address="203.0.113.7").register("eve")
    check_refusal(page, "accept_tos", {"name": "eve", "email": "eve@example.org", "captcha_answer": "white"})
    assert make_client(app, address="203.0.113.8").register("eve").status_int == 303
    assert db.scalar(sa.select(sa.func.count(User.id))) == 3


def test_the_spellings_of_an_account_share_one_limit(
    make_app: MakeApp, make_client: MakeClient, db: Session
) -> None:
    client = make_client(limited(make_app, "login_account", "3 per hour"))
    for login in ("ann", "ANN", " ａｎｎ "):
        assert send(client, "/users/login/", {"login": login, "password": "wrong"}).status_int == 422
    assert send(client, "/users/login/", {"login": "Ann", "password": "wrong"}).status_int == 429


def test_the_right_password_does_not_help_over_the_limit(
    make_app: MakeApp, make_client: MakeClient, db: Session
) -> None:
    make_user(db, "ann")
    client = make_client(limited(make_app, "login_account"))
    for _ in range(2):
        send(client, "/users/login/", {"login": "ann", "password": "wrong"})
    page = send(client, "/users/login/", {"login": "ann", "password": PASSWORD})
    assert page.status_int == 429
    assert "session" not in client.cookies


def test_guesses_of_the_present_password_are_limited(
    make_app: MakeApp, make_client: MakeClient, db: Session
) -> None:
    client = make_client(limited(make_app, "reauth_account"))
    sign_in(client, make_user(db, "ann"))
    values = {"current": "wrong", "password": "staple battery horse", "confirm": "staple battery horse"}
    for _ in range(2):
        assert send(client, "/users/me/password/", values).status_int == 422
    assert send(client, "/users/me/password/", values | {"current": PASSWORD}).status_int == 429


def test_one_client_address_does_not_use_up_the_tries_of_another(
    make_app: MakeApp, make_client: MakeClient
) -> None:
    app = limited(make_app, "login_address")
    for _ in range(3):
        send(make_client(app, address="203.0.113.7"), "/users/login/", {"login": "ann", "password": "wrong"})
    other = make_client(app, address="203.0.113.8")
    assert send(other, "/users/login/", {"login": "ann", "password": "wrong"}).status_int == 422


def test_a_header_that_names_another_address_is_not_believed(make_app: MakeApp, make_client: MakeClient) -> None:
    app = limited(make_app, "login_address")
    for number in range(3):
        client = make_client(app)
        client.extra_environ["HTTP_X_FORWARDED_FOR"] = f"203.0.113.{number}"
        page = send(client, "/users/login/", {"login": "ann", "password": "wrong"})
    assert page.status_int == 429


def test_a_stranger_gets_so_many_mails_that_anybody_can_send_them_and_no_more(
    make_app: MakeApp, make_client: MakeClient, db: Session, mails: Callable[..., list[EmailMessage]]
) -> None:
    app = limited(make_app, "account_mail_recipient", "3 per hour")

    def register(name: str, email: str) -> list[str]:
        client = make_client(app)
        client.register(name, email=email)
        page = client.get("/users/verify/")
        again = next(form for form in page.forms.values() if "resend" in form.fields)
        return flashes(again.submit("resend", status=303).follow())

    def told() -> int:
        return len([mail for mail in mails(app) if "victim" in str(mail["To"]).lower()])

    # Whoever asks is answered as ever.
    for name, email in (("bob", "victim@example.net"), ("cyd", "Victim+tea@example.net")):
        assert register(name, email) == ["We have sent the mail again"]
    assert told() == 3
    asking = make_client(app)
    sign_in(asking, make_user(db, "ann"))
    page = send(asking, "/users/me/email/", {"email": "victim@example.net", "password": PASSWORD})
    assert (page.status_int, told()) == (303, 3)
    # Others are mailed, and the owner gets a new password.
    register("dan", "dan@example.net")
    assert len(mails(app, to="dan@")) == 2
    for _time in range(4):
        ask_for_reset(app.registry, "victim@example.net")
    assert told() == 6
