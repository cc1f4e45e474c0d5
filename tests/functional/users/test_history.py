"""What the owner of an account sees of what happened to it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from email.message import EmailMessage

import pytest
import sqlalchemy as sa
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.audit import COMMAND_LINE
from myproject.db import utc_now
from myproject.emails.constants import LANES, Lane
from myproject.emails.models import Email
from myproject.users import constants as USER
from myproject.users.models import SecurityLogEntry, User
from myproject.users.services import accounts, history, passwords, roles
from myproject.users.tasks import purge
from myproject.users.views.security import MAIL_SENTENCES, SENTENCES
from tests.conftest import PASSWORD, Client, form_with, run_tasks
from tests.factories import make_user, sign_in
from tests.functional.pages import link_in, text_of

pytestmark = pytest.mark.one_database

NEW_PASSWORD = "staple battery horse"
Event = USER.SecurityEvent


@pytest.fixture
def ann(db: Session) -> User:
    return make_user(db, "ann")


def events(db: Session, name: str = "ann") -> list[USER.SecurityEvent]:
    db.commit()
    of_member = sa.select(SecurityLogEntry.event).join(User).where(User.name == name)
    return list(db.scalars(of_member.order_by(SecurityLogEntry.id)))


def shown(client: Client) -> list[str]:
    page = client.get("/users/me/security/history/")
    return [cell.get_text(" ", strip=True) for cell in page.html.select("tbody th")]


def fail_to_sign_in(client: Client, login: str = "ann") -> None:
    form = form_with(client.get("/users/login/"), "login")
    form["login"], form["password"] = login, "wrong"
    form.submit(status=422)
    run_tasks(client.app.registry)


def test_every_event_has_a_sentence() -> None:
    assert set(SENTENCES) == set(USER.SecurityEvent)


def test_registering_and_signing_in_stand_in_it_newest_first(client: Client) -> None:
    client.register("ann")
    client.logout()
    client.login("ann")
    assert shown(client) == ["You signed in", "You registered"]


def test_verifying_and_correcting_an_address_stand_in_it_with_the_address_and_the_mails_to_one_that_is_proved(
    client: Client, app: Router, mails: Callable[..., list[EmailMessage]]
) -> None:
    client.register("ann", "an@example.org")
    mails()
    form = form_with(client.get("/users/verify/address/"), "email")
    form["email"] = "ann@example.org"
    form.submit(status=303)
    token = link_in(mails(to="ann@example.org")[-1])
    page = client.get(token)
    next(form for form in page.forms.values() if not form.action).submit(status=303)
    form = form_with(client.get("/users/lost-password/"), "email")
    form["email"] = "ann@example.org"
    form.submit("send", status=303)
    mails()
    assert shown(client) == [
        "A mail to ann@example.org: choose a new password",
        "Somebody asked for a link to choose a new password",
        "You verified your address: ann@example.org",
        "A mail to ann@example.org: confirm your address",
        "You corrected your address, which was not verified yet: ann@example.org",
        "You registered",
    ]


def test_it_goes_on_over_pages_with_each_line_and_mail_once(
    client: Client, db: Session, ann: User, mails: Callable[..., list[EmailMessage]]
) -> None:
    sign_in(client, ann)
    names = [f"phone {number}" for number in range(USER.HISTORY_PAGE_SIZE + 5)]
    for number, name in enumerate(names):
        if number in (2, 40):
            history.note(db, ann, Event.PASSKEY_ADDED, accounts.Client("", ""), name)
            db.commit()
            mails()
        else:
            db.add(SecurityLogEntry(user_id=ann.id, event=Event.PASSKEY_ADDED, detail=name))
            db.flush()
    db.commit()
    page, found = client.get("/users/me/security/history/"), []
    while True:
        found += [cell.get_text(" ", strip=True) for cell in page.html.select("tbody th")]
        onward = page.html.select_one("a[rel=next]")
        if onward is None:
            break
        page = client.get("/users/me/security/history/" + onward["href"])
    assert [line.removeprefix("You added a passkey: ") for line in found if "A mail" not in line] == names[::-1]
    assert len([line for line in found if "A mail" in line]) == 2
    client.get("/users/me/security/history/?after=nonsense", status=404)


def test_every_mail_about_the_safety_of_an_account_has_a_sentence() -> None:
    assert set(MAIL_SENTENCES) == {kind for kind, lane in LANES.items() if lane is Lane.SECURITY}


def test_a_member_sees_their_own_history_only(client: Client, db: Session, ann: User) -> None:
    history.note(db, make_user(db, "bob"), Event.NAME_CHANGED, accounts.Client("", ""), "robert")
    sign_in(client, ann)
    assert shown(client) == []


def test_what_somebody_called_a_thing_is_shown_as_text(client: Client, db: Session, ann: User) -> None:
    history.note(db, ann, Event.PASSKEY_ADDED, accounts.Client("192.0.2.7", "x"), "<b>${detail}</b>")
    sign_in(client, ann)
    assert shown(client) == ["You added a passkey: <b>${detail}</b>"]


def test_a_failed_sign_in_is_noted_once_a_minute_at_most(client: Client, db: Session, ann: User) -> None:
    for login in ("ann", "ANN", "ann@example.org"):
        fail_to_sign_in(client, login)
    assert events(db) == [Event.SIGN_IN_FAILED]


def test_a_failed_sign_in_to_no_account_is_asked_for_as_any_and_noted_nowhere(
    app: Router, client: Client, db: Session, ann: User
) -> None:
    waiting = []
    for login in ("ann", "nobody"):
        form = form_with(client.get("/users/login/"), "login")
        form["login"], form["password"] = login, "wrong"
        form.submit(status=422)
        waiting.append(len(app.registry["huey"].pending()))
        run_tasks(app.registry)
    assert waiting[0] == waiting[1] == 1
    assert db.scalars(sa.select(SecurityLogEntry.user_id)).all() == [ann.id]


def test_a_changed_and_a_reset_password_stand_in_it(
    client: Client, db: Session, ann: User, mails: Callable[..., list[EmailMessage]]
) -> None:
    sign_in(client, ann)
    form = form_with(client.get("/users/me/password/"), "current")
    form["current"], form["password"], form["confirm"] = PASSWORD, NEW_PASSWORD, NEW_PASSWORD
    form.submit(status=303)
    passwords.ask_for_reset(db, ann.email)
    form = form_with(client.get(link_in(mails()[-1])), "confirm")
    form["password"] = form["confirm"] = PASSWORD
    form.submit(status=303)
    assert events(db) == [Event.PASSWORD_CHANGED, Event.PASSWORD_RESET]


def test_what_admins_change_stands_in_it_without_their_address(client: Client, db: Session, ann: User) -> None:
    roles.change_role(db, COMMAND_LINE, ann.id, USER.Role.STAFF, "helps")
    roles.change_status(db, COMMAND_LINE, ann.id, USER.Status.INACTIVE, "spam")
    assert events(db) == [Event.ROLE_CHANGED, Event.STATUS_CHANGED]
    assert set(db.scalars(sa.select(SecurityLogEntry.address))) == {""}


@pytest.mark.parametrize("days", [90, 7])
def test_lines_are_gone_with_their_addresses_after_the_days_of_the_setting(
    make_app: Callable[..., Router], db: Session, ann: User, days: int
) -> None:
    app = make_app(retention_security_log_days=days)
    for age in (days - 1, days + 1):
        history.note(db, ann, Event.SIGNED_IN, accounts.Client(f"192.0.2.{age}", "x"))
        db.flush()
        old = sa.update(SecurityLogEntry).where(SecurityLogEntry.address == f"192.0.2.{age}")
        db.execute(old.values(created_at=utc_now() - timedelta(days=age)))
    db.commit()
    purge(app.registry)
    assert db.scalars(sa.select(SecurityLogEntry.address)).all() == [f"192.0.2.{days - 1}"]


@pytest.mark.parametrize("event", sorted(history.MAILED), ids=lambda event: event.name)
def test_what_guards_the_account_is_mailed_with_when_where_and_what(
    db: Session, ann: User, mails: Callable[..., list[EmailMessage]], event: USER.SecurityEvent
) -> None:
    history.note(db, ann, event, accounts.Client("192.0.2.7", "Firefox/128.0"), "DETAIL")
    (mail,) = mails(to="ann@example.org")
    text = text_of(mail)
    assert "something changed" in mail["Subject"]
    assert "Something that guards your account was changed" not in text
    assert ("DETAIL" in text) is ("${detail}" in SENTENCES[event])
    assert "192.0.2.7" in text
    assert "Firefox/128.0" in text
    assert "can't be turned off" in text


@pytest.mark.parametrize("event", sorted(set(Event) - history.MAILED), ids=lambda event: event.name)
def test_what_is_everyday_or_has_a_mail_of_its_own_sends_no_notice(
    db: Session, ann: User, mails: Callable[..., list[EmailMessage]], event: USER.SecurityEvent
) -> None:
    history.note(db, ann, event, accounts.Client("192.0.2.7", "Firefox/128.0"), "DETAIL")
    assert mails() == []


@pytest.mark.parametrize("signed_in", [True, False])
def test_password_managers_find_the_page_to_change_the_password(
    client: Client, db: Session, ann: User, signed_in: bool
) -> None:
    if signed_in:
        sign_in(client, ann)
    answer = client.get("/.well-known/change-password", status=302)
    assert answer.location.endswith("/users/me/password/")


def test_mail_says_when_it_was_to_the_second(db: Session, ann: User) -> None:
    before = utc_now().replace(microsecond=0)
    passwords.set_password(db, ann, "a hash", accounts.Client("203.0.113.7", "a browser"))
    db.flush()
    (when,) = [email.context["when"] for email in db.scalars(sa.select(Email)) if "when" in email.context]
    assert before <= datetime.fromisoformat(when) <= utc_now()
