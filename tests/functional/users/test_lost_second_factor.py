"""A second factor that was lost: its owner waits and is told, who finds it again stops that, and two admins make
it sooner.
"""

from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage

import pytest
import sqlalchemy as sa
import webtest
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.audit import AuditEntry
from myproject.db import utc_now
from myproject.users import constants as USER
from myproject.users.models import SecondFactorReset, SecurityLogEntry, User
from myproject.users.services import accounts, addresses, lost_second_factor, passwords, tokens
from myproject.users.tasks import carry_out_resets
from myproject.web.dates import exact
from tests.conftest import Client
from tests.factories import make_user, sign_in
from tests.functional.pages import csrf_token, flashes, heading, link_in, text_of
from tests.phones import Phone, turn_on

pytestmark = pytest.mark.one_database

SHOW = "/users/login/second-factor/"
DAY = timedelta(days=1)
LINK = "Your lost second factor at My community"
NOTICE = "Your second factor at My community will be turned off"
Mails = Callable[..., list[EmailMessage]]


@pytest.fixture
def ann(db: Session) -> User:
    return make_user(db, "ann")


@pytest.fixture
def phone(db: Session, ann: User) -> Phone:
    return turn_on(db, ann)


def press(client: Client, path: str, **fields: str) -> webtest.TestResponse:
    """Presses the button of a page, with its token."""
    token = csrf_token(client.get(path))
    return client.post(path, fields | {"csrf_token": token}, status="*")


def about(mails: list[EmailMessage], subject: str) -> list[EmailMessage]:
    return [mail for mail in mails if mail["Subject"] == subject]


def ask(client: Client, mails: Mails) -> str:
    """Asks for the link, as somebody whose password is right, and gives where it leads."""
    page = client.login("ann").follow()
    assert "Lost the app and the recovery codes?" in page
    answer = press(client, f"{SHOW}lost/")
    assert "We have sent a link" in flashes(answer.follow())[0]
    return link_in(about(mails(to="ann@example.org"), LINK)[-1])


@pytest.fixture
def waiting(client: Client, phone: Phone, mails: Mails) -> EmailMessage:
    """Ann waits; the mail that told her so."""
    assert press(client, ask(client, mails)).status_int == 303
    return about(mails(to="ann@example.org"), NOTICE)[-1]


def wait(app: Router, db: Session, time: timedelta) -> None:
    """Lets this much time go by, and has the periodic task look."""
    db.commit()
    for row in db.scalars(sa.select(SecondFactorReset)):
        row.created_at, row.due_at, row.told_at = row.created_at - time, row.due_at - time, row.told_at - time
    db.commit()
    carry_out_resets(app.registry)
    db.expire_all()


def enter_code(client: Client, code: str) -> webtest.TestResponse:
    page = client.login("ann").follow()
    form = next(form for form in page.forms.values() if "code" in form.fields)
    form["code"] = code
    return form.submit(status="*")


def test_a_lost_second_factor_goes_after_days_in_which_its_owner_is_told_each_day(
    app: Router,
    client: Client,
    make_client: Callable[..., Client],
    db: Session,
    ann: User,
    phone: Phone,
    mails: Mails,
) -> None:
    inside = make_client()
    sign_in(inside, ann)
    link = ask(client, mails)
    # Looking at the link begins nothing, and neither does asking for another.
    assert heading(client.get(link)) == "Turn the second factor off?"
    wait(app, db, 10 * DAY)
    assert ann.second_factor_at is not None
    assert flashes(press(client, link).follow())[0].startswith("It has begun.")
    client.get(link, status=410)
    for day in range(3):
        wait(app, db, timedelta())
        assert len(about(mails(to="ann@example.org"), NOTICE)) == day + 1
        assert ann.second_factor_at is not None
        wait(app, db, DAY)
    assert ann.second_factor_at is None
    assert "no longer asks for a code" in text_of(mails(to="ann@example.org")[-1])
    inside.get("/users/me/", status=303)
    assert client.login("ann").location.endswith("/users/me/")
    (entry,) = db.scalars(sa.select(AuditEntry).where(AuditEntry.action == "user.second_factor"))
    assert (entry.actor_name, entry.target_id) == ("site", ann.id)
    assert db.scalars(sa.select(SecondFactorReset)).all() == []


def test_the_settings_say_how_many_days(
    make_app: Callable[..., Router], make_client: Callable[..., Client], db: Session, phone: Phone, mails: Mails
) -> None:
    app = make_app(users_second_factor_reset_days=7)
    client = make_client(app)
    assert "it takes 7 days" in client.login("ann").follow().click("Lost the app").text
    press(client, f"{SHOW}lost/")
    press(client, link_in(mails(app, to="ann@example.org")[-1]))
    row = db.scalars(sa.select(SecondFactorReset)).one()
    assert timedelta(days=6, hours=23) < row.due_at - utc_now() <= timedelta(days=7)


def test_only_who_has_shown_the_password_can_ask(
    client: Client, make_client: Callable[..., Client], phone: Phone, mails: Mails
) -> None:
    assert client.get(f"{SHOW}lost/", status=303).location.endswith("/users/login/")
    token = csrf_token(client.get("/users/login/"))
    assert client.post(f"{SHOW}lost/", {"csrf_token": token}, status=303).location.endswith("/users/login/")
    assert about(mails(), LINK) == []


def test_asking_is_limited(
    make_app: Callable[..., Router], make_client: Callable[..., Client], db: Session, phone: Phone, mails: Mails
) -> None:
    app = make_app(**{"ratelimit.enabled": True, "ratelimit.lost_second_factor_account": "1 per day"})
    client = make_client(app)
    client.login("ann")
    assert press(client, f"{SHOW}lost/").status_int == 303
    assert press(client, f"{SHOW}lost/").status_int == 429
    assert len(about(mails(app), LINK)) == 1


def test_the_link_ends_with_what_it_was_asked_for_by(
    client: Client, make_client: Callable[..., Client], db: Session, ann: User, phone: Phone, mails: Mails
) -> None:
    here = accounts.Client("", "")

    def lives() -> bool:
        return client.get(link, status="*").status_int == 200

    link = ask(client, mails)
    assert lives()
    # Its owner has found the second factor before anything has begun.
    assert enter_code(make_client(), phone.code(1)).status_int == 303
    assert not lives()

    link = ask(client, mails)
    assert lives()
    passwords.set_password(db, ann, str(ann.password), here)
    assert not lives()

    link = ask(client, mails)
    token = tokens.add_token(db, ann, USER.TokenPurpose.CHANGE_EMAIL, DAY, email="ann@example.net")
    addresses.confirm_change(db, token, here)
    assert not lives()

    token = tokens.add_token(db, ann, USER.TokenPurpose.RESET_SECOND_FACTOR, DAY)
    ann.email_canonical = "ann@example.com"
    assert press(client, f"/users/second-factor/reset/{token}/").status_int == 410
    assert db.scalars(sa.select(SecondFactorReset)).all() == []


def test_the_mails_tell_the_time_in_the_members_zone(db: Session, ann: User, mails: Mails) -> None:
    ann.time_zone = "Asia/Kathmandu"
    turn_on(db, ann)
    token = tokens.add_token(db, ann, USER.TokenPurpose.RESET_SECOND_FACTOR, DAY)
    lost_second_factor.begin(db, token, 3, accounts.Client("", ""))
    due = exact(db.scalars(sa.select(SecondFactorReset.due_at)).one(), "Asia/Kathmandu", "en")
    minute, zone = due.split(":")[:2], due.rpartition(" ")[2]
    (mail,) = about(mails(to="ann@example.org"), NOTICE)
    assert ":".join(minute) in text_of(mail)
    assert zone in text_of(mail)


@pytest.mark.parametrize("by", ["app", "recovery"])
def test_signing_in_with_the_second_factor_stops_it(
    app: Router,
    make_client: Callable[..., Client],
    db: Session,
    ann: User,
    phone: Phone,
    waiting: EmailMessage,
    mails: Mails,
    by: str,
) -> None:
    assert enter_code(make_client(), phone.code(1) if by == "app" else phone.codes[0]).status_int == 303
    wait(app, db, 10 * DAY)
    assert ann.second_factor_at is not None
    assert "Your second factor stays on." in "".join(text_of(mail) for mail in mails(to="ann@example.org"))
    # The link of the mail has nothing left to stop.
    make_client().get(link_in(waiting), status=410)


def test_a_wrong_code_stops_nothing(
    app: Router, make_client: Callable[..., Client], db: Session, ann: User, waiting: EmailMessage
) -> None:
    assert enter_code(make_client(), "000000").status_int == 422
    wait(app, db, 3 * DAY)
    assert ann.second_factor_at is None


def test_the_mails_link_stops_it_without_signing_in(
    app: Router, make_client: Callable[..., Client], db: Session, ann: User, waiting: EmailMessage
) -> None:
    reader, link = make_client(), link_in(waiting)
    reader.get(link)
    assert db.scalars(sa.select(SecondFactorReset)).all()
    assert flashes(press(reader, link).follow()) == ["Your second factor stays on"]
    wait(app, db, 10 * DAY)
    assert ann.second_factor_at is not None
    events = db.scalars(sa.select(SecurityLogEntry.event).where(SecurityLogEntry.user_id == ann.id)).all()
    asked, kept = USER.SecurityEvent.SECOND_FACTOR_RESET_ASKED, USER.SecurityEvent.SECOND_FACTOR_RESET_CANCELLED
    assert [event for event in events if event in (asked, kept)] == [asked, kept]


def test_the_members_own_pages_warn_and_stop_it(
    make_client: Callable[..., Client], db: Session, ann: User, waiting: EmailMessage
) -> None:
    inside = make_client()
    sign_in(inside, ann)
    assert "as if it were lost" in inside.get("/users/me/security/")
    page = inside.get("/users/me/security/second-factor/")
    form = next(form for form in page.forms.values() if form.action.endswith("/stay/"))
    page = form.submit(status=303).follow()
    assert flashes(page) == ["Your second factor stays on"]
    assert "as if it were lost" not in page
    assert db.scalars(sa.select(SecondFactorReset)).all() == []


def test_a_shut_account_is_not_opened_by_waiting(
    app: Router, db: Session, ann: User, waiting: EmailMessage
) -> None:
    ann.status = USER.Status.INACTIVE
    wait(app, db, 3 * DAY)
    assert ann.second_factor_at is not None


# Sooner


def agree(client: Client, user: User, reason: str = "She showed her passport") -> list[str]:
    """Says as an admin that it is they, and gives what the site says to that."""
    path = f"/admin/users/{user.id}/"
    token = csrf_token(client.get(path))
    answer = client.post(f"{path}second-factor/", {"csrf_token": token, "reason": reason}, status=303)
    return flashes(answer.follow())


@pytest.fixture
def admins(make_client: Callable[..., Client], db: Session) -> list[Client]:
    clients = [make_client() for _ in range(2)]
    for number, client in enumerate(clients):
        sign_in(client, make_user(db, f"root-{number}", role=USER.Role.ADMIN))
    return clients


def test_two_admins_make_it_sooner_and_one_does_not(
    db: Session, ann: User, waiting: EmailMessage, admins: list[Client], mails: Mails
) -> None:
    first, second = admins
    assert agree(first, ann) == ["For ann another admin has to agree now"]
    assert agree(first, ann) == ["You have agreed already: now another admin has to"]
    assert ann.second_factor_at is not None
    assert "You have agreed" in first.get(f"/admin/users/{ann.id}/")
    assert "Another admin has agreed already" in second.get(f"/admin/users/{ann.id}/")
    assert agree(second, ann, "x") == ["Write why: it stands in the audit"]
    assert agree(second, ann) == ["ann signs in without a second factor"]
    assert ann.second_factor_at is None
    rows = db.execute(
        sa.select(AuditEntry.action, AuditEntry.actor_name, AuditEntry.reason).order_by(AuditEntry.id)
    )
    assert [tuple(row) for row in rows if row.action.startswith("user.second_factor")] == [
        ("user.second_factor_hasten", "root-0", "She showed her passport"),
        ("user.second_factor", "root-1", "She showed her passport"),
    ]
    assert "no longer asks for a code" in text_of(mails(to="ann@example.org")[-1])


def test_nobody_can_make_it_sooner_where_nobody_waits(
    db: Session, ann: User, phone: Phone, admins: list[Client]
) -> None:
    assert agree(admins[0], ann) == ["Nobody waits for this second factor to be turned off any more"]
    assert ann.second_factor_at is not None


def test_the_word_of_somebody_who_is_no_admin_any_more_does_not_count(
    db: Session, ann: User, waiting: EmailMessage, admins: list[Client]
) -> None:
    agree(admins[0], ann)
    db.scalars(sa.select(User).where(User.name == "root-0")).one().role = USER.Role.USER
    assert agree(admins[1], ann) == ["For ann another admin has to agree now"]
    assert ann.second_factor_at is not None


def test_an_admin_has_no_say_in_their_own(
    db: Session, ann: User, waiting: EmailMessage, admins: list[Client], make_client: Callable[..., Client]
) -> None:
    ann.role = USER.Role.ADMIN
    own = make_client()
    sign_in(own, ann)
    assert agree(own, ann) == ["You can't change your own role or status: ask another admin"]
    assert db.scalars(sa.select(SecondFactorReset.hastened_by_id)).one() is None
