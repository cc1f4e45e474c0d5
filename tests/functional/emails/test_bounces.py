"""Mail that comes back: how it reaches the site, what proves it, and what it does."""

import json
import ssl
from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
import webtest
from pyramid.registry import Registry
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.db import utc_now
from myproject.emails.bounces.believing import Outcome, take_message
from myproject.emails.bounces.mailbox import MailboxError, check_mailbox, read_mailbox
from myproject.emails.bounces.returning import return_address
from myproject.emails.bounces.watching import read_bounces
from myproject.emails.constants import Kind, Reason, State
from myproject.emails.models import Email, Suppression
from myproject.emails.services import suppression
from myproject.emails.services.outbox import queue_mail
from myproject.personal_data import Person
from myproject.settings import settings_of
from tests import servers
from tests.conftest import PASSWORD as OWN_PASSWORD
from tests.conftest import Client, form_with
from tests.factories import make_user, sign_in
from tests.functional.emails.mailboxes import PASSWORD, USER, Mailbox, serving
from tests.functional.pages import code_in, csrf_token, flashes, heading, link_in, text_of
from tests.unit.emails.samples import sample

SHAPES = Path(__file__).parents[2] / "unit" / "emails" / "bounces"
IN_SHAPES = b"bounces+42.0123456789abcdef01234567@community.example"
ID_IN_SHAPES = b"<0b1c2d3e4f5061728394a5b6c7d8e9f0@community.example>"
BOUNCE_ADDRESS = {"mail_bounce_address": "Bounces@community.example"}


@pytest.fixture
def app(make_app: Callable[..., Router]) -> Router:
    return make_app(**BOUNCE_ADDRESS)


@pytest.fixture
def registry(app: Router) -> Registry:
    return app.registry


@pytest.fixture
def email(db: Session) -> Email:
    """An optional mail to Ann that was sent."""
    email = queue_mail(db, sample(topic="reply", sender_name="Bob"))
    assert email is not None
    email.state, email.sent_at = State.SENT, utc_now()
    db.commit()
    return email


def shape(name: str, returned_to: str = "", message_id: str = "") -> bytes:
    """A report, with where it was sent and what it quotes in the place of what its file has."""
    data = (SHAPES / f"{name}.eml").read_bytes()
    return data.replace(IN_SHAPES, returned_to.encode()).replace(ID_IN_SHAPES, message_id.encode())


def known(db: Session, address: str = "ann@example.org") -> Suppression | None:
    db.rollback()
    db.expire_all()
    return suppression.find_record(db, address)


def take(registry: Registry, db: Session, data: bytes) -> Outcome:
    db.commit()
    return take_message(registry, data)


# What proves it


def test_a_report_that_was_returned_to_the_signed_address_stops_optional_mail_to_the_reader(
    registry: Registry, db: Session, email: Email
) -> None:
    returned_to = return_address(registry, email)
    local, _at, domain = returned_to.partition("@")
    assert len(local) <= 64
    assert (local.startswith("Bounces+"), domain) == (True, "community.example")
    # Servers on the way may change the case; the recipient that the report names is another's, where Ann forwards.
    outcome = take(registry, db, shape("postfix_unknown", returned_to.upper()))
    found = known(db)
    assert outcome is Outcome.COUNTED
    assert found is not None
    assert (found.reason, found.suppressed_at is not None, found.ends_at) == (Reason.HARD, True, None)
    assert found.words.startswith("550 5.1.1 <ann@reader.example>: Recipient address rejected")
    assert known(db, "ann@reader.example") is None
    db.refresh(email)
    assert (email.last_error or "").startswith("It came back: 550 5.1.1")
    assert take(registry, db, shape("postfix_unknown", returned_to.upper())) is Outcome.TWICE


def test_a_report_that_returns_a_mail_is_known_by_its_message_id(
    registry: Registry, db: Session, email: Email
) -> None:
    assert take(registry, db, shape("complaint_redacted", "", email.message_id)) is Outcome.COUNTED
    found = known(db)
    assert found is not None
    assert found.reason is Reason.COMPLAINT


def test_what_proves_nothing_stops_nobodys_mail(registry: Registry, db: Session, email: Email) -> None:
    own = return_address(registry, email)
    other = queue_mail(db, sample(Kind.VERIFY, to_address="bob@example.org"))
    assert other is not None
    db.commit()
    forged = [
        shape("postfix_unknown"),
        # The signature of one mail does not do for another, nor does any that was guessed.
        shape("postfix_unknown", own.replace(f"+{email.id}.", f"+{other.id}.")),
        shape("postfix_unknown", f"bounces+{other.id}.{'0' * 24}@community.example"),
        shape("postfix_unknown", own.replace("@community.example", "@elsewhere.example")),
        shape("postfix_unknown", "", f"<{'0' * 32}@localhost>"),
    ]
    assert [take(registry, db, data) for data in forged] == [Outcome.NOT_OURS] * len(forged)
    assert db.query(Suppression).count() == 0


def test_a_mail_that_is_no_longer_kept_is_known_by_its_signature_and_the_recipient_it_covers(
    registry: Registry, db: Session
) -> None:
    gone = queue_mail(db, sample(to_address="ann@reader.example"))
    assert gone is not None
    returned_to = return_address(registry, gone)
    db.delete(gone)
    assert take(registry, db, shape("postfix_unknown", returned_to)) is Outcome.COUNTED
    assert known(db, "ann@reader.example") is not None
    # Of another recipient the same signature proves nothing.
    assert take(registry, db, shape("gmail_unknown", returned_to)) is Outcome.NOT_OURS


def test_what_is_said_of_other_things_than_the_address_does_nothing(
    registry: Registry, db: Session, email: Email
) -> None:
    returned_to = return_address(registry, email)
    outcomes = {
        name: take(registry, db, shape(name, returned_to, email.message_id))
        for name in ("gmail_takes_it_for_spam", "postfix_delayed", "holiday_gmail", "not_spam", "delivered")
    }
    assert outcomes.pop("holiday_gmail") is Outcome.NO_REPORT
    assert set(outcomes.values()) == {Outcome.NOTHING}
    assert known(db) is None


def test_mail_that_was_redirected_says_nothing_of_whom_it_was_for(
    make_app: Callable[..., Router], db: Session, email: Email
) -> None:
    staging = make_app(**BOUNCE_ADDRESS, mail_redirect_all_to="staging@example.net").registry
    returned = shape("postfix_unknown", return_address(staging, email))
    assert take(staging, db, returned) is Outcome.NOT_OURS


# What it does


def test_soft_bounces_count_once_a_day_and_stop_mail_for_a_while(db: Session) -> None:
    def bounce(days_ago: float) -> Suppression:
        found = suppression.note(db, "ann@example.org", Reason.SOFT, "552 full")
        assert found is not None
        found.last_at -= timedelta(days=days_ago)
        return found

    for _mail in range(10):
        found = bounce(0)
    assert (found.score, found.suppressed_at) == (1.0, None)
    found.last_at -= timedelta(days=1)
    for _day in range(3):
        bounce(1)
    assert suppression.find(db, "ann@example.org") is None
    found = bounce(0)
    assert suppression.find(db, "Ann@Example.org") is found
    assert found.ends_at is not None
    # It ends by itself, and begins with nothing.
    found.ends_at = utc_now() - timedelta(minutes=1)
    db.flush()
    assert suppression.find(db, "ann@example.org") is None
    suppression.fade(db)
    assert found.suppressed_at is None


def test_soft_bounces_once_a_week_never_stop_mail(db: Session) -> None:
    for _week in range(60):
        found = suppression.note(db, "ann@example.org", Reason.SOFT)
        assert found is not None
        assert found.suppressed_at is None
        found.last_at -= timedelta(days=7)


def test_what_was_sent_before_an_address_was_verified_says_nothing_against_it(
    registry: Registry, db: Session, email: Email
) -> None:
    suppression.note(db, "ann@example.org", Reason.HARD)
    suppression.lift_verified(db, "ann@example.org")
    email.sent_at = utc_now() - timedelta(minutes=5)
    take(registry, db, shape("postfix_unknown", return_address(registry, email)))
    assert suppression.find(db, "ann@example.org") is None
    email.sent_at = utc_now() + timedelta(minutes=5)
    take(registry, db, shape("sendmail_unknown", return_address(registry, email)))
    assert suppression.find(db, "ann@example.org") is not None


def test_addresses_are_one_however_a_server_writes_their_domain(db: Session) -> None:
    suppression.note(db, "Änne@xn--bcher-kva.example", Reason.HARD)
    assert suppression.find(db, "änne@Bücher.example") is not None


# How it reaches the site


def settings_for(mailbox: Mailbox, protocol: str, **others: object) -> dict[str, object]:
    return {
        "mail.bounces.host": "127.0.0.1",
        "mail.bounces.port": mailbox.port,
        "mail.bounces.protocol": protocol,
        "mail.bounces.tls": "none",
        "mail.bounces.username": USER,
        "mail.bounces.password": PASSWORD,
        "mail.timeout": 1,
    } | others


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_mailbox_is_read_and_its_reports_are_deleted(
    make_app: Callable[..., Router], db: Session, email: Email, protocol: str
) -> None:
    with serving(protocol) as mailbox:
        registry = make_app(**BOUNCE_ADDRESS, **settings_for(mailbox, protocol)).registry
        report = shape("postfix_unknown", return_address(registry, email)).replace(b"\n", b"\r\n")
        long_one = report + b"x" * 100 + (b"\r\n" + b"." * 99) * 10_000
        # No mail has such a line; one that has must not keep the others from being read.
        bad = b"Subject: bad\r\n\r\n" + b"y" * 5_000 + b"\r\n"
        mailbox.put(shape("holiday_gmail"), bad, b"\xff\r\n", report, long_one)
        read_bounces(registry)
        found = known(db)
        assert found is not None
        assert found.reason is Reason.HARD
        # Answers of people are left to be read by people, where the protocol can tell what was read.
        assert sorted(mailbox.messages) == ([1, 2, 3] if protocol == "imap" else [])
        read_bounces(registry)
        again = known(db)
        assert again is not None
        assert again.count == found.count


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_a_mailbox_that_can_not_be_read_is_left_for_the_next_time(
    protocol: str, make_app: Callable[..., Router]
) -> None:
    with serving(protocol) as mailbox:
        mailbox.put(shape("postfix_unknown"))
        wrong = settings_of(
            make_app(**settings_for(mailbox, protocol, **{"mail.bounces.password": "a secret"})).registry
        )
        with pytest.raises(MailboxError) as caught:
            read_mailbox(wrong, lambda data: True)
        assert "mail.bounces" in str(caught.value)
        assert "a secret" not in str(caught.value)

        right = settings_of(make_app(**settings_for(mailbox, protocol)).registry)

        def away(data: bytes) -> bool:
            raise ConnectionError("the database is away")

        with pytest.raises(MailboxError):
            read_mailbox(right, away)
        assert len(mailbox.messages) == 1
        assert read_mailbox(right, lambda data: True) == 1
        assert not mailbox.messages


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_the_mailbox_is_read_by_tls_alone_and_its_certificate_is_verified(
    make_app: Callable[..., Router], tls: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = servers.make_certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    for protocol in ("imap", "pop3"):
        with serving(protocol, context, starttls=tls == "starttls") as mailbox:
            mailbox.put(shape("postfix_unknown"))
            values = {"mail.bounces.host": "localhost", "mail.bounces.tls": tls}
            settings = settings_of(make_app(**settings_for(mailbox, protocol, **values)).registry)
            with pytest.raises(MailboxError, match="certificate verify failed"):
                check_mailbox(settings)
            with monkeypatch.context() as trusting:
                trusting.setenv("SSL_CERT_FILE", str(certificate))
                assert check_mailbox(settings) == 1
                assert read_mailbox(settings, lambda data: True) == 1
            assert not mailbox.messages


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_mailbox_that_another_worker_reads_or_that_hangs_holds_nobody_up(
    make_app: Callable[..., Router],
) -> None:
    with serving("pop3") as mailbox:
        mailbox.put(shape("postfix_unknown"))
        settings = settings_of(make_app(**settings_for(mailbox, "pop3")).registry)
        with mailbox.lock:
            assert read_mailbox(settings, lambda data: True) == 0
        mailbox.hangs.set()
        with pytest.raises(MailboxError, match="timed out"):
            read_mailbox(settings, lambda data: True)
        assert len(mailbox.messages) == 1


# What the member sees


def stop(db: Session, name: str = "ann", reason: Reason = Reason.HARD) -> None:
    db.commit()
    suppression.note(db, f"{name}@example.org", reason, "550 5.1.1 No such user")
    db.commit()


def banner(page: webtest.TestResponse) -> str:
    found = page.html.find("section", attrs={"aria-label": "Your mail"})
    return "" if found is None else str(found.p.get_text(" ", strip=True))


def test_a_member_whose_mail_comes_back_is_told_on_every_page_and_mends_it_by_a_mail_that_arrives(
    client: Client, db: Session, make_client: Callable[..., Client], mails: Callable[..., list[EmailMessage]]
) -> None:
    sign_in(client, make_user(db, "ann"))
    sign_in(other := make_client(), make_user(db, "bob"))
    assert banner(client.get("/")) == ""
    stop(db)
    today = f"{utc_now():%-d %b %Y}"
    for path in ("/", "/users/me/", "/posts/new/", "/drafts/"):
        assert banner(client.get(path)) == (
            f"Mail to a…@example.org bounces since {today} , so we send you no more replies and other news."
        )
    assert banner(other.get("/")) == ""
    # The address itself is tried again, by what mends it.
    page = client.get("/")
    form = next(form for form in page.forms.values() if "resend" in form.fields)
    page = form.submit("resend").follow()
    assert heading(page) == "Verify your address"
    (mail,) = mails(to="ann@example.org")
    assert "mail from" in text_of(mail)
    assert "arrives again" in text_of(mail)
    form = form_with(page, "code")
    form["code"] = code_in(mail)
    assert banner(form.submit(status=303).follow()) == ""
    assert suppression.find(db, "ann@example.org") is None
    assert client.get("/users/verify/", status=303)


def test_the_link_of_that_mail_lets_mail_through_and_so_does_another_address(
    client: Client, db: Session, mails: Callable[..., list[EmailMessage]]
) -> None:
    sign_in(client, make_user(db, "ann"))
    stop(db, reason=Reason.COMPLAINT)
    page = client.get("/")
    assert banner(page).startswith("Mail to a…@example.org was reported as unwanted on")
    client.post("/users/verify/", {"resend": "resend", "csrf_token": csrf_token(page)}, status=303)
    link = client.get(link_in(mails(to="ann@example.org")[0]))
    link.forms[max(link.forms)].submit(status=303)
    assert banner(client.get("/")) == ""

    stop(db)
    form = form_with(client.get("/users/me/email/"), "email")
    form["email"], form["password"] = "ann@example.net", OWN_PASSWORD
    form.submit(status=303)
    confirm = client.get(link_in(mails(to="ann@example.net")[0]))
    confirm.forms[max(confirm.forms)].submit(status=303)
    assert banner(client.get("/")) == ""
    # The old one is as it was.
    assert suppression.find(db, "ann@example.org") is not None


def test_who_has_an_address_that_takes_mail_verifies_it_once(client: Client, db: Session) -> None:
    sign_in(client, make_user(db, "ann"))
    page = client.get("/")
    answer = client.post("/users/verify/", {"resend": "resend", "csrf_token": csrf_token(page)}, status=303)
    assert flashes(answer.follow()) == ["Your address is verified already"]


def test_what_came_back_goes_along_and_is_erased_with_the_member(db: Session) -> None:
    ann = make_user(db, "ann")
    stop(db)
    person = Person(ann.id, ann.name, ann.email, ann.email_canonical)
    ((name, pieces),) = suppression.export_suppressions(db, person)
    (row,) = json.loads("".join(pieces))
    assert (name, row["reason"], row["words"]) == ("bounces.json", "HARD", "550 5.1.1 No such user")
    suppression.erase_suppressions(db, person, removing=False)
    assert suppression.find_record(db, ann.email) is None
