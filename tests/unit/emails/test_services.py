"""The outbox on both databases: what is queued, who may have it, what becomes of it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.audit import COMMAND_LINE
from myproject.db import Sessions, clock
from myproject.emails import constants as EMAIL
from myproject.emails.constants import Fault, Kind, Lane, State
from myproject.emails.errors import CannotCancel, CannotResend, DeliveryError
from myproject.emails.models import Email
from myproject.emails.services.delivery import (
    Lease,
    claim,
    close_hopeless,
    count_due,
    mark_failed,
    mark_sent,
    purge_emails,
    renew,
)
from myproject.emails.services.handling import cancel, resend
from myproject.emails.services.lists import Filter, list_emails
from myproject.emails.services.outbox import Mail, printable, queue_mail
from tests.unit.emails.samples import sample

WORKER = "worker:1:1"
OTHER_WORKER = "worker:2:1"

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=300)


def queued(db: Session, kind: Kind = Kind.REPLY, **values: Any) -> Email:
    email = queue_mail(db, sample(kind, **values))
    assert email is not None
    return email


def shift(db: Session, email: Email, column: str, seconds: float) -> None:
    """Sets a time of a mail to `seconds` from now, by the database's clock."""
    db.flush()
    db.execute(sa.update(Email).where(Email.id == email.id).values({column: clock(seconds)}))
    db.refresh(email)


def leased(db: Session, worker: str = WORKER) -> Lease:
    lease = claim(db, worker)
    assert lease is not None
    return lease


def claimed(db: Session, worker: str = WORKER) -> Email:
    return db.get_one(Email, leased(db, worker).email_id, populate_existing=True)


def failure(fault: Fault = Fault.LATER, text: str = "451 try again later", **values: Any) -> DeliveryError:
    return DeliveryError(text, fault, **values)


def seconds_until(db: Session, email: Email, column: str) -> float:
    now, then = db.execute(sa.select(clock(), getattr(Email, column)).where(Email.id == email.id)).one()
    return float((then - now).total_seconds())


# Queueing


def test_a_rolled_back_transaction_queues_no_mail(db: Session) -> None:
    queued(db)
    db.rollback()
    assert list_emails(db) == []


def test_the_same_key_is_queued_once(db: Session) -> None:
    assert queue_mail(db, sample(key="reply:42:7")) is not None
    db.commit()
    assert queue_mail(db, sample(key="reply:42:7")) is None
    assert queue_mail(db, sample(key="reply:42:8")) is not None
    db.commit()
    assert len(list_emails(db)) == 2


def test_a_key_that_another_transaction_uses_at_the_same_moment_is_queued_once(
    db: Session, app: Router, backend: str
) -> None:
    if backend == "sqlite":
        pytest.skip("on SQLite there is one writer at a time")
    sessions: Sessions = app.registry["sessions"]

    def overtake(*args: object) -> None:
        with sessions.writing() as other:
            queue_mail(other, sample(key="reply:42:7"))

    sa.event.listen(db, "before_flush", overtake, once=True)
    assert queue_mail(db, sample(key="reply:42:7")) is None
    db.commit()
    assert len(list_emails(db)) == 1


def test_a_row_the_database_refuses_is_not_taken_for_a_second_mail(db: Session) -> None:
    with pytest.raises(sa.exc.IntegrityError):
        queue_mail(db, sample(key="reply:42:7", to_address="a"))
    db.rollback()


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=ANY_TEXT, title=ANY_TEXT)
def test_any_text_can_be_queued(db: Session, name: str, title: str) -> None:
    email = queue_mail(db, Mail(Kind.REPLY, "ann@example.org", name, {"post_title": title, "lines": [title]}))
    assert email is not None
    db.flush()
    db.refresh(email)
    assert email.context == {"post_title": printable(title), "lines": [printable(title)]}
    db.rollback()


def test_security_mails_go_in_the_first_lane(db: Session) -> None:
    assert queued(db, Kind.RESET_PASSWORD).lane is Lane.SECURITY
    assert queued(db, Kind.REPLY).lane is Lane.REPLY


def test_mails_of_one_thread_name_the_same_first_mail(db: Session) -> None:
    first, second = queued(db, thread="post-4"), queued(db, thread="post-4")
    assert first.in_reply_to == second.references == "<post-4@localhost>"
    assert first.message_id != second.message_id


# Claiming


def test_the_most_urgent_mail_is_claimed_first_and_then_the_oldest(db: Session) -> None:
    emails = [queued(db), queued(db), queued(db, Kind.VERIFY)]
    for email in emails:
        shift(db, email, "next_attempt_at", -60 + email.id)
    assert [claimed(db).id for _ in emails] == [emails[2].id, emails[0].id, emails[1].id]


def test_a_claimed_mail_is_nobody_elses(db: Session) -> None:
    queued(db)
    assert claimed(db).state is State.SENDING
    assert claim(db, OTHER_WORKER) is None
    assert count_due(db, 10) == 0


def test_a_mail_whose_lease_has_ended_is_claimed_again(db: Session) -> None:
    email = queued(db)
    claimed(db)
    shift(db, email, "lease_until", -1)
    assert count_due(db, 10) == 1
    again = claimed(db, OTHER_WORKER)
    assert (again.id, again.leased_by, again.attempts) == (email.id, OTHER_WORKER, 2)


def test_a_lease_that_is_renewed_is_as_long_as_at_first_unless_another_worker_has_the_mail(db: Session) -> None:
    email = queued(db)
    lease = leased(db)
    shift(db, email, "lease_until", 1)
    renew(db, lease)
    assert EMAIL.LEASE_SECONDS - 10 < seconds_until(db, email, "lease_until") <= EMAIL.LEASE_SECONDS
    shift(db, email, "lease_until", -1)
    leased(db, OTHER_WORKER)
    shift(db, email, "lease_until", 1)
    renew(db, lease)
    assert seconds_until(db, email, "lease_until") <= 1


def test_a_mail_is_not_claimed_before_its_time(db: Session) -> None:
    email = queued(db)
    shift(db, email, "next_attempt_at", 60)
    assert claim(db, WORKER) is None


def test_a_mail_that_is_too_old_is_not_claimed_but_expires(db: Session) -> None:
    email = queued(db, Kind.VERIFY, expires_in=timedelta(hours=24))
    shift(db, email, "expires_at", -1)
    assert claim(db, WORKER) is None
    close_hopeless(db)
    db.refresh(email)
    assert (email.state, email.context) == (State.EXPIRED, None)


@pytest.mark.parametrize(
    ("kind", "given", "days"),
    [
        (Kind.DIGEST, None, 1),
        (Kind.REPLY, None, 5),
        (Kind.DIGEST, timedelta(days=3), 3),
        (Kind.PASSWORD_CHANGED, None, None),
    ],
)
def test_a_mail_grows_old_as_its_sender_says_or_else_as_its_kind_does(
    db: Session, kind: Kind, given: timedelta | None, days: int | None
) -> None:
    email = queued(db, kind, expires_in=given)
    db.flush()
    db.refresh(email)
    if days is None:
        assert email.expires_at is None
    else:
        assert seconds_until(db, email, "expires_at") == pytest.approx(days * 86_400, abs=10)


def test_a_mail_that_is_being_sent_does_not_expire(db: Session) -> None:
    email = queued(db, expires_in=timedelta(hours=24))
    claimed(db)
    shift(db, email, "expires_at", -1)
    close_hopeless(db)
    db.refresh(email)
    assert email.state is State.SENDING


def test_workers_that_claim_at_once_never_hold_the_same_mail(db: Session, app: Router) -> None:
    sessions: Sessions = app.registry["sessions"]
    for _ in range(40):
        queued(db)
    db.commit()

    def claim_all(worker: str) -> list[int]:
        mine: list[int] = []
        while True:
            with sessions.writing() as own:
                lease = claim(own, worker)
            if lease is None:
                return mine
            mine.append(lease.email_id)

    with ThreadPoolExecutor(4) as pool:
        shares = list(pool.map(claim_all, [f"worker:{n}" for n in range(4)]))
    taken = [email_id for share in shares for email_id in share]
    assert len(taken) == len(set(taken)) == 40


# How it went


def test_a_failed_mail_waits_longer_each_time_and_is_dead_after_the_last_try(db: Session) -> None:
    email = queued(db)
    for seconds in EMAIL.BACK_OFF_SECONDS:
        mark_failed(db, leased(db), failure())
        db.refresh(email)
        assert (email.state, email.last_error, email.leased_by) == (State.QUEUED, "451 try again later", None)
        assert 0.9 * seconds - 10 < seconds_until(db, email, "next_attempt_at") <= 1.1 * seconds
        shift(db, email, "next_attempt_at", -1)
    mark_failed(db, leased(db), failure())
    db.refresh(email)
    assert (email.state, email.attempts) == (State.DEAD, EMAIL.MAX_ATTEMPTS)
    assert claim(db, WORKER) is None


def test_a_permanent_error_kills_at_once(db: Session) -> None:
    email = queued(db)
    mark_failed(db, leased(db), failure(Fault.MESSAGE))
    db.refresh(email)
    assert (email.state, email.attempts) == (State.DEAD, 1)


def test_an_error_of_any_text_and_length_is_kept_short(db: Session) -> None:
    email = queued(db)
    mark_failed(db, leased(db), failure(text="\x00\ud800\r\n" + "x" * 10_000))
    db.refresh(email)
    assert email.last_error == "x" * EMAIL.ERROR_MAX_LENGTH


def test_a_worker_that_lost_its_lease_does_not_give_the_mail_back(db: Session) -> None:
    email = queued(db)
    lease = leased(db)
    shift(db, email, "lease_until", -1)
    leased(db, OTHER_WORKER)
    mark_failed(db, lease, failure())
    db.refresh(email)
    assert (email.state, email.leased_by, email.last_error) == (State.SENDING, OTHER_WORKER, None)


def test_a_mail_that_was_sent_is_sent_even_where_the_lease_ended_meanwhile(db: Session) -> None:
    email = queued(db)
    claimed(db)
    shift(db, email, "lease_until", -1)
    mark_sent(db, email, "Hello")
    db.refresh(email)
    assert (email.state, email.subject) == (State.SENT, "Hello")
    assert claim(db, OTHER_WORKER) is None


def test_a_mail_whose_worker_ended_in_the_last_try_is_dead(db: Session) -> None:
    email = queued(db)
    for _ in range(EMAIL.MAX_ATTEMPTS):
        claimed(db)
        shift(db, email, "lease_until", -1)
    assert claim(db, WORKER) is None
    close_hopeless(db)
    db.refresh(email)
    assert email.state is State.DEAD
    assert email.last_error


@pytest.mark.parametrize("kind", Kind)
def test_only_what_holds_a_secret_is_forgotten_once_sent(db: Session, kind: Kind) -> None:
    email = queued(db, kind)
    mark_sent(db, claimed(db), "Hello")
    db.refresh(email)
    assert ("token" in sample(kind).context) is (email.context is None)


# The admin's verbs


def dead(db: Session, **values: Any) -> Email:
    email = queued(db, **values)
    mark_failed(db, leased(db), failure(Fault.RECIPIENT, "550 no such mailbox"))
    db.refresh(email)
    return email


def test_a_dead_mail_that_is_sent_again_has_all_its_tries_and_its_message_id(db: Session) -> None:
    email = dead(db)
    message_id = email.message_id
    resend(db, COMMAND_LINE, email.id)
    db.refresh(email)
    assert (email.state, email.attempts, email.last_error) == (State.QUEUED, 0, None)
    assert claimed(db).message_id == message_id


def expire(db: Session, email: Email) -> None:
    shift(db, email, "expires_at", -1)


def forget(db: Session, email: Email) -> None:
    email.context = None


def leave(db: Session, email: Email) -> None:
    resend(db, COMMAND_LINE, email.id)


def arrive(db: Session, email: Email) -> None:
    email.state = State.SENT


@pytest.mark.parametrize("happened", [expire, forget, leave, arrive])
def test_a_mail_that_is_too_old_or_empty_or_waiting_or_has_gone_is_not_sent_again(
    db: Session, happened: Callable[[Session, Email], None]
) -> None:
    email = dead(db, expires_in=timedelta(hours=1))
    happened(db, email)
    with pytest.raises(CannotResend):
        resend(db, COMMAND_LINE, email.id)


def test_a_cancelled_mail_is_not_sent(db: Session) -> None:
    email = queued(db)
    cancel(db, COMMAND_LINE, email.id)
    db.refresh(email)
    assert email.state is State.CANCELLED
    assert claim(db, WORKER) is None


def test_a_mail_that_is_being_sent_can_not_be_cancelled(db: Session) -> None:
    queued(db)
    email = claimed(db)
    with pytest.raises(CannotCancel):
        cancel(db, COMMAND_LINE, email.id)


def test_the_list_goes_from_new_to_old_by_pages_and_state(db: Session) -> None:
    ids = [queued(db).id for _ in range(5)]
    mark_sent(db, claimed(db), "Hello")
    assert [row.id for row in list_emails(db, limit=2)] == [ids[4], ids[3]]
    assert [row.id for row in list_emails(db, before_id=ids[3])] == [ids[2], ids[1], ids[0]]
    (row,) = list_emails(db, Filter(State.SENT))
    assert (row.id, row.state, row.subject) == (ids[0], State.SENT, "Hello")


def test_old_mails_are_deleted_unless_they_wait(db: Session) -> None:
    old_and_sent, fresh_and_sent, old_and_waiting = queued(db), queued(db), queued(db)
    for _ in range(2):
        mark_sent(db, claimed(db), "Hello")
    for email in (old_and_sent, old_and_waiting):
        shift(db, email, "created_at", -31 * 86400)
    assert purge_emails(db, timedelta(days=30)) == 1
    assert {row.id for row in list_emails(db)} == {fresh_and_sent.id, old_and_waiting.id}


# On SQLite there is one writer at a time.
@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_an_old_mail_that_is_just_being_sent_again_is_not_deleted(db: Session, app: Router) -> None:
    email = dead(db)
    shift(db, email, "created_at", -31 * 86400)
    db.commit()
    resend(db, COMMAND_LINE, email.id)
    sessions: Sessions = app.registry["sessions"]
    with sessions.writing() as other:
        assert purge_emails(other, timedelta(days=30)) == 0
    db.commit()
    assert claimed(db).id == email.id
