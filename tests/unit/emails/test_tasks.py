"""Delivery: what the workers do, with the queue and without."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email.message import EmailMessage
from threading import Semaphore

import pytest
import sqlalchemy as sa
from pyramid.registry import Registry
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.db import Sessions, clock
from myproject.emails import constants as EMAIL
from myproject.emails.constants import Kind, State
from myproject.emails.models import Email
from myproject.emails.services import pacing, suppression
from myproject.emails.services.lists import Filter, list_emails
from myproject.emails.services.outbox import queue_mail
from myproject.emails.tasks import deliver, purge, send_due, sweep
from myproject.notifications.tasks import read_post
from myproject.tasks import enqueue_now
from tests import servers
from tests.conftest import run_tasks
from tests.factories import make_user
from tests.outbox import deliver_due
from tests.servers import SmtpServer
from tests.unit.emails.samples import content, sample

DELIVER = "myproject.emails.tasks.deliver"


@pytest.fixture
def registry(app: Router) -> Registry:
    return app.registry


def states(db: Session) -> dict[int, State]:
    db.rollback()
    return {row.id: row.state for row in list_emails(db)}


def shift(db: Session, column: str, seconds: float) -> None:
    """Sets a time of every mail to `seconds` from now, by the database's clock."""
    db.execute(sa.update(Email).values({column: clock(seconds)}))
    db.commit()


def is_leased(db: Session) -> bool:
    leased = db.scalar(sa.select(Email.lease_until > clock()))
    # On SQLite the test's session would keep the lease from being written.
    db.commit()
    return bool(leased)


def test_a_committed_mail_is_sent_by_the_queue(
    db: Session, registry: Registry, mails: Callable[..., list[object]]
) -> None:
    queue_mail(db, sample())
    db.commit()
    assert run_tasks(registry) == 1
    assert set(states(db).values()) == {State.SENT}
    assert len(mails()) == 1


def test_the_queue_hears_of_a_mail_when_it_is_committed_and_not_before(db: Session, registry: Registry) -> None:
    queue_mail(db, sample())
    assert registry["huey"].pending_count() == 0
    db.commit()
    assert registry["huey"].pending_count() == 1


def test_the_queue_hears_once_of_all_the_mails_of_a_transaction(db: Session, registry: Registry) -> None:
    for _ in range(2):
        for _ in range(20):
            queue_mail(db, sample())
        db.commit()
    assert registry["huey"].pending_count() == 2


def test_a_backlog_is_gone_on_with_while_other_tasks_wait_and_is_asked_for_once(
    db: Session, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One run sends nothing, so that all is left for the next.
    monkeypatch.setattr(EMAIL, "RUN_SECONDS", 0)
    queue_mail(db, sample())
    db.commit()
    huey = registry["huey"]
    huey.flush()
    for number in range(3):
        enqueue_now(registry, read_post, user_id=number, post_id=1, up_to=1)
    for _ in range(2):
        deliver(registry)
        assert [task.name for task in huey.pending()][3:] == [DELIVER]
    pacing.take_turn(db, "example.org", 30)
    db.commit()
    huey.flush()
    enqueue_now(registry, read_post, user_id=1, post_id=1, up_to=1)
    for _ in range(2):
        deliver(registry)
        assert [task.name for task in huey.pending()][1:] == [DELIVER]
    run_tasks(registry)
    deliver(registry)
    assert (huey.pending_count(), [task.name for task in huey.scheduled()]) == (0, [DELIVER])


def test_the_queue_does_not_hear_of_a_mail_that_is_rolled_back(db: Session, registry: Registry) -> None:
    queue_mail(db, sample())
    db.rollback()
    queue_mail(db, sample(key="once"))
    queue_mail(db, sample(key="once"))
    db.commit()
    assert registry["huey"].pending_count() == 1


def test_one_message_sends_all_that_is_due_the_most_urgent_first(
    db: Session, registry: Registry, mails: Callable[..., list[EmailMessage]]
) -> None:
    for _ in range(3):
        queue_mail(db, sample(Kind.REPLY))
    verification = queue_mail(db, sample(Kind.VERIFY))
    db.commit()
    registry["huey"].flush()
    deliver(registry)
    assert set(states(db).values()) == {State.SENT}
    assert verification is not None
    assert [mail["Message-ID"] for mail in mails()].index(verification.message_id) == 0


def test_a_message_without_a_mail_is_nothing(db: Session, registry: Registry) -> None:
    deliver(registry)
    assert states(db) == {}


def test_mails_that_can_not_be_made_hold_up_no_other_and_are_dead_after_tries_of_their_own(
    db: Session, registry: Registry, backend: str
) -> None:
    poison = [
        queue_mail(db, sample(context={})),
        queue_mail(db, sample(to_address="no address")),
        queue_mail(db, sample()),
        queue_mail(db, sample()),
    ]
    poisonous = {email.id for email in poison if email}
    of_newer_code, of_other_shape = poison[2:]
    assert of_newer_code is not None
    assert of_other_shape is not None
    of_newer_code.kind = "unheard-of"
    # What stood there once was JSON; on SQLite it need not even be that.
    shape = "{" if backend == "sqlite" else "[1]"
    db.flush()
    db.execute(
        sa.text("UPDATE emails SET context = :shape WHERE id = :id"), {"shape": shape, "id": of_other_shape.id}
    )
    well = queue_mail(db, sample())
    db.commit()
    assert well is not None
    assert deliver_due(registry) == 5
    assert states(db) == dict.fromkeys(poisonous, State.QUEUED) | {well.id: State.SENT}
    for _ in range(EMAIL.MAX_ATTEMPTS - 1):
        deliver_again(db, registry)
    assert states(db) == dict.fromkeys(poisonous, State.DEAD) | {well.id: State.SENT}
    assert all(row.last_error for row in list_emails(db, Filter(State.DEAD)))


def test_optional_mail_to_an_address_that_bounces_is_not_sent_and_the_reason_is_kept(
    db: Session, registry: Registry, mails: Callable[..., list[EmailMessage]]
) -> None:
    suppression.note(db, "ANN@example.org", EMAIL.Reason.HARD, "5.1.1 No such mailbox")
    optional = queue_mail(db, sample(topic="reply", user_id=make_user(db, "ann").id))
    about_safety = queue_mail(db, sample(Kind.PASSWORD_CHANGED))
    assert optional is not None
    assert about_safety is not None
    assert [mail["Message-ID"] for mail in mails()] == [about_safety.message_id]
    db.refresh(optional)
    assert (optional.state, optional.lease_until) == (State.SUPPRESSED, None)
    assert "5.1.1 No such mailbox" in (optional.last_error or "")


def test_a_mail_that_is_erased_once_a_worker_has_it_is_nothing(db: Session, registry: Registry) -> None:
    queue_mail(db, sample())
    db.commit()
    engine = registry["sessions"].engine

    def erase(*given: object) -> None:
        with Sessions(engine).writing() as other:
            other.execute(sa.delete(Email))

    # The first connection to be given back is the one that claimed it.
    sa.event.listen(engine.pool, "checkin", erase, once=True)
    assert send_due(registry) == 1
    assert states(db) == {}


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
    assert run_tasks(registry) == 0
    sweep(registry)
    assert set(states(db).values()) == {State.SENT}


def test_the_sweep_sends_what_a_killed_worker_left_once_its_lease_has_ended(
    db: Session, registry: Registry
) -> None:
    queue_mail(db, sample())
    db.execute(sa.update(Email).values(state=State.SENDING, attempts=1, leased_by="gone", lease_until=clock(60)))
    db.commit()
    registry["huey"].flush()
    sweep(registry)
    assert set(states(db).values()) == {State.SENDING}
    shift(db, "lease_until", -1)
    sweep(registry)
    assert set(states(db).values()) == {State.SENT}


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
def smtp_registry(make_app: Callable[..., Router], smtp_server: SmtpServer) -> Registry:
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


def test_a_mail_server_that_is_away_costs_one_try_to_connect_however_many_mails_wait(
    db: Session, make_app: Callable[..., Router]
) -> None:
    app = make_app(mail_transport="smtp", mail_port=servers.free_port(), mail_tls="none")
    for _ in range(20):
        queue_mail(db, sample())
    db.commit()
    assert deliver_due(app.registry) == 1
    assert {row.attempts for row in list_emails(db)} == {0}
    # Of all the messages one is left: it calls a worker when it is time to try again.
    run_tasks(app.registry)
    assert app.registry["huey"].scheduled_count() == 1


def test_many_mails_take_one_conversation_with_the_server(
    db: Session, smtp_registry: Registry, smtp_server: SmtpServer
) -> None:
    for _ in range(5):
        queue_mail(db, sample())
    db.commit()
    assert deliver_due(smtp_registry) == 5
    assert smtp_server.conversations == 1


def test_a_delivery_that_takes_longer_than_its_lease_keeps_it(
    db: Session, make_app: Callable[..., Router], smtp_server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = make_app(mail_transport="smtp", mail_port=smtp_server.port, mail_tls="none").registry
    monkeypatch.setattr(EMAIL, "HEARTBEAT_SECONDS", 0.05)
    queue_mail(db, sample())
    db.commit()
    renewals = Semaphore(0)

    def see(connection: sa.Connection, cursor: object, statement: str, values: object, *rest: object) -> None:
        if statement.startswith("UPDATE emails SET lease_until"):
            renewals.release()

    engine = registry["sessions"].engine
    smtp_server.hang = True
    sa.event.listen(engine, "before_cursor_execute", see)
    try:
        with ThreadPoolExecutor(1) as pool:
            delivery = pool.submit(deliver_due, registry)
            assert renewals.acquire(timeout=10)
            for _ in range(3):
                # Its time is over: unless it is kept, another worker may take the mail.
                shift(db, "lease_until", -1)
                while not is_leased(db):
                    assert renewals.acquire(timeout=10)
                assert deliver_due(registry) == 0
            smtp_server.hang = False
            assert delivery.result(10) == 1
    finally:
        smtp_server.hang = False
        sa.event.remove(engine, "before_cursor_execute", see)
    assert len(smtp_server.messages) == 1
    assert set(states(db).values()) == {State.SENT}


def test_what_the_server_took_is_known_though_the_database_was_away_just_then(
    db: Session, smtp_registry: Registry, smtp_server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EMAIL, "SETTLE_PAUSES_SECONDS", (0, 0))
    queue_mail(db, sample())
    db.commit()
    failures = iter(range(2))

    def fail(connection: sa.Connection, cursor: object, statement: str, values: object, *rest: object) -> None:
        if smtp_server.messages and next(failures, None) is not None:
            raise sa.exc.OperationalError(statement, None, Exception("the database is away"))

    engine = smtp_registry["sessions"].engine
    sa.event.listen(engine, "before_cursor_execute", fail)
    try:
        assert deliver_due(smtp_registry) == 1
    finally:
        sa.event.remove(engine, "before_cursor_execute", fail)
    assert len(smtp_server.messages) == 1
    assert set(states(db).values()) == {State.SENT}


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
