"""Delivery: what the workers do, with the queue and without."""

import dataclasses
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa
from pyramid.registry import Registry
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.db import Sessions, clock
from myproject.emails.constants import Kind, State
from myproject.emails.models import Email
from myproject.emails.services.lists import list_emails
from myproject.emails.services.outbox import queue_mail
from myproject.emails.tasks import deliver, deliver_due, purge, sweep
from tests import servers
from tests.servers import SmtpServer
from tests.unit.emails.samples import content, sample


@pytest.fixture
def registry(app: Router) -> Registry:
    return app.registry


def run_queue(registry: Registry) -> int:
    """Does what a worker would with the messages in the queue; gives how many there were."""
    huey = registry["huey"]
    done = 0
    while (task := huey.dequeue()) is not None:
        huey.execute(task)
        done += 1
    return done


def states(db: Session) -> dict[int, State]:
    db.rollback()
    return {row.id: row.state for row in list_emails(db)}


def shift(db: Session, column: str, seconds: float) -> None:
    """Sets a time of every mail to `seconds` from now, by the database's clock."""
    db.execute(sa.update(Email).values({column: clock(seconds)}))
    db.commit()


def test_a_committed_mail_is_sent_by_the_queue(
    db: Session, registry: Registry, mails: Callable[..., list[object]]
) -> None:
    queue_mail(db, sample())
    db.commit()
    assert run_queue(registry) == 1
    assert set(states(db).values()) == {State.SENT}
    assert len(mails()) == 1


def test_the_queue_hears_of_a_mail_when_it_is_committed_and_not_before(db: Session, registry: Registry) -> None:
    queue_mail(db, sample())
    assert registry["huey"].pending_count() == 0
    db.commit()
    assert registry["huey"].pending_count() == 1


def test_the_queue_does_not_hear_of_a_mail_that_is_rolled_back(db: Session, registry: Registry) -> None:
    queue_mail(db, sample())
    db.rollback()
    queue_mail(db, sample(key="once"))
    queue_mail(db, sample(key="once"))
    db.commit()
    assert registry["huey"].pending_count() == 1


def test_a_message_sends_the_most_urgent_mail_whichever_it_was_made_for(db: Session, registry: Registry) -> None:
    for _ in range(3):
        queue_mail(db, sample(Kind.REPLY))
    verification = queue_mail(db, sample(Kind.VERIFY))
    db.commit()
    assert verification is not None
    deliver(registry)
    assert [email_id for email_id, state in states(db).items() if state is State.SENT] == [verification.id]


def test_a_message_without_a_mail_is_nothing(db: Session, registry: Registry) -> None:
    deliver(registry)
    assert states(db) == {}


def test_a_mail_that_can_not_be_made_does_not_stop_the_others(db: Session, registry: Registry) -> None:
    queue_mail(db, sample(context={}))
    queue_mail(db, sample(to_address="no address"))
    of_newer_code = queue_mail(db, sample())
    queue_mail(db, sample())
    assert of_newer_code is not None
    of_newer_code.kind = "unheard-of"
    db.commit()
    assert deliver_due(registry) == 4
    assert list(states(db).values()) == [State.SENT, State.QUEUED, State.QUEUED, State.QUEUED]
    assert all(row.last_error for row in list_emails(db) if row.state is State.QUEUED)


def test_a_mail_leaves_the_outbox_by_the_time_it_expires(
    db: Session, registry: Registry, mails: Callable[..., list[object]]
) -> None:
    queue_mail(db, sample(Kind.RESET_PASSWORD, expires_in=timedelta(hours=1)))
    shift(db, "expires_at", -1)
    assert mails() == []
    assert set(states(db).values()) == {State.EXPIRED}


def test_the_sweep_sends_what_the_queue_never_heard_of(db: Session, registry: Registry) -> None:
    # As when the process ends right after the commit, or the queue is away.
    with Sessions(registry["sessions"].engine).writing() as silent:
        queue_mail(silent, sample())
    assert run_queue(registry) == 0
    sweep(registry)
    run_queue(registry)
    assert set(states(db).values()) == {State.SENT}


def test_the_sweep_sends_what_a_killed_worker_left_once_its_lease_has_ended(
    db: Session, registry: Registry
) -> None:
    queue_mail(db, sample())
    db.execute(sa.update(Email).values(state=State.SENDING, attempts=1, leased_by="gone", lease_until=clock(60)))
    db.commit()
    registry["huey"].flush()
    sweep(registry)
    assert registry["huey"].pending_count() == 0
    shift(db, "lease_until", -1)
    sweep(registry)
    run_queue(registry)
    assert set(states(db).values()) == {State.SENT}


def test_the_sweep_adds_no_message_for_a_mail_that_has_one(db: Session, registry: Registry) -> None:
    for _ in range(3):
        queue_mail(db, sample())
    db.commit()
    sweep(registry)
    assert registry["huey"].pending_count() == 3


def test_old_mails_are_purged_in_more_than_one_batch(
    db: Session, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("myproject.emails.constants.PURGE_BATCH", 2)
    for _ in range(5):
        queue_mail(db, sample())
    db.execute(sa.update(Email).values(state=State.SENT))
    shift(db, "created_at", -40 * 86400)
    purge(registry)
    assert states(db) == {}


@pytest.fixture
def smtp_registry(make_app: Callable[..., Router], smtp_server: SmtpServer) -> Iterator[Registry]:
    app = make_app(
        mail_transport="smtp",
        mail_host="localhost",
        mail_port=smtp_server.port,
        mail_tls="none",
        mail_timeout=1,
    )
    return app.registry


def deliver_again(db: Session, registry: Registry) -> int:
    """Tries what waits for its next try."""
    shift(db, "next_attempt_at", -1)
    return deliver_due(registry)


def test_a_server_that_defers_gets_the_same_mail_later(
    db: Session, smtp_registry: Registry, smtp_server: SmtpServer
) -> None:
    queue_mail(db, sample())
    db.commit()
    smtp_server.recipient_answer = servers.DEFER
    assert deliver_due(smtp_registry) == 1
    assert deliver_due(smtp_registry) == 0
    assert set(states(db).values()) == {State.QUEUED}
    smtp_server.recipient_answer = servers.ACCEPT
    assert deliver_again(db, smtp_registry) == 1
    assert set(states(db).values()) == {State.SENT}
    assert len(smtp_server.messages) == 1


def test_a_recipient_that_is_refused_gets_no_second_try(
    db: Session, smtp_registry: Registry, smtp_server: SmtpServer
) -> None:
    queue_mail(db, sample())
    db.commit()
    smtp_server.recipient_answer = servers.REFUSE
    deliver_due(smtp_registry)
    assert set(states(db).values()) == {State.DEAD}
    assert "550 5.1.1 No such mailbox" in (list_emails(db)[0].last_error or "")


def test_a_second_copy_after_a_lost_answer_has_the_same_message_id(
    db: Session, smtp_registry: Registry, smtp_server: SmtpServer
) -> None:
    queue_mail(db, sample())
    db.commit()
    smtp_server.drop = True
    deliver_due(smtp_registry)
    smtp_server.drop = False
    deliver_again(db, smtp_registry)
    first, second = smtp_server.messages
    (line,) = [line for line in content(first).splitlines() if line.startswith(b"Message-ID:")]
    assert line in content(second).splitlines()


def test_no_transaction_is_open_while_the_server_is_waited_for(
    db: Session, smtp_registry: Registry, smtp_server: SmtpServer
) -> None:
    queue_mail(db, sample())
    db.commit()
    checked_out = []

    class Watched(list[object]):
        def append(self, item: object) -> None:
            checked_out.append(smtp_registry["sessions"].engine.pool.checkedout())
            super().append(item)

    smtp_server.messages = Watched()  # type: ignore[assignment]
    deliver_due(smtp_registry)
    assert checked_out == [0]


def test_a_lease_outlasts_the_slowest_delivery(db: Session, registry: Registry) -> None:
    settings = registry["settings"]
    registry["settings"] = dataclasses.replace(settings, mail_timeout=600)
    leases = []

    class Watching:
        def send(self, message: object) -> None:
            with registry["sessions"].reading() as own:
                leases.append(own.execute(sa.select(Email.lease_until, clock())).one())

    transport = registry["mail_transport"]
    registry["mail_transport"] = Watching()
    try:
        queue_mail(db, sample())
        db.commit()
        deliver_due(registry)
    finally:
        registry["settings"], registry["mail_transport"] = settings, transport
    ((until, now),) = leases
    assert until - now > timedelta(seconds=5 * 600)
