"""Lost, reset and changed passwords."""

import re
from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage

import pytest
import sqlalchemy as sa
import webtest
from sqlalchemy.orm import Session

from myproject.audit import COMMAND_LINE
from myproject.db import utc_now
from myproject.users import constants as USER
from myproject.users.models import User, UserSession, UserToken
from myproject.users.services import passwords, roles
from tests.conftest import PASSWORD, Client, form_with, run_tasks
from tests.factories import make_user, sign_in
from tests.functional.pages import csrf_token, field_errors, flashes, heading, link_in, text_of

pytestmark = pytest.mark.one_database

Mails = Callable[..., list[EmailMessage]]

NEW_PASSWORD = "staple battery horse"


def ask(client: Client, email: str) -> webtest.TestResponse:
    form = form_with(client.get("/users/lost-password/"), "email")
    form["email"] = email
    return form.submit(status=303)


@pytest.fixture
def ann(db: Session) -> User:
    return make_user(db, "ann", email="Ann@example.org")


@pytest.fixture
def link(db: Session, ann: User, mails: Mails) -> str:
    """The link of a reset mail to Ann."""
    passwords.ask_for_reset(db, "ann@example.org")
    (mail,) = mails(to="Ann@example.org")
    return link_in(mail)


def reset(client: Client, link: str, password: str = NEW_PASSWORD) -> webtest.TestResponse:
    form = form_with(client.get(link), "confirm")
    form["password"] = form["confirm"] = password
    return form.submit(status="*")


def can_sign_in(client: Client, password: str) -> bool:
    form = form_with(client.get("/users/login/"), "login")
    form["login"], form["password"] = "ann", password
    return form.submit(status="*").status_int == 303


# Lost


def test_known_unknown_and_shut_accounts_are_answered_the_same(
    make_client: Callable[..., Client], db: Session
) -> None:
    make_user(db, "ann")
    make_user(db, "shut", status=USER.Status.INACTIVE)
    answers = []
    for email in ("ann@example.org", "bob@example.org", "shut@example.org"):
        answer = ask(make_client(), email)
        page = answer.follow()
        body = re.sub(r'(name="csrf_token" value=")\w+', r"\1", page.text.replace(email, "EMAIL"))
        answers.append((answer.status_int, answer.location, sorted(answer.headers), body))
    assert all(answer == answers[0] for answer in answers)
    assert "If an account has the address EMAIL, we have sent a link there" in answers[0][-1]


def test_only_a_known_and_open_account_is_sent_a_mail(client: Client, db: Session, mails: Mails) -> None:
    make_user(db, "ann")
    make_user(db, "shut", status=USER.Status.INACTIVE)
    for email in ("ann@example.org", "bob@example.org", "shut@example.org"):
        ask(client, email)
    assert [mail["To"].addresses[0].addr_spec for mail in mails()] == ["ann@example.org"]


@pytest.mark.parametrize(
    ("typed", "mails_sent"),
    [
        ("mike.strasse@example.org", 1),
        ("MIKE.Strasse@EXAMPLE.ORG", 1),
        # Letters that only look, or fold to, the same: CVE-2019-19844.
        ("mi\N{KELVIN SIGN}e.strasse@example.org", 1),
        ("mike.straße@example.org", 1),
        ("m\N{LATIN SMALL LETTER DOTLESS I}ke.strasse@example.org", 0),
        ("mike.strasse@\N{CYRILLIC SMALL LETTER IE}xample.org", 0),
    ],
)
def test_a_link_goes_to_the_stored_address_and_never_to_the_typed_one(
    client: Client, db: Session, mails: Mails, typed: str, mails_sent: int
) -> None:
    make_user(db, "mike", email="Mike.Strasse@example.org")
    ask(client, typed)
    assert [mail["To"].addresses[0].addr_spec for mail in mails()] == ["Mike.Strasse@example.org"] * mails_sent


def test_the_link_of_a_known_address_lasts_an_hour(client: Client, db: Session, ann: User) -> None:
    ask(client, "ann@example.org")
    run_tasks(client.app.registry)
    token = db.scalars(sa.select(UserToken)).one()
    assert timedelta(minutes=59) < token.expires_at - utc_now() <= timedelta(hours=1)


def test_asking_again_ends_the_older_link(client: Client, ann: User, link: str, mails: Mails) -> None:
    ask(client, "ann@example.org")
    run_tasks(client.app.registry)
    client.get(link, status=410)
    (newer,) = {link_in(mail) for mail in mails()} - {link}
    assert reset(client, newer).status_int == 303


def test_an_account_that_never_verified_gets_a_link_which_verifies_it(
    client: Client, db: Session, mails: Mails
) -> None:
    user = make_user(db, "ann", status=USER.Status.NEW)
    ask(client, "ann@example.org")
    link = next(link_in(mail) for mail in mails() if "reset-password" in mail.as_string())
    assert reset(client, link).status_int == 303
    db.refresh(user)
    assert user.status == USER.Status.ACTIVE
    assert user.email_verified_at is not None


def test_of_accounts_that_claim_an_address_only_its_owners_is_sent_a_link(
    client: Client, db: Session, ann: User, mails: Mails
) -> None:
    make_user(db, "squatter", email="ann@example.org", status=USER.Status.NEW)
    ask(client, "ann@example.org")
    resets = [mail for mail in mails() if "reset-password" in mail.as_string()]
    assert len(resets) == 1
    assert "ann" in text_of(resets[0])
    assert "squatter" not in text_of(resets[0])


def test_what_is_no_address_is_told_beside_its_field(client: Client) -> None:
    form = form_with(client.get("/users/lost-password/"), "email")
    form["email"] = "ann"
    page = form.submit(status=422)
    assert field_errors(page) == {"email": "Write an address like name@example.org"}
    assert form_with(page, "email")["email"].value == "ann"


# Reset


def test_the_link_sets_a_new_password(client: Client, ann: User, link: str) -> None:
    page = reset(client, link).follow()
    assert heading(page) == "Sign in"
    assert flashes(page) == ["Your new password is saved. Sign in with it."]
    assert not can_sign_in(client, PASSWORD)
    assert can_sign_in(client, NEW_PASSWORD)


def test_looking_at_the_link_spends_nothing(client: Client, db: Session, ann: User, link: str) -> None:
    for _ in range(3):
        client.head(link, status=200)
        client.get(link, status=200)
    assert reset(client, link).status_int == 303


def test_a_reset_link_works_once(client: Client, ann: User, link: str) -> None:
    form = form_with(client.get(link), "confirm")
    form["password"] = form["confirm"] = NEW_PASSWORD
    form.submit(status=303)
    assert "used, or is too old" in form.submit(status=410)
    client.get(link, status=410)


def test_a_mistake_in_the_new_password_does_not_spend_the_link(client: Client, ann: User, link: str) -> None:
    form = form_with(client.get(link), "confirm")
    form["password"], form["confirm"] = NEW_PASSWORD, "something else"
    page = form.submit(status=422)
    assert field_errors(page) == {"confirm": "The two passwords differ"}
    assert NEW_PASSWORD not in page
    assert field_errors(reset(client, link, "too short")) == {"password": "Write at least 10 characters"}
    assert reset(client, link).status_int == 303


def test_a_reset_signs_nobody_in_and_ends_every_session(
    make_client: Callable[..., Client], db: Session, ann: User, link: str
) -> None:
    client, other = make_client(), make_client()
    for browser in (client, other):
        sign_in(browser, ann)
    reset(client, link)
    assert "session" not in client.cookies
    assert db.scalars(sa.select(UserSession)).all() == []
    assert other.get("/users/me/", status=303)


def test_a_reset_tells_the_owner_by_mail(client: Client, ann: User, link: str, mails: Mails) -> None:
    reset(client, link)
    mail = mails(to="Ann@example.org")[-1]
    assert "password" in mail["Subject"].lower()
    assert "127.0.0.1" in text_of(mail)


def test_a_reset_link_is_too_old_after_an_hour(client: Client, db: Session, ann: User, link: str) -> None:
    form = form_with(client.get(link), "confirm")
    form["password"] = form["confirm"] = NEW_PASSWORD
    db.execute(sa.update(UserToken).values(expires_at=utc_now() - timedelta(seconds=1)))
    form.submit(status=410)
    client.get(link, status=410)
    assert can_sign_in(client, PASSWORD)


def test_a_verification_link_sets_no_password(client: Client, db: Session, mails: Mails) -> None:
    make_user(db, "ann", status=USER.Status.NEW)
    token = link_in(mails()[0]).removeprefix("/users/verify/")
    client.get(f"/users/reset-password/{token}", status=410)
    data = {"password": NEW_PASSWORD, "confirm": NEW_PASSWORD}
    data["csrf_token"] = csrf_token(client.get("/users/login/"))
    client.post(f"/users/reset-password/{token}", data, status=410)
    assert can_sign_in(client, PASSWORD)


def test_a_link_sent_before_the_account_was_shut_sets_nothing(
    client: Client, db: Session, ann: User, link: str
) -> None:
    stored = ann.password
    roles.change_status(db, COMMAND_LINE, ann.id, USER.Status.INACTIVE, "spam")
    client.get(link, status=410)
    db.refresh(ann)
    assert ann.password == stored


# Changed


def change(client: Client, current: str, password: str, confirm: str) -> webtest.TestResponse:
    form = form_with(client.get("/users/me/password/"), "current")
    form["current"], form["password"], form["confirm"] = current, password, confirm
    return form.submit(status="*")


def test_a_changed_password_is_the_one_to_sign_in_with(client: Client, ann: User) -> None:
    sign_in(client, ann)
    page = change(client, PASSWORD, NEW_PASSWORD, NEW_PASSWORD).follow()
    assert flashes(page) == ["Your new password is saved. Every other device is signed out."]
    assert heading(page) == "Hi ann!"
    client.logout()
    assert not can_sign_in(client, PASSWORD)
    assert can_sign_in(client, NEW_PASSWORD)


@pytest.mark.parametrize(
    ("typed", "field", "message"),
    [
        (("wrong", NEW_PASSWORD, NEW_PASSWORD), "current", "This is not your password"),
        (("", NEW_PASSWORD, NEW_PASSWORD), "current", "Fill in this field"),
        ((PASSWORD, NEW_PASSWORD, "different"), "confirm", "The two passwords differ"),
        ((PASSWORD, "too short", "too short"), "password", "Write at least 10 characters"),
    ],
)
def test_a_change_that_is_refused_says_so_beside_the_field_and_changes_nothing(
    client: Client, db: Session, ann: User, typed: tuple[str, str, str], field: str, message: str
) -> None:
    stored = ann.password
    sign_in(client, ann)
    page = change(client, *typed)
    assert page.status_int == 422
    assert field_errors(page) == {field: message}
    assert all(form_with(page, "current")[name].value == "" for name in ("current", "password", "confirm"))
    db.refresh(ann)
    assert ann.password == stored
    assert heading(client.get("/users/me/")) == "Hi ann!"


def test_a_change_ends_the_links_that_would_reset_the_old_password(client: Client, ann: User, link: str) -> None:
    sign_in(client, ann)
    change(client, PASSWORD, NEW_PASSWORD, NEW_PASSWORD)
    client.get(link, status=410)


def test_a_change_tells_the_owner_by_mail(client: Client, ann: User, mails: Mails) -> None:
    sign_in(client, ann)
    change(client, PASSWORD, NEW_PASSWORD, NEW_PASSWORD)
    (mail,) = mails(to="Ann@example.org")
    assert NEW_PASSWORD not in mail.as_string()


@pytest.mark.parametrize("password", ["x" * 128, "🐎" * 30, "ünïcödé pässwörd", "with\ttab and  blanks "])
def test_long_and_unusual_passwords_are_taken_whole(client: Client, ann: User, password: str) -> None:
    sign_in(client, ann)
    assert change(client, PASSWORD, password, password).status_int == 303
    client.logout()
    assert not can_sign_in(client, password[:-1])
    assert can_sign_in(client, password)


# What may be chosen

COMMON = "Many people use this password, so it is among the first that are tried. Choose another."


@pytest.mark.parametrize("password", ["1234567890", "PassWord123"])
def test_a_common_password_is_refused_wherever_one_is_chosen(
    client: Client, make_client: Callable[..., Client], ann: User, link: str, password: str
) -> None:
    pages = [
        make_client().register("bob", password=password, confirm=password),
        reset(make_client(), link, password),
    ]
    sign_in(client, ann)
    form = form_with(client.get("/users/me/password/"), "current")
    form["current"], form["password"], form["confirm"] = PASSWORD, password, password
    for page in [*pages, form.submit(status=422)]:
        assert page.status_int == 422
        assert field_errors(page) == {"password": COMMON}


def test_the_name_of_the_site_is_no_password(client: Client, db: Session) -> None:
    page = client.register("bob", password="my community", confirm="My Community")
    assert "password" in field_errors(page) or "confirm" in field_errors(page)
    page = client.register("bob", password="my community", confirm="my community")
    assert field_errors(page) == {
        "password": "Choose one that is not your name or address, nor the name of this site"
    }


@pytest.mark.parametrize("role", [USER.Role.STAFF, USER.Role.ADMIN])
def test_staff_and_admins_choose_a_longer_password(
    client: Client, db: Session, role: USER.Role, mails: Mails
) -> None:
    user = make_user(db, "helper-in-need", role=role)
    passwords.ask_for_reset(db, user.email)
    page = reset(client, link_in(mails()[0]), "fourteen chars")
    assert field_errors(page) == {"password": "Write at least 15 characters"}
    sign_in(client, user)
    form = form_with(client.get("/users/me/password/"), "current")
    form["current"], form["password"], form["confirm"] = PASSWORD, "fourteen chars", "fourteen chars"
    assert field_errors(form.submit(status=422)) == {"password": "Write at least 15 characters"}
    form["current"], form["password"], form["confirm"] = PASSWORD, "fifteen letters", "fifteen letters"
    form.submit("save", status=303)


def test_who_has_become_staff_with_a_short_password_is_asked_for_a_longer_one(
    client: Client, db: Session, ann: User
) -> None:
    client.register("bob", password="only eleven", confirm="only eleven")
    client.logout()
    assert client.login("bob", "only eleven", remember=False).location.endswith("/users/me/")
    client.logout()
    bob = db.scalars(sa.select(User).where(User.name == "bob")).one()
    bob.role = USER.Role.STAFF
    answer = client.login("bob", "only eleven")
    assert answer.location.endswith("/users/me/password/")
    assert "Choose one of at least 15 characters" in flashes(answer.follow())[0]


def test_managers_of_passwords_are_told_whose_password_is_changed(client: Client, ann: User, link: str) -> None:
    sign_in(client, ann)
    for address in ("/users/me/password/", link):
        field = client.get(address).html.select_one("input[autocomplete=username]")
        assert (field["value"], field.has_attr("hidden")) == ("ann", True)
