"""Mail that comes back: how it reaches the site, what proves it, and what it does."""

import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from pyramid.registry import Registry
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.db import publish, sessions_of, utc_now
from myproject.emails.bounces.believing import Outcome, take_message
from myproject.emails.bounces.mailbox import MailboxError, check_mailbox, read_mailbox
from myproject.emails.bounces.returning import return_address
from myproject.emails.bounces.watching import read_bounces
from myproject.emails.constants import Kind, Reason, State
from myproject.emails.models import Email, Suppression
from myproject.emails.services import suppression
from myproject.emails.services.delivery import Refused
from myproject.emails.services.outbox import queue_mail
from myproject.settings import Settings, load_settings
from tests import servers
from tests.conftest import site_options
from tests.functional.emails.mailboxes import PASSWORD, USER, Mailbox, serving
from tests.unit.emails.samples import sample

SHAPES = Path(__file__).parents[2] / "unit" / "emails" / "bounces"
IN_SHAPES = b"bounces+42.0123456789abcdef01234567@community.example"
ID_IN_SHAPES = b"<0b1c2d3e4f5061728394a5b6c7d8e9f0@community.example>"
BOUNCE_ADDRESS = {"mail_bounce_address": "Bounces@community.example"}


@pytest.fixture
def app(make_app: Callable[..., Router]) -> Router:
    return make_app(**BOUNCE_ADDRESS)


@pytest.fixture
def make_settings(site_folder: Path) -> Callable[..., Settings]:
    """`make_settings(**overrides)` gives settings without an application, for what needs no more."""
    return lambda **overrides: load_settings(site_options("sqlite://", site_folder, **overrides), {})


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
    returned = shape("postfix_unknown", return_address(staging, email), email.message_id)
    assert take(staging, db, returned) is Outcome.NOT_OURS
    with sessions_of(staging).writing() as own:
        publish(own, Refused(own, email, 550, "5.1.1", "No such mailbox"))
    assert known(db) is None


def test_of_workers_that_read_one_message_at_once_one_counts_it(
    registry: Registry, db: Session, email: Email
) -> None:
    returned_to = return_address(registry, email)
    same = [shape("postfix_unknown", returned_to)] * 4
    others = [shape(name, returned_to) for name in ("gmail_unknown", "exim_unknown", "qmail_unknown")]
    db.commit()
    with ThreadPoolExecutor(4) as workers:
        outcomes = list(workers.map(partial(take_message, registry), same))
        assert sorted(outcome.name for outcome in outcomes) == ["COUNTED", "TWICE", "TWICE", "TWICE"]
        assert list(workers.map(partial(take_message, registry), others)) == [Outcome.COUNTED] * 3
    found = known(db)
    assert found is not None
    assert found.count == 4


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
        "mail.timeout": 20,
    } | others


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
@pytest.mark.one_database
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
    protocol: str, make_settings: Callable[..., Settings]
) -> None:
    with serving(protocol) as mailbox:
        mailbox.put(shape("postfix_unknown"))
        wrong = make_settings(**settings_for(mailbox, protocol, **{"mail.bounces.password": "a secret"}))
        with pytest.raises(MailboxError) as caught:
            read_mailbox(wrong, lambda data: True)
        assert "mail.bounces" in str(caught.value)
        assert "a secret" not in str(caught.value)

        right = make_settings(**settings_for(mailbox, protocol))

        def away(data: bytes) -> bool:
            raise ConnectionError("the database is away")

        with pytest.raises(MailboxError):
            read_mailbox(right, away)
        assert len(mailbox.messages) == 1
        assert read_mailbox(right, lambda data: True) == 1
        assert not mailbox.messages


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
def test_the_mailbox_is_read_by_tls_alone_and_its_certificate_is_verified(
    make_settings: Callable[..., Settings], tls: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = servers.make_certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    for protocol in ("imap", "pop3"):
        with serving(protocol, context, starttls=tls == "starttls") as mailbox:
            mailbox.put(shape("postfix_unknown"))
            values = {"mail.bounces.host": "localhost", "mail.bounces.tls": tls}
            settings = make_settings(**settings_for(mailbox, protocol, **values))
            with pytest.raises(MailboxError, match="certificate verify failed"):
                check_mailbox(settings)
            with monkeypatch.context() as trusting:
                trusting.setenv("SSL_CERT_FILE", str(certificate))
                assert check_mailbox(settings) == 1
                assert read_mailbox(settings, lambda data: True) == 1
            assert not mailbox.messages


def test_a_mailbox_that_another_worker_reads_or_that_hangs_holds_nobody_up(
    make_settings: Callable[..., Settings],
) -> None:
    with serving("pop3") as mailbox:
        mailbox.put(shape("postfix_unknown"))
        settings = make_settings(**settings_for(mailbox, "pop3"))
        with mailbox.lock:
            assert read_mailbox(settings, lambda data: True) == 0
        mailbox.hangs.set()
        with pytest.raises(MailboxError, match="timed out"):
            read_mailbox(replace(settings, mail_timeout=1), lambda data: True)
        assert len(mailbox.messages) == 1
