"""Verifying an address by link and by code, asking for the mail again, mending the address."""

from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.audit import COMMAND_LINE
from myproject.db import utc_now
from myproject.users import constants as USER
from myproject.users.models import User, UserToken
from myproject.users.services import passwords, roles
from tests.conftest import Client, form_with
from tests.factories import make_user, sign_in
from tests.functional.pages import code_in, csrf_token, field_errors, flashes, heading, link_in, text_of

Mails = Callable[..., list[EmailMessage]]

WRONG = {"code": "This is not the code, or it is too old. After three tries ask for a new one."}
OVER = "This link has been used, or is too old. Ask for a new one."


@pytest.fixture
def ann(db: Session) -> User:
    return make_user(db, "ann", status=USER.Status.NEW)


def press(client: Client, link: str, status: int = 303) -> str:
    """Sends the form of a verification link; gives the page that answers."""
    token = csrf_token(client.get("/users/login/" if "session" not in client.cookies else "/users/me/"))
    answer = client.post(link, {"csrf_token": token}, status=status)
    return str(answer.follow().text if status == 303 else answer.text)


def type_code(client: Client, code: str) -> dict[str, str]:
    """Types the code and gives the errors, none where it was right."""
    form = form_with(client.get("/users/verify/"), "code")
    form["code"] = code
    answer = form.submit(status="*")
    return field_errors(answer) if answer.status_int == 422 else {}


# By the link


def test_the_link_verifies_who_presses_its_button(client: Client, db: Session, ann: User, mails: Mails) -> None:
    (mail,) = mails(to="ann@example.org")
    page = client.get(link_in(mail))
    assert ann.email_verified_at is None
    answer = next(form for form in page.forms.values() if not form.action).submit(status=303)
    assert flashes(answer.follow()) == ["Thank you ann, your address is verified"]
    db.refresh(ann)
    assert ann.status == USER.Status.ACTIVE
    assert ann.email_verified_at is not None


def test_looking_at_the_link_any_number_of_times_changes_nothing(
    client: Client, db: Session, ann: User, mails: Mails
) -> None:
    (mail,) = mails()
    for _ in range(3):
        client.head(link_in(mail), status=200)
        client.get(link_in(mail), status=200)
    db.refresh(ann)
    assert (ann.status, ann.email_verified_at) == (USER.Status.NEW, None)
    assert db.scalars(sa.select(UserToken)).one().tries == 0
    press(client, link_in(mail))


def test_a_link_works_once(client: Client, ann: User, mails: Mails) -> None:
    (mail,) = mails()
    press(client, link_in(mail))
    assert OVER in press(client, link_in(mail), 410)
    assert OVER in client.get(link_in(mail), status=410)


def test_the_link_signs_nobody_in(client: Client, ann: User, mails: Mails) -> None:
    (mail,) = mails()
    assert "Sign in" in press(client, link_in(mail))
    assert "session" not in client.cookies


def test_the_link_leads_home_who_is_signed_in(client: Client, ann: User, mails: Mails) -> None:
    sign_in(client, ann)
    assert "Hi ann!" in press(client, link_in(mails()[0]))


def test_who_opens_their_used_link_once_more_reads_that_the_address_is_verified(
    client: Client, db: Session, ann: User, mails: Mails
) -> None:
    sign_in(client, ann)
    (mail,) = mails()
    press(client, link_in(mail))
    told = "Your address ann@example.org is verified"
    assert flashes(client.get(link_in(mail), status=303).follow()) == [told]
    assert told in press(client, link_in(mail))
    # Nobody is told so by a link that was made up, or by that of somebody else.
    assert OVER in client.get("/users/verify/" + "x" * 43 + "/", status=410)
    sign_in(client, make_user(db, "bob"))
    assert OVER in press(client, link_in(mail), 410)


def test_a_link_is_too_old_after_a_day(client: Client, db: Session, ann: User, mails: Mails) -> None:
    (mail,) = mails()
    token = db.scalars(sa.select(UserToken)).one()
    assert timedelta(hours=23) < token.expires_at - utc_now() <= timedelta(hours=24)
    token.expires_at = utc_now() - timedelta(seconds=1)
    client.get(link_in(mail), status=410)
    press(client, link_in(mail), 410)
    db.refresh(ann)
    assert ann.status == USER.Status.NEW


def test_a_link_that_nobody_was_sent_is_over(client: Client) -> None:
    assert OVER in client.get("/users/verify/" + "x" * 43 + "/", status=410)
    assert OVER in press(client, "/users/verify/" + "x" * 43 + "/", 410)


def test_a_reset_link_verifies_nothing_by_itself(client: Client, db: Session, ann: User, mails: Mails) -> None:
    passwords.ask_for_reset(db, "ann@example.org")
    reset = next(link_in(mail) for mail in mails() if "/reset-password/" in mail.as_string())
    token = reset.removeprefix("/users/reset-password/")
    client.get(f"/users/verify/{token}", status=410)
    press(client, f"/users/verify/{token}", 410)


def test_verifying_does_not_open_an_account_that_was_shut(
    client: Client, db: Session, ann: User, mails: Mails
) -> None:
    (mail,) = mails()
    roles.change_status(db, COMMAND_LINE, ann.id, USER.Status.INACTIVE, "spam")
    press(client, link_in(mail))
    db.refresh(ann)
    assert ann.status == USER.Status.INACTIVE


# By the code


@pytest.mark.one_database
def test_phones_fill_in_the_code_and_show_letters_for_it(client: Client, ann: User) -> None:
    sign_in(client, ann)
    field = form_with(client.get("/users/verify/"), "code")["code"]
    shown = {name: field.attrs.get(name) for name in ("autocomplete", "inputmode", "autocapitalize")}
    assert shown == {"autocomplete": "one-time-code", "inputmode": "text", "autocapitalize": "characters"}


@pytest.mark.parametrize(
    "spelling",
    [
        str,
        str.lower,
        lambda code: code.replace("-", ""),
        lambda code: code.replace("-", " "),
        lambda code: f"  {code.lower()} ",
        lambda code: " ".join(code),
        lambda code: code.replace("-", "–"),
    ],
    ids=["as-sent", "lower-case", "no-dash", "blank", "blanks-around", "spaced-out", "en-dash"],
)
def test_the_code_may_be_typed_in_any_spelling(
    client: Client, db: Session, ann: User, mails: Mails, spelling: Callable[[str], str]
) -> None:
    sign_in(client, ann)
    assert type_code(client, spelling(code_in(mails()[0]))) == {}
    assert flashes(client.get("/users/me/")) == ["Thank you, your address is verified"]
    db.refresh(ann)
    assert ann.status == USER.Status.ACTIVE


def test_the_code_is_good_at_the_third_try(client: Client, db: Session, ann: User, mails: Mails) -> None:
    sign_in(client, ann)
    for _ in range(USER.CODE_TRIES - 1):
        assert type_code(client, "BBBB-BBBB") == WRONG
    assert type_code(client, code_in(mails()[0])) == {}


def test_after_three_wrong_tries_the_right_code_is_refused_too(
    client: Client, db: Session, ann: User, mails: Mails
) -> None:
    sign_in(client, ann)
    for _ in range(USER.CODE_TRIES):
        assert type_code(client, "BBBB-BBBB") == WRONG
    assert type_code(client, code_in(mails()[0])) == WRONG
    db.refresh(ann)
    assert ann.status == USER.Status.NEW


def test_a_wrong_try_counts_though_its_request_is_rolled_back(client: Client, db: Session, ann: User) -> None:
    sign_in(client, ann)
    for tries in (1, 2):
        type_code(client, "BBBB-BBBB")
        assert db.scalars(sa.select(UserToken.tries)).one() == tries


def test_the_link_still_works_when_the_code_is_used_up(
    client: Client, db: Session, ann: User, mails: Mails
) -> None:
    sign_in(client, ann)
    for _ in range(USER.CODE_TRIES + 1):
        type_code(client, "BBBB-BBBB")
    assert "Thank you ann" in press(client, link_in(mails()[0]))


def test_a_code_is_too_old_after_a_quarter_of_an_hour(
    client: Client, db: Session, ann: User, mails: Mails
) -> None:
    sign_in(client, ann)
    token = db.scalars(sa.select(UserToken)).one()
    assert token.code_expires_at is not None
    assert timedelta(minutes=14) < token.code_expires_at - utc_now() <= timedelta(minutes=15)
    token.code_expires_at = utc_now() - timedelta(seconds=1)
    assert type_code(client, code_in(mails()[0])) == WRONG


def test_the_code_of_somebody_else_is_refused(client: Client, db: Session, ann: User, mails: Mails) -> None:
    sign_in(client, make_user(db, "bob", status=USER.Status.NEW))
    (mail,) = mails(to="ann@example.org")
    assert type_code(client, code_in(mail)) == WRONG


def test_the_code_stays_in_its_field_when_it_is_wrong(client: Client, ann: User) -> None:
    sign_in(client, ann)
    form = form_with(client.get("/users/verify/"), "code")
    form["code"] = "BBBB-BBBB"
    assert form_with(form.submit(status=422), "code")["code"].value == "BBBB-BBBB"


def test_who_is_verified_is_not_asked_again(client: Client, db: Session) -> None:
    sign_in(client, make_user(db, "bob"))
    for path in ("/users/verify/", "/users/verify/address/"):
        assert client.get(path, status=303).location == "http://localhost/users/me/"


# Once more, and elsewhere


def test_asking_again_sends_a_new_mail_and_ends_the_old_link_and_code(
    client: Client, ann: User, mails: Mails
) -> None:
    sign_in(client, ann)
    (old,) = mails()
    page = form_with(client.get("/users/verify/"), "resend").submit("resend", status=303).follow()
    assert flashes(page) == ["We have sent the mail again"]
    (new,) = [mail for mail in mails() if link_in(mail) != link_in(old)]
    press(client, link_in(old), 410)
    assert type_code(client, code_in(old)) == WRONG
    assert "Thank you ann" in press(client, link_in(new))


def test_a_mistyped_address_can_be_mended(client: Client, db: Session, ann: User, mails: Mails) -> None:
    sign_in(client, ann)
    (old,) = mails()
    form = form_with(client.get("/users/verify/").click("Correct the address"), "email")
    assert form["email"].value == "ann@example.org"
    form["email"] = "ann.lee@example.org"
    page = form.submit(status=303).follow()
    assert flashes(page) == ["We have sent a mail to ann.lee@example.org"]
    press(client, link_in(old), 410)
    (new,) = mails(to="ann.lee@example.org")
    press(client, link_in(new))
    db.refresh(ann)
    assert (ann.email, ann.status) == ("ann.lee@example.org", USER.Status.ACTIVE)


def test_an_address_that_is_none_is_refused_beside_its_field(client: Client, ann: User) -> None:
    sign_in(client, ann)
    form = form_with(client.get("/users/verify/address/"), "email")
    form["email"] = "nobody"
    page = form.submit(status=422)
    assert field_errors(page) == {"email": "Write an address like name@example.org"}
    assert form_with(page, "email")["email"].value == "nobody"


def test_mending_the_address_to_one_that_is_taken_looks_the_same(
    client: Client, db: Session, ann: User, mails: Mails
) -> None:
    make_user(db, "olga")
    sign_in(client, ann)
    form = form_with(client.get("/users/verify/address/"), "email")
    form["email"] = "olga@example.org"
    assert flashes(form.submit(status=303).follow()) == ["We have sent a mail to olga@example.org"]
    (mail,) = mails(to="olga@example.org")
    assert "already" in mail["Subject"]
    assert "/users/verify/" not in text_of(mail)


def test_a_verified_address_can_not_be_mended_that_way(client: Client, db: Session, ann: User) -> None:
    sign_in(client, ann)
    form = form_with(client.get("/users/verify/address/"), "email")
    ann.status, ann.email_verified_at = USER.Status.ACTIVE, utc_now()
    form["email"] = "other@example.org"
    assert field_errors(form.submit(status=422)) == {"email": "Your address is verified already"}
    db.refresh(ann)
    assert ann.email == "ann@example.org"


def test_only_members_verify_by_code(client: Client) -> None:
    for path in ("/users/verify/", "/users/verify/address/"):
        assert heading(client.get(path, status=303).follow()) == "Sign in"
