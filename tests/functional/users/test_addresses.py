"""A changed address: confirmed from the new one, told to the old one, undone from there."""

import re
from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
import sqlalchemy as sa
import webtest
from sqlalchemy.orm import Session

from myproject.audit import COMMAND_LINE
from myproject.db import utc_now
from myproject.users import constants as USER
from myproject.users.models import (
    Authenticator,
    Connection,
    Passkey,
    RecoveryCode,
    SecurityLogEntry,
    SignInStep,
    User,
    UserSession,
    UserToken,
)
from myproject.users.services import approvals, passwords, roles, steps, verification
from tests.conftest import PASSWORD, Client, form_with
from tests.factories import make_user, sign_in
from tests.functional.pages import cookies_set, csrf_token, field_errors, flashes, heading, link_in, text_of

pytestmark = pytest.mark.one_database

Mails = Callable[..., list[EmailMessage]]

OLD, NEW = "ann@example.org", "Ann.New@example.org"


@pytest.fixture
def ann(client: Client, db: Session) -> User:
    """A member who is signed in with `client`."""
    user = make_user(db, "ann", email=OLD)
    sign_in(client, user)
    return user


def ask(client: Client, email: str = NEW, password: str = PASSWORD) -> webtest.TestResponse:
    form = form_with(client.get("/users/me/email/"), "email")
    form["email"], form["password"] = email, password
    return form.submit(status="*")


def press(client: Client, link: str) -> webtest.TestResponse:
    """Presses the one button of a mail's page."""
    page = client.get(link)
    form = next(form for form in page.html.main.find_all("form"))
    fields = {field["name"]: field["value"] for field in form.find_all("input")}
    return client.post(link, fields, status="*")


def addresses_of(mails: list[EmailMessage]) -> list[str]:
    return [mail["To"].addresses[0].addr_spec for mail in mails]


@pytest.fixture
def confirm_link(client: Client, ann: User, mails: Mails) -> str:
    ask(client)
    (mail,) = mails(to=NEW)
    return link_in(mail)


@pytest.fixture
def undo_link(client: Client, confirm_link: str, mails: Mails) -> str:
    press(client, confirm_link)
    (mail,) = mails(to=OLD)
    return link_in(mail)


# Asked for


def test_a_link_goes_to_the_new_address_and_nothing_changes_yet(
    client: Client, db: Session, ann: User, mails: Mails
) -> None:
    page = ask(client).follow()
    assert flashes(page) == [
        f"We have sent a link to {NEW}. Your address is changed once you follow it, within an hour."
    ]
    assert addresses_of(mails()) == [NEW]
    db.refresh(ann)
    assert (ann.email, ann.verified) == (OLD, True)
    token = db.scalars(sa.select(UserToken)).one()
    assert timedelta(minutes=59) < token.expires_at - utc_now() <= timedelta(hours=1)


def test_an_address_that_nobody_has_proved_gets_no_free_text_of_a_stranger(
    client: Client, db: Session, ann: User, mails: Mails
) -> None:
    late = make_user(db, "late", email="Victim@example.net", status=USER.Status.NEW)
    asking = make_user(db, "asking", email="Victim@example.net", status=USER.Status.NEW)
    asking.approval = USER.Approval.WAITING
    for user in (ann, late, asking):
        user.display_name = "A prize waits for you"
    db.commit()
    ask(client, "Victim@example.net")
    passwords.ask_for_reset(db, late.email)
    verification.start_verification(db, late)
    approvals.approve(db, COMMAND_LINE, asking.id)
    told = mails(to="Victim@example.net")
    assert len({mail["Subject"] for mail in told}) == 4
    assert {mail["To"].addresses[0].display_name for mail in told} == {"ann", "asking", "late"}
    assert not [mail for mail in told if "prize" in mail.as_string()]


@pytest.mark.parametrize(
    ("email", "password", "errors"),
    [
        ("no address", PASSWORD, {"email": "Write an address like name@example.org"}),
        (OLD, PASSWORD, {"email": "This is your address already"}),
        (NEW, "wrong", {"password": "This is not your password"}),
        (NEW, "", {"password": "Fill in this field"}),
    ],
)
def test_what_is_wrong_stands_beside_its_field_and_sends_nothing(
    client: Client, ann: User, mails: Mails, email: str, password: str, errors: dict[str, str]
) -> None:
    page = ask(client, email, password)
    assert (page.status_int, field_errors(page)) == (422, errors)
    assert form_with(page, "email")["email"].value == email
    assert mails() == []


def test_a_member_without_a_password_is_asked_for_none(
    client: Client, db: Session, ann: User, mails: Mails
) -> None:
    ann.password = None
    form = form_with(client.get("/users/me/email/"), "email")
    assert "password" not in form.fields
    form["email"] = NEW
    form.submit(status=303)
    assert addresses_of(mails()) == [NEW]


def test_who_never_verified_an_address_mends_it_instead(client: Client, db: Session) -> None:
    sign_in(client, make_user(db, "ann", status=USER.Status.NEW))
    assert client.get("/users/me/email/", status=303).location.endswith("/users/verify/address/")


def test_a_taken_address_is_answered_as_a_free_one_and_its_owner_is_told(
    make_client: Callable[..., Client], db: Session, mails: Mails
) -> None:
    make_user(db, "bob", email="taken@example.org")
    answers = []
    for number, email in enumerate(("taken@example.org", "free@example.org")):
        client, user = make_client(), make_user(db, f"asker-{number}")
        sign_in(client, user)
        answer = ask(client, email)
        page = answer.follow()
        text = page.text.replace(email, "EMAIL").replace(user.name, "NAME")
        body = re.sub(r'(name="csrf_token" value=")\w+', r"\1", text)
        answers.append((answer.status_int, answer.location, sorted(answer.headers), body))
    assert answers[0] == answers[1]
    (told,) = mails(to="taken@example.org")
    assert told["Subject"] == "You already have an account at My community"
    assert "its name is bob" in text_of(told)
    assert not re.search(r"/users/email/", text_of(told))
    (link,) = mails(to="free@example.org")
    assert "asker-1" in text_of(link)


def test_asking_again_ends_the_older_link(client: Client, confirm_link: str) -> None:
    ask(client, "third@example.org")
    client.get(confirm_link, status=410)


# Confirmed


def test_looking_at_the_links_changes_nothing(client: Client, db: Session, ann: User, confirm_link: str) -> None:
    for _ in range(3):
        client.head(confirm_link, status=200)
        page = client.get(confirm_link, status=200)
    assert f"From now on {NEW} is the address of the account ann." in page
    db.refresh(ann)
    assert ann.email == OLD


def test_the_button_changes_the_address_also_where_nobody_is_signed_in(
    make_client: Callable[..., Client], db: Session, ann: User, confirm_link: str, mails: Mails
) -> None:
    guest = make_client()
    page = press(guest, confirm_link).follow()
    assert heading(page) == "Sign in"
    assert flashes(page) == [f"Your address is {NEW} now"]
    db.refresh(ann)
    assert (ann.email, ann.email_canonical, ann.verified) == (NEW, NEW.lower(), True)
    guest.login(NEW)


def test_the_sign_ins_live_on(client: Client, confirm_link: str) -> None:
    assert heading(press(client, confirm_link).follow()) == "Security"


def test_the_old_address_is_told_with_a_link_and_the_new_one_too(
    client: Client, ann: User, confirm_link: str, mails: Mails
) -> None:
    press(client, confirm_link)
    (old,) = mails(to=OLD)
    assert old["Subject"] == "Your address at My community was changed"
    assert "127.0.0.1" in text_of(old)
    assert "/users/email/undo/" in link_in(old)
    assert "Your address was changed" in text_of(mails(to=NEW)[-1])


def test_a_reset_link_to_the_old_address_ends_with_the_change(
    client: Client, db: Session, ann: User, confirm_link: str, mails: Mails
) -> None:
    passwords.ask_for_reset(db, OLD)
    reset = next(link_in(mail) for mail in mails(to=OLD))
    press(client, confirm_link)
    client.get(reset, status=410)


def test_an_address_that_somebody_else_verified_meanwhile_stays_theirs(
    client: Client, db: Session, ann: User, confirm_link: str
) -> None:
    make_user(db, "bob", email=NEW)
    page = press(client, confirm_link)
    assert page.status_int == 410
    assert "already belongs to another account" in page
    db.refresh(ann)
    assert ann.email == OLD


def test_the_link_of_an_account_that_was_shut_changes_nothing(
    client: Client, db: Session, ann: User, confirm_link: str
) -> None:
    roles.change_status(db, COMMAND_LINE, ann.id, USER.Status.INACTIVE, "spam")
    assert press(client, confirm_link).status_int == 410
    db.refresh(ann)
    assert ann.email == OLD


# Undone


def test_undoing_puts_the_address_back_and_locks_the_account_until_a_new_password_is_set(
    client: Client, make_client: Callable[..., Client], db: Session, ann: User, undo_link: str, mails: Mails
) -> None:
    guest = make_client()
    passwords.ask_for_reset(db, NEW)
    steps.begin_step(db, USER.Step.SECOND_FACTOR, user_id=ann.id)
    client.get(undo_link, status=200)
    page = press(guest, undo_link).follow()
    assert heading(page) == "Sign in"
    db.refresh(ann)
    assert (ann.email, ann.email_canonical, ann.verified) == (OLD, OLD, True)
    # Every session, link and step is over, also those of who changed the address.
    client.get("/users/me/", status=303)
    assert db.scalars(sa.select(UserSession)).all() == []
    assert db.scalars(sa.select(SignInStep)).all() == []
    (token,) = db.scalars(sa.select(UserToken))
    assert token.purpose == USER.TokenPurpose.RESET_PASSWORD
    # Whoever knows the password can't come back with it.
    form = form_with(guest.get("/users/login/"), "login")
    form["login"], form["password"] = "ann", PASSWORD
    form.submit(status=422)
    reset = form_with(guest.get(link_in(mails(to=OLD)[-1])), "confirm")
    reset["password"] = reset["confirm"] = "staple battery horse"
    reset.submit(status=303)
    guest.login("ann", "staple battery horse")


def test_undoing_takes_away_the_ways_in_that_were_added_since_a_week_before(
    client: Client, db: Session, ann: User, undo_link: str
) -> None:
    now = utc_now()
    for number, days in enumerate((8, 6, 0)):
        of_ann: dict[str, Any] = {"user_id": ann.id, "created_at": now - timedelta(days=days)}
        key = b"%d" % number
        db.add(Passkey(**of_ann, credential_id=key, handle=key, public_key=key, name=f"{days} days"))
        db.add(Connection(**of_ann, provider=f"p{days}", issuer=f"https://{days}.example", subject="1"))
    db.add(Authenticator(user_id=ann.id, secret="of the intruder"))
    db.add(RecoveryCode(user_id=ann.id, code_hash="x" * 64))
    ann.second_factor_at = now
    db.flush()
    press(client, undo_link)
    db.expire_all()
    assert list(db.scalars(sa.select(Passkey.name))) == ["8 days"]
    assert list(db.scalars(sa.select(Connection.provider))) == ["p8"]
    assert db.scalars(sa.select(Authenticator)).all() == db.scalars(sa.select(RecoveryCode)).all() == []
    assert ann.second_factor_at is None


def test_undoing_leaves_the_second_factor_that_was_there_long_before(
    client: Client, db: Session, ann: User, undo_link: str
) -> None:
    long_ago = utc_now() - timedelta(days=8)
    db.add(Authenticator(user_id=ann.id, secret="of ann", created_at=long_ago))
    ann.second_factor_at = long_ago
    db.flush()
    press(client, undo_link)
    db.refresh(ann)
    assert ann.second_factor_at == long_ago


def test_undoing_in_the_browser_that_changed_it_signs_out_there(client: Client, undo_link: str) -> None:
    assert "Max-Age=0" in cookies_set(press(client, undo_link))["session"]


def test_undoing_is_told_to_the_address_that_is_back(client: Client, undo_link: str, mails: Mails) -> None:
    press(client, undo_link)
    assert any("The change of your address was undone" in text_of(mail) for mail in mails(to=OLD))


def test_the_first_address_can_undo_a_second_change_too(
    client: Client, db: Session, ann: User, undo_link: str, mails: Mails
) -> None:
    ask(client, "third@example.org")
    (mail,) = mails(to="third@example.org")
    press(client, link_in(mail))
    db.refresh(ann)
    assert ann.email == "third@example.org"
    assert press(client, undo_link).status_int == 303
    db.refresh(ann)
    assert ann.email == OLD


def test_the_link_to_undo_lasts_seven_days(db: Session, undo_link: str) -> None:
    token = db.scalars(sa.select(UserToken).where(UserToken.purpose == USER.TokenPurpose.UNDO_EMAIL)).one()
    assert timedelta(days=6, hours=23) < token.expires_at - utc_now() <= timedelta(days=7)


def test_both_links_work_once(client: Client, confirm_link: str, mails: Mails) -> None:
    press(client, confirm_link)
    undo = link_in(mails(to=OLD)[0])
    press(client, undo)
    for link in (confirm_link, undo):
        client.get(link, status=410)
        fields = {"csrf_token": csrf_token(client.get("/users/login/"))}
        client.post(link, fields, status=410)


def test_the_history_tells_of_it(client: Client, db: Session, undo_link: str) -> None:
    press(client, undo_link)
    events = db.scalars(sa.select(SecurityLogEntry.event).order_by(SecurityLogEntry.id)).all()
    assert events == [
        USER.SecurityEvent.EMAIL_CHANGE_ASKED,
        USER.SecurityEvent.EMAIL_CHANGED,
        USER.SecurityEvent.EMAIL_CHANGE_UNDONE,
    ]
