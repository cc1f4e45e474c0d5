"""Limits of tries: what is over is told, with the time to wait, and nothing typed is lost."""

from collections.abc import Callable
from email.message import EmailMessage
from typing import Any

import pytest
import sqlalchemy as sa
import webtest
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.audit import COMMAND_LINE
from myproject.db import utc_now
from myproject.emails.constants import Reason
from myproject.emails.services import suppression
from myproject.posts.models import Post
from myproject.users import constants as USER
from myproject.users import errors
from myproject.users.models import User, UserToken
from myproject.users.services import passwords, verification
from myproject.users.tasks import ask_for_reset
from tests.conftest import PASSWORD, Client, form_with
from tests.factories import make_post, make_user, sign_in
from tests.functional.pages import flashes, link_in, summary

pytestmark = pytest.mark.one_database

MakeApp = Callable[..., Router]
MakeClient = Callable[..., Client]


def limited(make_app: MakeApp, name: str, rate: str = "2 per hour") -> Router:
    return make_app(**{"ratelimit.enabled": True, f"ratelimit.{name}": rate})


def check_refusal(page: webtest.TestResponse, form_field: str, kept: dict[str, str]) -> None:
    """The page is the form with what was typed, and says when to come back."""
    assert page.status_int == 429
    assert 1 <= int(page.headers["Retry-After"]) <= 3600
    # Of a form with a password, that is lost.
    with_secret = page.html.select_one("form input[type=password]") is not None
    words = "Type the password again, and send it in" if with_secret else "Nothing is lost: try again in"
    assert words in summary(page)
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
    for number in range(2):
        assert send(client, "/posts/new/", values | {"title": f"Title {number}"}, "publish").status_int == 303
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
    for number in range(2):
        assert send(client, path, {"body": f"Well said, {number}"}).status_int == 303
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

    def register(name: str, email: str) -> webtest.TestResponse:
        client = make_client(app)
        client.register(name, email=email)
        page = client.get("/users/verify/")
        again = next(form for form in page.forms.values() if "resend" in form.fields)
        return again.submit("resend", status="*")

    def told() -> int:
        return len([mail for mail in mails(app) if "victim" in str(mail["To"]).lower()])

    assert flashes(register("bob", "victim@example.net").follow()) == ["We have sent the mail again"]
    # Who asks is told, and not whom else the mails went to.
    assert "Please try again in 60 minutes" in register("cyd", "Victim+tea@example.net")
    assert told() == 3
    asking = make_client(app)
    sign_in(asking, make_user(db, "ann"))
    values = {"email": "victim@example.net", "password": PASSWORD}
    check_refusal(send(asking, "/users/me/email/", values), "email", {"email": "victim@example.net"})
    late = make_client(app)
    page = late.register("late", email="victim@example.net").follow()
    assert flashes(page) == [
        "Thanks for registering",
        "So many mails were sent to victim@example.net that this one can't go there now."
        " Ask for it again in a while.",
    ]
    assert told() == 3
    # Others are mailed, and the owner gets a new password.
    register("dan", "dan@example.net")
    assert len(mails(app, to="dan@")) == 2
    for _time in range(4):
        ask_for_reset(app.registry, "victim@example.net")
    assert told() == 6


def test_who_asks_for_resets_of_somebody_else_too_often_leaves_their_last_link_good_and_gets_the_same_answer(
    make_app: MakeApp, make_client: MakeClient, db: Session, mails: Callable[..., list[EmailMessage]]
) -> None:
    app = limited(make_app, "lost_password_account", "2 per day")
    make_user(db, "ann")
    values = {"email": "ann@example.org"}

    def ask() -> tuple[list[str], int]:
        page = send(make_client(app), "/users/lost-password/", values)
        assert page.status_int == 303
        return flashes(page.follow()), len(mails(app, to="ann@"))

    answers, sent = zip(*(ask() for _ in range(4)), strict=True)
    assert answers == (answers[0],) * 4
    assert sent == (1, 2, 2, 2)
    make_client(app).get(link_in(mails(app, to="ann@")[-1]), status=200)
    # Its owner is never without one.
    db.execute(sa.update(UserToken).values(expires_at=utc_now()))
    db.commit()
    assert [ask(), ask()] == [(answers[0], 3)] * 2


def test_what_strangers_have_sent_to_an_address_ends_no_link_and_takes_nothing_from_its_owner(
    make_app: MakeApp, make_client: MakeClient, db: Session, mails: Callable[..., list[EmailMessage]]
) -> None:
    app = limited(make_app, "account_mail_recipient")
    priya_id, newcomer = make_user(db, "priya").id, make_client(app)
    newcomer.register("priya-2", email="priya+2@example.org")
    resend = form_with(newcomer.get("/users/verify/"), "resend")
    resend.submit("resend", status=303)
    ask_for_reset(app.registry, "priya+2@example.org")
    ask_for_reset(app.registry, "priya+2@example.org")
    links = [link_in(mail) for mail in mails(app, to="priya+2@")]
    resend.submit("resend", status=429)
    change = send(newcomer, "/users/verify/address/", {"email": "priya+3@example.org"})
    check_refusal(change, "email", {"email": "priya+3@example.org"})
    ask_for_reset(app.registry, "priya+2@example.org")
    assert len(mails(app, to="priya+")) == 4
    # The latest of each kind is good still.
    assert [newcomer.get(link, status="*").status_int for link in links] == [410, 200, 410, 200]
    # So may an admin not send more, and says so; the owner of the verified address gets whatever they ask for.
    user = db.scalars(sa.select(User).where(User.name == "priya-2")).one()
    db.commit()
    with app.registry["sessions"].writing() as own, pytest.raises(errors.TooManyMails, match="no more go there"):
        passwords.start_reset(own, COMMAND_LINE, user.id, "asked by phone")
    for _ in range(3):
        ask_for_reset(app.registry, "priya@example.org")
    with app.registry["sessions"].writing() as own:
        suppression.note(own, "priya@example.org", Reason.HARD)
        verification.resend_verification(own, priya_id)
    assert len(mails(app, to="priya@")) == 4
