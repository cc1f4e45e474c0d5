"""The outbox as admins see it: what waits, what failed; sending again, giving up."""

from collections.abc import Callable
from email.message import EmailMessage

import pytest
import sqlalchemy as sa
import webtest
from sqlalchemy.orm import Session

from myproject.admin import constants as ADMIN
from myproject.audit import AuditEntry
from myproject.emails import constants as EMAIL
from myproject.emails.models import Email
from myproject.emails.services import Mail, queue_mail
from myproject.users import constants as USER
from myproject.users.models import User
from tests.conftest import Client, form_with
from tests.factories import make_user, sign_in
from tests.functional.pages import flashes

Mails = Callable[..., list[EmailMessage]]


@pytest.fixture
def root(client: Client, db: Session) -> User:
    """An admin who is signed in as `client`."""
    user = make_user(db, "root-of-all", role=USER.Role.ADMIN)
    sign_in(client, user)
    return user


def make_mail(db: Session, to: str = "ann@example.org", state: EMAIL.State = EMAIL.State.QUEUED) -> Email:
    mail = queue_mail(db, Mail(EMAIL.Kind.ALREADY_REGISTERED, to, context={"name": "ann"}))
    assert mail is not None
    mail.state = state
    if state == EMAIL.State.DEAD:
        mail.last_error, mail.attempts = "550 <no> such mailbox", EMAIL.MAX_ATTEMPTS
    db.flush()
    return mail


def addresses(page: webtest.TestResponse) -> list[str]:
    return [row.select("td")[0].get_text() for row in page.html.select("tbody tr")]


def entries(db: Session) -> list[AuditEntry]:
    return list(db.scalars(sa.select(AuditEntry).where(AuditEntry.target_type == "emails")))


def press(client: Client, verb: str, mail: Email) -> webtest.TestResponse:
    """Presses a button of the list."""
    page = client.get("/admin/emails/")
    form = next(form for form in page.forms.values() if form.action.endswith(f"/admin/emails/{mail.id}/{verb}/"))
    return form.submit(status=303)


def test_the_list_shows_the_newest_first_with_what_went_wrong(client: Client, db: Session, root: User) -> None:
    make_mail(db, "first@example.org")
    make_mail(db, "second@example.org", EMAIL.State.DEAD)
    page = client.get("/admin/emails/")
    assert addresses(page) == ["second@example.org", "first@example.org"]
    cells = [cell.get_text(strip=True) for cell in page.html.select("tbody tr")[0].select("td")]
    assert (cells[1], cells[2], cells[4]) == ("dead", str(EMAIL.MAX_ATTEMPTS), "550 <no> such mailbox")


def test_an_empty_outbox_says_so(client: Client, root: User) -> None:
    assert "No mails" in client.get("/admin/emails/")


def test_the_list_holds_nothing_that_lets_anybody_in(
    client: Client, db: Session, root: User, mails: Mails
) -> None:
    make_user(db, "nell", status=USER.Status.NEW)
    context = db.scalars(sa.select(Email.context)).one()
    assert context is not None
    page = client.get("/admin/emails/")
    assert context["token"] not in page
    assert context["code"] not in page


@pytest.mark.parametrize("state", list(EMAIL.State))
def test_the_list_can_be_filtered_by_state(client: Client, db: Session, root: User, state: EMAIL.State) -> None:
    for each in EMAIL.State:
        mail = make_mail(db, f"{each.name.lower()}@example.org")
        values = {"state": each}
        db.execute(sa.update(Email).where(Email.id == mail.id).values(values | {"lease_until": sa.func.now()}))
    form = form_with(client.get("/admin/emails/"), "state")
    form["state"] = str(int(state))
    page = form.submit()
    assert addresses(page) == [f"{state.name.lower()}@example.org"]
    assert form_with(page, "state")["state"].value == str(int(state))


@pytest.mark.parametrize("query", ["state=9", "state=x", "before=x", "before=" + "9" * 19])
def test_a_filter_that_there_is_not_is_not_found(client: Client, root: User, query: str) -> None:
    client.get(f"/admin/emails/?{query}", status=404)


def test_pages_show_every_mail_once_and_keep_the_filter(client: Client, db: Session, root: User) -> None:
    made = [make_mail(db, f"m{number}@example.org").to_address for number in range(ADMIN.PAGE_SIZE + 2)]
    make_mail(db, "dead@example.org", EMAIL.State.DEAD)
    first = client.get("/admin/emails/?state=0")
    assert addresses(first) == made[::-1][: ADMIN.PAGE_SIZE]
    second = client.get("/admin/emails/" + first.html.select_one("a[rel=next]")["href"])
    assert addresses(second) == ["m1@example.org", "m0@example.org"]
    assert second.html.select_one("a[rel=next]") is None


@pytest.mark.parametrize("state", [EMAIL.State.DEAD, EMAIL.State.CANCELLED])
def test_a_mail_that_was_given_up_is_sent_again(
    client: Client, db: Session, root: User, mails: Mails, state: EMAIL.State
) -> None:
    mail = make_mail(db, state=state)
    assert mails() == []
    answer = press(client, "resend", mail)
    assert answer.location == "http://localhost/admin/emails/"
    assert flashes(answer.follow()) == ["The mail is queued again"]
    assert [sent["To"] for sent in mails()] == ["ann@example.org"]
    db.refresh(mail)
    assert (mail.state, mail.attempts) == (EMAIL.State.SENT, 1)


def test_sending_again_leaves_an_audit_row(client: Client, db: Session, root: User) -> None:
    mail = make_mail(db, state=EMAIL.State.DEAD)
    answer = press(client, "resend", mail)
    (entry,) = entries(db)
    assert (entry.action, entry.actor_name, entry.target_id) == ("email.resend", "root-of-all", mail.id)
    assert (entry.before, entry.after) == ({"state": "DEAD"}, {"state": "QUEUED"})
    assert entry.request_id == answer.headers["X-Request-ID"]


def test_a_mail_that_waits_can_be_given_up(client: Client, db: Session, root: User, mails: Mails) -> None:
    mail = make_mail(db)
    answer = press(client, "cancel", mail)
    assert flashes(answer.follow()) == ["The mail is given up"]
    assert mails() == []
    db.refresh(mail)
    assert mail.state == EMAIL.State.CANCELLED
    (entry,) = entries(db)
    assert (entry.action, entry.before, entry.after) == (
        "email.cancel",
        {"state": "QUEUED"},
        {"state": "CANCELLED"},
    )


@pytest.mark.parametrize(
    ("verb", "before", "after", "told"),
    [
        ("cancel", EMAIL.State.QUEUED, EMAIL.State.SENT, "This mail can't be cancelled"),
        ("resend", EMAIL.State.DEAD, EMAIL.State.QUEUED, "This mail can't be sent again"),
    ],
)
def test_a_button_that_comes_too_late_changes_nothing_and_says_why(
    client: Client,
    db: Session,
    root: User,
    verb: str,
    before: EMAIL.State,
    after: EMAIL.State,
    told: str,
) -> None:
    mail = make_mail(db, state=before)
    page = client.get("/admin/emails/")
    form = next(form for form in page.forms.values() if form.action.endswith(f"/{mail.id}/{verb}/"))
    mail.state = after
    answer = form.submit(status=303).follow()
    assert flashes(answer)[0].startswith(told)
    db.refresh(mail)
    assert mail.state == after
    assert entries(db) == []


@pytest.mark.parametrize("verb", ["resend", "cancel"])
def test_a_mail_that_there_is_not_is_not_found(client: Client, root: User, verb: str) -> None:
    token = form_with(client.get("/admin/"), "csrf_token")["csrf_token"].value
    client.post(f"/admin/emails/999/{verb}/", {"csrf_token": token}, status=404)


@pytest.mark.parametrize("verb", ["resend", "cancel"])
def test_looking_changes_nothing(client: Client, db: Session, root: User, verb: str) -> None:
    mail = make_mail(db)
    client.get(f"/admin/emails/{mail.id}/{verb}/", status=405)
    db.refresh(mail)
    assert mail.state == EMAIL.State.QUEUED
