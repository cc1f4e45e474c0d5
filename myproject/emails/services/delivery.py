"""What workers do with the outbox: claim a mail with a lease, keep it, say how it went, end what is hopeless.

Whether a mail is due, and whose lease has ended, is read off the database's clock: machines need not agree.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from operator import attrgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from myproject.db import IN_DATABASE_ONLY, among, clock, publish
from myproject.emails import constants as EMAIL
from myproject.emails.constants import Fault, Lane, State
from myproject.emails.errors import DeliveryError
from myproject.emails.models import UNFINISHED, Email, MailRoute
from myproject.emails.services import pacing
from myproject.emails.services.outbox import one_line

# The ways of a mail: that of all, and the one of its domain.
SERVER, DOMAIN = aliased(MailRoute), aliased(MailRoute)


@dataclass(frozen=True)
class Refused:
    """The server said for good that it takes no mail to the address of `email`; published in the transaction that
    gives the mail up. `code` is SMTP's (RFC 5321), `enhanced_code` that of RFC 3463 such as `5.1.1`, "" where the
    server gave none, `text` what it said.
    """

    db: Session
    email: Email
    code: int
    enhanced_code: str
    text: str


@dataclass(frozen=True)
class Unwanted:
    """The mail of `email` is given up, since its reader wants it no longer; published in that transaction."""

    db: Session
    email: Email


@dataclass(frozen=True)
class Forgotten:
    """The mails of these numbers are finished, and are deleted next, in the same transaction."""

    db: Session
    email_ids: Sequence[int]


@dataclass(frozen=True)
class Withdrawn:
    """The mails of these numbers wait no longer, as words in them had to go, and none of them has gone out: what
    else they tell may be told anew. They are deleted next, in the same transaction.
    """

    db: Session
    email_ids: Sequence[int]


@dataclass(frozen=True)
class Lease:
    """A mail that `worker`, which names one thread, has to itself for its try number `attempt`."""

    email_id: int
    worker: str
    attempt: int
    domain: str


def lapsed() -> sa.ColumnElement[bool]:
    """Nobody works on it: it waits, or who took it has let the lease end."""
    return sa.and_(
        sa.text(UNFINISHED),
        sa.or_(Email.state == State.QUEUED, Email.lease_until < clock()),
    )


def due() -> sa.ColumnElement[bool]:
    """Is to be sent now, if its routes are open."""
    return sa.and_(
        lapsed(),
        Email.next_attempt_at <= clock(),
        Email.attempts < EMAIL.MAX_ATTEMPTS,
        sa.or_(Email.expires_at.is_(None), Email.expires_at > clock()),
    )


def on_open_routes(*columns: Any) -> sa.Select[Any]:
    """Columns of what is due and may go. A pace that the site itself keeps is none for security mail."""
    paced_only = sa.and_(Email.lane == Lane.SECURITY, DOMAIN.failures == 0)
    return (
        sa.select(*columns)
        .select_from(Email)
        .outerjoin(SERVER, SERVER.domain == EMAIL.SERVER_ROUTE)
        .outerjoin(DOMAIN, DOMAIN.domain == Email.to_domain)
        .where(
            due(),
            sa.or_(SERVER.domain.is_(None), SERVER.opens_at <= clock()),
            sa.or_(DOMAIN.domain.is_(None), DOMAIN.opens_at <= clock(), paced_only),
        )
    )


def count_due(db: Session, limit: int) -> int:
    """How many mails may be sent now; counts no further than `limit`."""
    found = on_open_routes(Email.id).limit(limit).subquery()
    return db.scalar(sa.select(sa.func.count()).select_from(found)) or 0


def seconds_until_due(db: Session) -> float | None:
    """When the next mail may go, 0 for at once; None where none waits, but for what other workers are sending."""
    if count_due(db, 1):
        return 0
    later = sa.select(sa.func.min(Email.next_attempt_at)).where(
        sa.text(UNFINISHED), Email.state == State.QUEUED, Email.next_attempt_at > clock()
    )
    # Of the routes, those that a mail waits for.
    opens = (
        sa.select(sa.func.min(MailRoute.opens_at))
        .select_from(Email)
        .join(MailRoute, MailRoute.domain.in_((EMAIL.SERVER_ROUTE, Email.to_domain)))
        .where(due(), MailRoute.opens_at > clock())
    )
    now, *moments = db.execute(sa.select(clock(), later.scalar_subquery(), opens.scalar_subquery())).one()
    waits = [(moment - now).total_seconds() for moment in moments if moment is not None]
    return min(waits) if waits else None


def claim(db: Session, worker: str, *, pace: float = 0, patient: bool = False) -> Lease | None:
    """Takes the mail that goes first (by lane, then by the time it is due), or with `patient` the one that has
    waited for longest, if that is long. None where nothing is due.

    `pace` is how many seconds lie between two mails to one domain. No two callers hold one mail, unless the first
    let its lease end.
    """
    found = longest_waiting(db) if patient else None
    passed_over: list[str] = []
    while found is not None or (found := first(db, passed_over)) is not None:
        if found.failures:
            is_free = pacing.begin_probe(db, found.to_domain)
        else:
            is_free = not pace or found.lane == Lane.SECURITY or pacing.take_turn(db, found.to_domain, pace)
        if is_free:
            # After the domain: a probe that is then not sent would close the way of all for nothing.
            if found.server_failures and not pacing.begin_probe(db, EMAIL.SERVER_ROUTE):
                return None
            return lease(db, found.id, worker)
        # Another worker has just sent there.
        passed_over.append(found.to_domain)
        found = None
    return None


def longest_waiting(db: Session) -> Any:
    """The mail that was due first, if that is long ago, whatever its lane."""
    # Lane by lane, for so the index has it: of a large backlog, all would have to be looked at.
    waited = Email.next_attempt_at < clock(-EMAIL.PATIENCE_SECONDS)
    firsts = [first(db, [], waited, Email.lane == lane) for lane in Lane]
    return min(filter(None, firsts), key=attrgetter("next_attempt_at"), default=None)


def first(db: Session, passed_over: list[str], *conditions: sa.ColumnElement[bool]) -> Any:
    """The mail to send next of those on conditions, to no domain that is passed over, locked against others."""
    columns = (Email.id, Email.lane, Email.next_attempt_at, Email.to_domain, DOMAIN.failures)
    statement = on_open_routes(*columns, SERVER.failures.label("server_failures")).where(*conditions)
    if passed_over:
        statement = statement.where(Email.to_domain.not_in(passed_over))
    statement = statement.order_by(Email.lane, Email.next_attempt_at, Email.id).limit(1)
    return db.execute(statement.with_for_update(skip_locked=True, of=Email)).first()


def lease(db: Session, email_id: int, worker: str) -> Lease:
    """Takes a mail that is locked against others."""
    worker = worker[: EMAIL.WORKER_MAX_LENGTH]
    statement = (
        sa.update(Email)
        .where(Email.id == email_id)
        .values(
            state=State.SENDING,
            attempts=Email.attempts + 1,
            leased_by=worker,
            lease_until=clock(EMAIL.LEASE_SECONDS),
        )
        # Not the whole row: one that can't be read must not keep its lease from being written.
        .returning(Email.attempts, Email.to_domain)
    )
    taken = db.execute(statement, execution_options=IN_DATABASE_ONLY).one()
    return Lease(email_id, worker, taken.attempts, taken.to_domain)


def held(lease: Lease) -> sa.ColumnElement[bool]:
    """Whether nobody else has taken the mail since."""
    return sa.and_(
        Email.id == lease.email_id,
        Email.state == State.SENDING,
        Email.leased_by == lease.worker,
        Email.attempts == lease.attempt,
    )


def renew(db: Session, lease: Lease) -> None:
    """Keeps a lease for another LEASE_SECONDS, unless another worker has the mail."""
    statement = sa.update(Email).where(held(lease)).values(lease_until=clock(EMAIL.LEASE_SECONDS))
    db.execute(statement, execution_options=IN_DATABASE_ONLY)


RELEASED: dict[str, Any] = {"lease_until": None, "leased_by": None}


def mark_sent(db: Session, email: Email, subject: str) -> None:
    """Says that the server took the mail. So it has, even where the lease ended meanwhile: no second copy. One
    whose words had to go meanwhile is deleted.
    """
    values: dict[str, Any] = {
        "state": State.SENT,
        "subject": subject,
        "sent_at": clock(),
        "last_error": None,
    }
    if email.kind in EMAIL.SECRETS:
        values["context"] = sa.null()
    statement = sa.update(Email).where(Email.id == email.id)
    db.execute(statement.values(values | RELEASED), execution_options=IN_DATABASE_ONLY)
    delete_emptied(db, email.id)
    pacing.reopen(db, EMAIL.SERVER_ROUTE, email.to_domain)


def mark_suppressed(db: Session, lease: Lease, words: str) -> None:
    """Says that the mail is not sent, for its address is not to get any; `words` say why."""
    values = {"state": State.SUPPRESSED, "last_error": one_line(words, EMAIL.ERROR_MAX_LENGTH)}
    db.execute(sa.update(Email).where(held(lease)).values(values | RELEASED), execution_options=IN_DATABASE_ONLY)


def mark_unwanted(db: Session, lease: Lease, words: str) -> None:
    """Gives a mail up that its reader wants no longer, as if they had stopped it by its link; `words` say why."""
    give_up(db, words, held(lease))


def give_up(db: Session, words: str, *which: sa.ColumnElement[bool]) -> None:
    """Ends mails that their readers want no longer; `words` say why."""
    values = {
        "state": State.CANCELLED,
        "last_error": one_line(words, EMAIL.ERROR_MAX_LENGTH),
        "context": sa.null(),
    }
    given_up = sa.update(Email).where(*which).values(values | RELEASED).returning(Email.id)
    for email_id in db.scalars(given_up, execution_options=IN_DATABASE_ONLY).all():
        publish(db, Unwanted(db, db.get_one(Email, email_id, populate_existing=True)))


def mark_failed(db: Session, lease: Lease, error: DeliveryError) -> None:
    """Gives a mail back, to be tried again; DEAD after the last try, or where no other could end otherwise.

    What no mail would have survived costs this one no try. Leaves the mail alone where another worker has it, and
    deletes one whose words had to go meanwhile: it is not sent any more.
    """
    values: dict[str, Any] = {"state": State.QUEUED, "last_error": one_line(str(error), EMAIL.ERROR_MAX_LENGTH)}
    if error.fault is Fault.SERVER:
        values["attempts"] = lease.attempt - 1
    elif error.permanent or lease.attempt >= EMAIL.MAX_ATTEMPTS:
        values["state"] = State.DEAD
    else:
        values["next_attempt_at"] = clock(pacing.spread(EMAIL.BACK_OFF_SECONDS[lease.attempt - 1]))
    statement = sa.update(Email).where(held(lease)).values(values | RELEASED).returning(Email.id)
    is_ours = db.execute(statement, execution_options=IN_DATABASE_ONLY).first() is not None
    pacing.note_failure(db, lease.domain, error)
    if is_ours and error.fault is Fault.RECIPIENT:
        email = db.get_one(Email, lease.email_id, populate_existing=True)
        publish(db, Refused(db, email, error.code, error.enhanced_code, error.answer))
    if is_ours:
        delete_emptied(db, lease.email_id)


def close_hopeless(db: Session) -> None:
    """Ends what can't be sent any more: EXPIRED where it is too old, DEAD where its last try never ended."""
    too_old = sa.update(Email).where(lapsed(), Email.expires_at <= clock())
    db.execute(
        too_old.values(state=State.EXPIRED, context=sa.null(), **RELEASED),
        execution_options=IN_DATABASE_ONLY,
    )
    tried_out = sa.update(Email).where(lapsed(), Email.attempts >= EMAIL.MAX_ATTEMPTS)
    db.execute(
        tried_out.values(
            state=State.DEAD, last_error="The worker ended in the middle of the last try.", **RELEASED
        ),
        execution_options=IN_DATABASE_ONLY,
    )


def purge_emails(db: Session, older_than: timedelta) -> int:
    """Deletes up to PURGE_BATCH mails that are finished and were queued longer ago; gives how many."""
    old = (
        sa.select(Email.id)
        .where(
            Email.state.not_in((State.QUEUED, State.SENDING)),
            Email.created_at < clock(-older_than.total_seconds()),
        )
        .order_by(Email.id)
        .limit(EMAIL.PURGE_BATCH)
        # One that an admin sends again at this moment is finished no longer.
        .with_for_update(skip_locked=True)
    )
    ids = db.scalars(old).all()
    if ids:
        publish(db, Forgotten(db, ids))
        delete(db, ids)
    return len(ids)


def withdraw(db: Session, email_ids: Sequence[int]) -> None:
    """Deletes mails that can be stopped, because words in them are to go. Of one that a worker is sending just now
    only the words go: they may be with its server already, so the end of the try says what became of it.
    """
    # No worker takes one, or ends its try, meanwhile.
    columns = Email.id, Email.state, Email.sent_at
    locked = sa.select(*columns).where(among(Email.id, "ids")).order_by(Email.id).with_for_update()
    found = db.execute(locked, {"ids": email_ids}).all()
    under_way = [row.id for row in found if row.state is State.SENDING]
    at_rest = [row.id for row in found if row.state is not State.SENDING]
    emptied = sa.update(Email).where(among(Email.id, "ids")).values(context=sa.null())
    db.execute(emptied, {"ids": under_way}, execution_options=IN_DATABASE_ONLY)
    publish(db, Forgotten(db, at_rest))
    unsent = [row.id for row in found if row.state is State.QUEUED and row.sent_at is None]
    publish(db, Withdrawn(db, unsent))
    delete(db, at_rest)


def delete_emptied(db: Session, email_id: int) -> None:
    """Deletes a mail whose try has ended, if `withdraw` took its words meanwhile."""
    # What has a secret is emptied as well, and can't be stopped. Not asked by RETURNING: SQLite (3.40) says there
    # of such a column that it is never NULL.
    emptied = Email.id == email_id, Email.topic.is_not(None), Email.context.is_(None)
    found = db.execute(sa.select(Email.sent_at).where(*emptied)).first()
    if found is None:
        return
    if found.sent_at is None:
        publish(db, Withdrawn(db, [email_id]))
    delete(db, [email_id])


def delete(db: Session, email_ids: Sequence[int]) -> None:
    """Deletes mails."""
    gone = sa.delete(Email).where(among(Email.id, "ids"))
    db.execute(gone, {"ids": email_ids}, execution_options=IN_DATABASE_ONLY)
