"""The outbox as admins see it: what waits, what failed; one mail, sending it again, giving it up."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from email.message import EmailMessage
from urllib.parse import quote

import pytest
import sqlalchemy as sa
import webtest
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.admin import constants as ADMIN
from myproject.admin.schemas import KIND_TITLES, STATE_TITLES
from myproject.audit import AuditEntry
from myproject.emails import constants as EMAIL
from myproject.emails.errors import DeliveryError
from myproject.emails.models import Email
from myproject.emails.services import pacing
from myproject.emails.services.delivery import claim
from myproject.emails.services.outbox import Mail, queue_mail
from myproject.users import constants as USER
from myproject.users.models import User
from tests.conftest import Client, form_with, run_tasks
from tests.factories import make_user
from tests.functional.pages import code_in, flashes, heading, link_in, text_of
from tests.unit.emails.samples import CONTEXTS, sample

pytestmark = pytest.mark.one_database

Mails = Callable[..., list[EmailMessage]]
Counter = Callable[..., AbstractContextManager[list[str]]]


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


def press(client: Client, verb: str, mail: Email, address: str = "/admin/emails/") -> webtest.TestResponse:
    """Presses a button of the list, or of another page."""
    page = client.get(address)
    form = next(form for form in page.forms.values() if form.action.endswith(f"/admin/emails/{mail.id}/{verb}/"))
    return form.submit(status=303)


def test_the_list_shows_the_newest_first_with_what_went_wrong(client: Client, db: Session, root: User) -> None:
    make_mail(db, "first@example.org")
    make_mail(db, "second@example.org", EMAIL.State.DEAD)
    page = client.get("/admin/emails/")
    assert addresses(page) == ["second@example.org", "first@example.org"]
    cells = [cell.get_text(strip=True) for cell in page.html.select("tbody tr")[0].select("td")]
    assert (cells[1], cells[2], cells[4]) == ("Dead", str(EMAIL.MAX_ATTEMPTS), "550 <no> such mailbox")


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


def test_the_list_can_be_filtered_by_topic_address_and_domain(client: Client, db: Session, root: User) -> None:
    ann = make_user(db, "ann")
    for to, topic in (
        ("Ann@one.example", "mention"),
        ("bob@one.example", "digest"),
        ("ann@two.example", "mention"),
    ):
        assert queue_mail(db, sample(EMAIL.Kind.REPLY, to_address=to, topic=topic, user_id=ann.id))
    for filled, expected in (
        ({"topic": "mention"}, ["ann@two.example", "Ann@one.example"]),
        ({"q": "ann@one.example"}, ["Ann@one.example"]),
        ({"q": "@one.example"}, ["bob@one.example", "Ann@one.example"]),
        ({"topic": "mention", "q": "@one.example"}, ["Ann@one.example"]),
        ({"q": "an"}, []),
    ):
        form = form_with(client.get("/admin/emails/"), "topic")
        for name, value in filled.items():
            form[name] = value
        page = form.submit()
        assert addresses(page) == expected
        assert {name: form_with(page, "topic")[name].value for name in filled} == filled


def press_for_all(client: Client, verb: str, query: str) -> webtest.TestResponse:
    page = client.get(f"/admin/emails/?{query}")
    form = next(form for form in page.forms.values() if form.action.endswith(f"/admin/emails/{verb}/"))
    return form.submit(status=303)


def state_of(db: Session, mail: Email) -> EMAIL.State:
    db.refresh(mail)
    return mail.state


def test_all_mails_of_a_list_are_sent_again_in_batches_each_with_its_row_in_the_audit(
    client: Client, db: Session, root: User, app: Router, mails: Mails, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EMAIL, "CHANGE_BATCH", 2)
    dead = [make_mail(db, f"m{number}@one.example", EMAIL.State.DEAD) for number in range(5)]
    others = [make_mail(db, "m@two.example", EMAIL.State.DEAD), make_mail(db, "m@one.example", EMAIL.State.SENT)]
    dead[4].context = None
    answer = press_for_all(client, "resend", "q=@one.example")
    assert answer.location == "http://localhost/admin/emails/?state=&topic=&q=%40one.example"
    later = make_mail(db, "later@one.example", EMAIL.State.DEAD)
    db.commit()
    run_tasks(app.registry)
    assert len(mails()) == 4
    assert {state_of(db, mail) for mail in dead[:4]} == {EMAIL.State.SENT}
    assert [state_of(db, mail).name for mail in (dead[4], *others, later)] == ["DEAD", "DEAD", "SENT", "DEAD"]
    assert {(entry.action, entry.actor_name, entry.target_id) for entry in entries(db)} == {
        ("email.resend", "root-of-all", mail.id) for mail in dead[:4]
    }


def test_all_mails_of_a_list_that_wait_are_given_up(
    client: Client, db: Session, root: User, app: Router, mails: Mails
) -> None:
    waiting, sent = make_mail(db), make_mail(db, state=EMAIL.State.SENT)
    press_for_all(client, "cancel", "")
    run_tasks(app.registry)
    assert mails() == []
    assert (state_of(db, waiting), state_of(db, sent)) == (EMAIL.State.CANCELLED, EMAIL.State.SENT)


def test_the_list_says_that_the_mail_server_is_away_and_a_button_tries_it_at_once(
    client: Client, db: Session, root: User, mails: Mails
) -> None:
    make_mail(db)
    assert claim(db, "worker:1") is not None
    error = DeliveryError("The mail server refused the user name or password (535)")
    pacing.note_failure(db, "example.org", error)
    db.execute(sa.update(Email).values(state=EMAIL.State.QUEUED))
    assert mails() == []
    page = client.get("/admin/emails/")
    assert "The mail server refused the user name or password (535)" in page.html.select_one(".notice").get_text()
    form = next(form for form in page.forms.values() if form.action.endswith("/admin/emails/open/"))
    answer = form.submit(status=303).follow()
    assert answer.html.select_one(".notice") is None
    assert len(mails()) == 1


@pytest.mark.parametrize("query", ["topic=x", "state=9", "state=x", "before=x", "before=" + "9" * 19])
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
        ("cancel", EMAIL.State.QUEUED, EMAIL.State.SENT, "This mail can't be given up: it has been sent."),
        ("cancel", EMAIL.State.QUEUED, EMAIL.State.CANCELLED, "This mail has been given up already."),
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


# One mail


def pairs(page: webtest.TestResponse) -> dict[str, str]:
    """What the page says of the mail, by the words before it."""
    terms, values = page.html.select("dl.pairs dt"), page.html.select("dl.pairs dd")
    return {term.get_text(): value.get_text(" ", strip=True) for term, value in zip(terms, values, strict=True)}


def text_shown(page: webtest.TestResponse) -> str:
    return str(page.html.select_one("pre.mail-text").get_text())


def show(client: Client, mail: Email) -> webtest.TestResponse:
    return client.get(f"/admin/emails/{mail.id}/")


def test_the_list_leads_to_each_mail(client: Client, db: Session, root: User) -> None:
    mail = make_mail(db)
    page = client.get("/admin/emails/").click("Registered already")
    assert page.request.path == f"/admin/emails/{mail.id}/"
    assert heading(page) == "Registered already"
    assert page.html.select_one(".tabs [aria-current]").get_text() == "Outbox"


def test_the_page_says_what_went_wrong_and_to_whom_it_goes(client: Client, db: Session, root: User) -> None:
    mail = make_mail(db, state=EMAIL.State.DEAD)
    mail.to_name, mail.user_id = "Ann", make_user(db, "ann").id
    page = show(client, mail)
    shown = pairs(page)
    assert shown["State"] == "Dead"
    assert shown["To"] == "Ann ann@example.org"
    assert shown["Tries"] == f"{EMAIL.MAX_ATTEMPTS} of {EMAIL.MAX_ATTEMPTS}"
    assert shown["Error"] == "550 <no> such mailbox"
    assert shown["Message-ID"] == mail.message_id
    assert page.click("Ann").request.path == f"/admin/users/{mail.user_id}/"


def test_the_page_of_a_mail_that_waits_says_until_when(client: Client, db: Session, root: User) -> None:
    mail = make_mail(db)
    mail.next_attempt_at = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
    mail.expires_at = datetime(2031, 1, 2, 3, 4, 5, tzinfo=UTC)
    shown = pairs(show(client, mail))
    assert "January 2, 2030" in shown["Next try"]
    assert "January 2, 2031" in shown["Worth sending until"]
    assert "Sent" not in shown


def test_the_page_of_a_mail_that_was_sent_says_when(client: Client, db: Session, root: User, mails: Mails) -> None:
    mail = make_mail(db)
    mails()
    shown = pairs(show(client, mail))
    assert (shown["State"], shown["Sent"]) == ("Sent", "just now")
    assert "Next try" not in shown


@pytest.mark.parametrize("kind", list(EMAIL.Kind))
def test_the_text_is_the_one_that_is_sent_without_what_lets_anybody_in(
    client: Client, db: Session, root: User, mails: Mails, kind: EMAIL.Kind
) -> None:
    mail = queue_mail(db, sample(kind))
    assert mail is not None
    page = show(client, mail)
    (sent,) = mails()
    expected = text_of(sent)
    for name in {"token", "code"} & CONTEXTS[kind].keys():
        secret = CONTEXTS[kind][name]
        assert secret in expected
        assert secret not in page
        expected = expected.replace(secret, EMAIL.MASK)
    assert text_shown(page).split() == expected.split()
    assert pairs(page)["Subject"] == sent["Subject"]
    assert ("is masked here" in page) == (kind in EMAIL.SECRETS)


def test_looking_at_a_mail_leaves_its_link_and_code_as_they_are(
    client: Client, make_client: Callable[..., Client], db: Session, root: User, mails: Mails
) -> None:
    make_user(db, "nell", status=USER.Status.NEW)
    show(client, db.scalars(sa.select(Email)).one())
    (sent,) = mails()
    assert EMAIL.MASK not in text_of(sent)
    assert code_in(sent)
    make_client().get(link_in(sent), status=200)


def test_of_a_mail_with_a_secret_nothing_is_left_to_show_once_it_is_sent(
    client: Client, db: Session, root: User, mails: Mails
) -> None:
    mail = queue_mail(db, sample(EMAIL.Kind.VERIFY))
    assert mail is not None
    mails()
    page = show(client, mail)
    assert page.html.select_one("pre.mail-text") is None
    assert "The content of this mail is no longer kept" in page
    assert pairs(page)["Subject"].startswith("Confirm your address")


@pytest.mark.parametrize(("kind", "context"), [("of-tomorrow", {}), ("verify", {"name": "ann"})])
def test_a_mail_that_can_not_be_written_has_its_page(
    client: Client, db: Session, root: User, kind: str, context: dict[str, str]
) -> None:
    mail = make_mail(db, state=EMAIL.State.DEAD)
    mail.kind, mail.context = kind, context
    page = show(client, mail)
    assert heading(page) == KIND_TITLES.get(kind, kind)
    assert "can't write it" in page.html.get_text()
    assert pairs(page)["Error"] == "550 <no> such mailbox"


def test_what_others_wrote_is_text(client: Client, db: Session, root: User) -> None:
    hostile = "<script>alert(1)</script>"
    mail = queue_mail(db, sample(EMAIL.Kind.REPLY, context=CONTEXTS[EMAIL.Kind.REPLY] | {"excerpt": hostile}))
    assert mail is not None
    mail.to_name = hostile
    page = show(client, mail)
    assert hostile not in page
    assert hostile in text_shown(page)
    assert hostile in pairs(page)["To"]


@pytest.mark.parametrize("kind", list(EMAIL.Kind))
def test_every_kind_and_state_has_a_name(kind: EMAIL.Kind) -> None:
    assert KIND_TITLES[kind] != kind
    assert set(STATE_TITLES) == set(EMAIL.State)


@pytest.mark.parametrize(
    ("verb", "before", "after", "action", "values"),
    [
        ("resend", EMAIL.State.DEAD, EMAIL.State.QUEUED, "Mail sent again", ["Dead", "Waiting"]),
        ("cancel", EMAIL.State.QUEUED, EMAIL.State.CANCELLED, "Mail given up", ["Waiting", "Given up"]),
    ],
)
def test_the_page_has_the_button_and_shows_who_pressed_it(
    client: Client,
    db: Session,
    root: User,
    verb: str,
    before: EMAIL.State,
    after: EMAIL.State,
    action: str,
    values: list[str],
) -> None:
    mail = make_mail(db, state=before)
    press(client, verb, mail, f"/admin/emails/{mail.id}/")
    db.refresh(mail)
    assert mail.state == after
    cells = [cell.get_text() for cell in show(client, mail).html.select("table.data-table tbody td")]
    assert cells[1:5] == ["root-of-all", action, *values]


@pytest.mark.parametrize("state", [EMAIL.State.SENT, EMAIL.State.EXPIRED])
def test_a_mail_that_is_done_with_has_no_button(
    client: Client, db: Session, root: User, state: EMAIL.State
) -> None:
    page = show(client, make_mail(db, state=state))
    assert not [form for form in page.forms.values() if "/admin/emails/" in form.action]


@pytest.mark.parametrize("number", ["999", "9" * 18, "9" * 19, "0", "x", "-1", "１"])
def test_the_page_of_a_mail_that_there_is_not_is_not_found(client: Client, root: User, number: str) -> None:
    client.get(f"/admin/emails/{quote(number)}/", status=404)


def test_the_page_takes_few_statements_however_much_was_changed(
    client: Client, db: Session, root: User, query_counter: Counter
) -> None:
    mail = make_mail(db)
    show(client, mail)
    db.commit()
    with query_counter() as few:
        show(client, mail)
    for verb in ["cancel", "resend"] * 5:
        press(client, verb, mail)
    db.commit()
    with query_counter() as many:
        show(client, mail)
    assert len(few) == len(many) <= 4
