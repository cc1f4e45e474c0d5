"""Registration."""

import re
from collections.abc import Callable
from email.message import EmailMessage
from typing import Any

import pytest
import sqlalchemy as sa
import webtest
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.users import constants as USER
from myproject.users.models import User
from tests import servers
from tests.conftest import CAPTCHA_ANSWER, PASSWORD, Client, form_with
from tests.factories import make_user
from tests.functional.pages import (
    cookies_set,
    csrf_token,
    field_errors,
    flashes,
    heading,
    link_in,
    summary,
    text_of,
)

Mails = Callable[..., list[EmailMessage]]


def filled(client: Client, values: dict[str, Any]) -> webtest.Form:
    """The registration form, rightly filled but for `values`."""
    form = form_with(client.get("/users/register/"), "accept_tos")
    right = {"name": "johanna-doe", "email": "jd@example.org", "password": PASSWORD, "confirm": PASSWORD}
    for name, value in (right | {"captcha_answer": CAPTCHA_ANSWER, "accept_tos": True} | values).items():
        form[name] = value
    return form


def find_user(db: Session, name: str) -> User:
    return db.scalars(sa.select(User).where(User.name == name)).one()


def test_registering_signs_in_and_lands_on_the_members_home(client: Client, db: Session) -> None:
    answer = client.register("ann")
    assert (answer.status_int, answer.location) == (303, "http://localhost/users/me/")
    home = answer.follow()
    assert flashes(home) == ["Thanks for registering"]
    assert heading(home) == "Hi ann!"
    user = find_user(db, "ann")
    assert (user.email, user.role, user.status) == ("ann@example.org", USER.Role.USER, USER.Status.NEW)
    assert user.email_verified_at is None


def test_registering_notes_which_terms_were_accepted_when_and_from_where(
    make_app: Callable[..., Router], make_client: Callable[..., Client], db: Session
) -> None:
    make_client(make_app(site_terms_version="2026-11"), address="203.0.113.7").register("ann")
    user = find_user(db, "ann")
    assert (user.terms_version, user.terms_accepted_from) == ("2026-11", "203.0.113.7")
    assert user.terms_accepted_at is not None


def test_the_password_is_not_stored_as_typed(client: Client, db: Session) -> None:
    client.register("ann")
    stored = find_user(db, "ann").password
    assert stored is not None
    assert PASSWORD not in stored


LENGTHS = "Write at {} {} characters"


@pytest.mark.parametrize(
    ("field", "typed", "message"),
    [
        ("name", "", "Fill in this field"),
        ("name", "   ", "Fill in this field"),
        ("name", "ab", LENGTHS.format("least", 3)),
        ("name", "a" * 31, LENGTHS.format("most", 30)),
        ("name", "ann lee", "Use letters and digits, with single - or _ between them"),
        ("name", "-ann", "Use letters and digits, with single - or _ between them"),
        ("name", "ann__lee", "Use letters and digits, with single - or _ between them"),
        ("name", "ann\u202elee", "Use letters and digits, with single - or _ between them"),
        ("name", "Support", "This nickname is kept for the site itself"),
        ("name", "ＡＤＭＩＮ", "This nickname is kept for the site itself"),
        ("email", "", "Fill in this field"),
        ("email", "ann", "Write an address like name@example.org"),
        ("email", "ann@", "Write an address like name@example.org"),
        ("email", "=?utf-8?q?=0D=0ABcc=3Ax?=@example.org", "Write an address like name@example.org"),
        ("email", "ann@example.org, bob@example.org", "Write an address like name@example.org"),
        ("email", "a" * 64 + "@" + "b." * 110 + "org", "Write an address like name@example.org"),
        ("password", "", "Fill in this field"),
        ("password", "too short", LENGTHS.format("least", 10)),
        ("password", "x" * 129, LENGTHS.format("most", 128)),
        ("password", "Johanna-Doe", "Choose one that is not your name or address, nor the name of this site"),
        ("password", "jd@example.org", "Choose one that is not your name or address, nor the name of this site"),
        ("confirm", "", "Fill in this field"),
        ("confirm", "something else", "The two passwords differ"),
        ("accept_tos", False, "You can only join if you accept the terms"),
        ("captcha_answer", "green", "That is not the answer. Please try again."),
        ("captcha_answer", "", "That is not the answer. Please try again."),
    ],
)
def test_what_is_wrong_stands_beside_its_field_and_what_was_typed_stays(
    client: Client, db: Session, field: str, typed: str | bool, message: str
) -> None:
    values = {field: typed} | ({"confirm": typed} if field == "password" else {})
    page = filled(client, values).submit(status=422)
    assert field_errors(page)[field] == message
    assert page.html.select_one(f'[name="{field}"]')["aria-invalid"] == "true"
    links = page.html.select(f'#error-summary a[href="#{field}"]')
    assert [link.get_text().endswith(message) for link in links] == [True]
    assert page.html.title.get_text().startswith("Error:")
    form = form_with(page, "accept_tos")
    kept = {"name": "johanna-doe", "email": "jd@example.org", "captcha_answer": CAPTCHA_ANSWER}
    for name, value in (kept | {field: typed}).items():
        if name in ("password", "confirm"):
            assert form[name].value == ""
        elif name == "accept_tos":
            assert not form[name].checked
        else:
            assert form[name].value == str(value).strip()
    assert form["password"].value == form["confirm"].value == ""
    assert db.scalars(sa.select(User)).all() == []


@pytest.mark.parametrize("name", ["ann", "Ann", "ANN", "ａｎｎ"])
def test_a_nickname_that_somebody_has_is_refused_in_any_spelling(client: Client, db: Session, name: str) -> None:
    make_user(db, "Ann")
    page = client.register(name, email="other@example.org")
    assert page.status_int == 422
    assert field_errors(page) == {"name": "Somebody else has this nickname"}
    assert form_with(page, "accept_tos")["name"].value == name


def test_all_mistakes_are_told_at_once(client: Client, db: Session) -> None:
    make_user(db, "taken")
    wrong = {"name": "ab", "email": "nobody", "accept_tos": False, "confirm": "other", "captcha_answer": "green"}
    page = filled(client, wrong).submit(status=422)
    assert set(field_errors(page)) == wrong.keys()
    assert summary(page).count("The two passwords differ") == 1
    told = {
        "name": "Somebody else has this nickname",
        "captcha_answer": "That is not the answer. Please try again.",
    }
    for more in ({}, {"accept_tos": False}):
        page = filled(client, {"name": "taken", "captcha_answer": "green"} | more).submit(status=422)
        assert field_errors(page).items() >= told.items()


def test_a_program_that_fills_the_hidden_field_is_refused(client: Client, db: Session) -> None:
    page = client.register("ann", homepage="http://spam.example/")
    assert page.status_int == 422
    assert "hidden field" in field_errors(page)["captcha_answer"]
    assert db.scalars(sa.select(User)).all() == []


def test_a_form_sent_faster_than_people_type_is_refused(
    make_app: Callable[..., Router], make_client: Callable[..., Client]
) -> None:
    page = make_client(make_app(captcha_min_seconds=60)).register("ann")
    assert page.status_int == 422
    assert "faster than people type" in field_errors(page)["captcha_answer"]


def test_an_answered_question_serves_one_registration_only(make_client: Callable[..., Client]) -> None:
    first, second = make_client(), make_client()
    token = form_with(first.get("/users/register/"), "accept_tos")["captcha_token"].value
    assert first.register("ann", captcha_token=token).status_int == 303
    page = second.register("bob", captcha_token=token)
    assert page.status_int == 422
    assert "answered already" in field_errors(page)["captcha_answer"]
    assert form_with(page, "accept_tos")["captcha_token"].value != token


def test_a_mistake_elsewhere_does_not_use_the_question_up(client: Client) -> None:
    form = form_with(filled(client, {"accept_tos": False}).submit(status=422), "accept_tos")
    form["password"] = form["confirm"] = PASSWORD
    form["accept_tos"] = True
    assert form.submit().status_int == 303


def test_a_closed_site_takes_no_members(
    make_app: Callable[..., Router], make_client: Callable[..., Client], db: Session
) -> None:
    closed = make_client(make_app(users_registration="closed"))
    page = closed.get("/users/register/")
    assert "takes no new members" in page
    assert not [form for form in page.forms.values() if "accept_tos" in form.fields]
    # A form that was opened before the site was closed.
    opened = make_client()
    fields = filled(opened, {}).submit_fields()
    closed.set_cookie("guest", opened.cookies["guest"])
    closed.post("/users/register/", fields, status=422)
    assert db.scalars(sa.select(User)).all() == []


# The same form, sent again


def test_second_sending_of_a_form_ends_at_the_account_that_the_first_has_made(
    make_app: Callable[..., Router], make_client: Callable[..., Client], db: Session, mails: Mails
) -> None:
    app = make_app(**{"ratelimit.enabled": True, "ratelimit.register_address": "1 per hour"})
    client, others = make_client(app), [make_client(app) for _ in range(5)]
    fields = dict(filled(client, {}).submit_fields())
    guest = client.cookies["guest"]
    client.post("/users/register/", fields, status=303)

    def send_again(**values: str) -> webtest.TestResponse:
        # As a double click does it: the browser has dropped the first answer, with its cookies.
        browser = others.pop()
        browser.set_cookie("guest", guest)
        return browser.post("/users/register/", fields | values, status="*")

    answer = send_again()
    assert (answer.status_int, answer.location) == (303, "http://localhost/users/me/")
    assert "session" in cookies_set(answer)
    assert flashes(answer.follow()) == ["Thanks for registering"]
    assert len(db.scalars(sa.select(User)).all()) == len(mails()) == 1

    # Who says anything else gets in no more than before, nor does a form that is older than the password.
    for other in ({"password": "a" + PASSWORD, "confirm": "a" + PASSWORD}, {"email": "other@example.org"}):
        assert send_again(**other).status_int == 429
    find_user(db, "johanna-doe").password = "another"
    db.commit()
    answer = send_again()
    assert field_errors(answer) == {"name": "Somebody else has this nickname"}
    assert "session" not in cookies_set(answer)
    # From another browser it is another form.
    stranger = others.pop()
    own = form_with(stranger.get("/users/register/"), "accept_tos")["csrf_token"].value
    assert stranger.post("/users/register/", fields | {"csrf_token": own}, status="*").status_int == 429


def test_member_who_sends_the_form_again_is_led_home(client: Client, db: Session) -> None:
    fields = dict(filled(client, {}).submit_fields())
    client.post("/users/register/", fields, status=303)
    # Both with the form's token, which was a guest's, and with the member's own.
    own = csrf_token(client.get("/users/me/"))
    for values in (fields, fields | {"csrf_token": own, "name": "another"}):
        assert client.post("/users/register/", values, status=303).location == "http://localhost/users/me/"
    assert client.get("/users/register/", status=303).location == "http://localhost/users/me/"
    assert [user.name for user in db.scalars(sa.select(User))] == ["johanna-doe"]


# Addresses that somebody has


def outcome(answer: webtest.TestResponse, name: str, email: str) -> list[Any]:
    """All that a visitor sees of a registration, but for what they typed and random values."""
    home = answer.follow()
    body = home.text.replace(email, "EMAIL").replace(name, "NAME")
    return [
        answer.status_int,
        sorted(answer.headers),
        home.status_int,
        re.sub(r'(name="csrf_token" value=")\w+', r"\1", body),
    ]


def test_an_address_that_a_verified_member_holds_looks_like_any_other(
    make_client: Callable[..., Client], db: Session, mails: Mails
) -> None:
    make_user(db, "olga", email="olga@example.org")
    fresh = outcome(make_client().register("fresh", "fresh@example.org"), "fresh", "fresh@example.org")
    taken = outcome(make_client().register("taken", "Olga@example.org"), "taken", "Olga@example.org")
    assert taken == fresh


def test_the_owner_of_an_address_is_told_of_the_registration_and_nobody_else(
    client: Client, db: Session, mails: Mails
) -> None:
    make_user(db, "olga", email="olga@example.org")
    client.register("taken", "OLGA@example.org")
    (mail,) = mails()
    assert "olga@example.org" in mail["To"]
    assert "already" in mail["Subject"]
    assert "/verify/" not in mail.as_string()


def test_a_second_account_can_not_verify_an_address_that_is_taken(
    client: Client, db: Session, mails: Mails
) -> None:
    make_user(db, "olga", email="olga@example.org")
    client.register("taken", "olga@example.org")
    # Nobody is told what to verify with, now or after asking again.
    form_with(client.get("/users/verify/"), "resend").submit("resend").follow()
    form = form_with(client.get("/users/verify/"), "code")
    form["code"] = "BCDF-GHJK"
    assert field_errors(form.submit(status=422)) == {
        "code": "This is not the code, or it is too old. After three tries ask for a new one."
    }
    sent = mails(to="olga@example.org")
    assert len(sent) == 2
    assert not [mail for mail in sent if "/users/verify/" in text_of(mail)]
    assert find_user(db, "taken").status == USER.Status.NEW


def test_of_two_accounts_with_one_address_the_first_to_verify_has_it(
    make_client: Callable[..., Client], db: Session, mails: Mails
) -> None:
    first, second = make_client(), make_client()
    first.register("first", "shared@example.org")
    second.register("second", "shared@example.org")
    links = {name: link_in(mail) for mail in mails() for name in ("first", "second") if name in str(mail)}
    assert first.get(links["first"]).forms[1].submit().status_int == 303
    page = second.get(links["second"]).forms[1].submit(status=410)
    assert "already belongs to another account" in page
    assert find_user(db, "first").status == USER.Status.ACTIVE
    assert find_user(db, "second").email_verified_at is None


def test_while_the_captchas_provider_is_away_nobody_gets_in_and_nothing_typed_is_lost(
    make_app: Callable[..., Router], make_client: Callable[..., Client], db: Session
) -> None:
    away = f"http://{servers.LOOPBACK}:{servers.free_port()}/siteverify"
    app = make_app(
        captcha_provider="turnstile",
        captcha_site_key="a key",
        captcha_secret_key="a secret",
        captcha_verify_url=away,
    )
    client = make_client(app)
    typed = {"name": "johanna-doe", "email": "jd@example.org", "password": PASSWORD, "confirm": PASSWORD}
    token = form_with(client.get("/users/register/"), "accept_tos")["csrf_token"].value
    hidden = {"csrf_token": token, "accept_tos": "true", "cf-turnstile-response": "an answer"}
    page = client.post("/users/register/", typed | hidden, status=503)
    assert page.headers["Retry-After"] == "60"
    assert "try again in a minute" in summary(page)
    assert form_with(page, "accept_tos")["name"].value == "johanna-doe"
    assert db.scalars(sa.select(User)).all() == []


@pytest.mark.one_database
def test_who_mistypes_when_registering_may_try_on_for_a_while(
    make_app: Callable[..., Router], make_client: Callable[..., Client], db: Session
) -> None:
    make_user(db, "taken")
    app = make_app(**{"ratelimit.enabled": True, "ratelimit.register_tries": "9 per hour"})
    client = make_client(app)
    for _ in range(3):
        assert client.register("taken", "eve@example.org").status_int == 422
        assert client.register("eve", captcha_answer="black").status_int == 422
    assert client.register("eve").status_int == 303
    client.logout()
    assert client.register("taken").status_int == 422
    assert client.register("taken").status_int == 422
    assert client.register("other").status_int == 429
