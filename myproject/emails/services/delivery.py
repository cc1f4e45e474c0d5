"""What workers do with the outbox: claim a mail with a lease, say how it went, end what is hopeless.

Whether a mail is due, and whose lease has ended, is read off the database's clock: machines need not agree.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from myproject.db import clock
from myproject.emails import constants as EMAIL
from myproject.emails.models import UNFINISHED, Email
from myproject.emails.services.outbox import IN_DATABASE_ONLY, one_line


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


def lapsed() -> sa.ColumnElement[bool]:
    """Nobody works on it: it waits, or who took it has let the lease end."""
    return sa.and_(
        sa.text(UNFINISHED),
        sa.or_(Email.state == EMAIL.State.QUEUED, Email.lease_until < clock()),
    )


def due() -> sa.ColumnElement[bool]:
    """May be sent now."""
    return sa.and_(
        lapsed(),
        Email.next_attempt_at <= clock(),
        Email.attempts < EMAIL.MAX_ATTEMPTS,
        sa.or_(Email.expires_at.is_(None), Email.expires_at > clock()),
    )


def count_due(db: Session, limit: int) -> int:
    """How many mails may be sent now; counts no further than `limit`."""
    found = sa.select(Email.id).where(due()).limit(limit).subquery()
    return db.scalar(sa.select(sa.func.count()).select_from(found)) or 0


def claim(db: Session, worker: str, lease_seconds: float = EMAIL.LEASE_SECONDS) -> Email | None:
    """Takes the due mail that goes first (lane, then the time it is due) and leases it to `worker`.

    `worker` names one thread. None where nothing is due. No two callers hold one mail, unless the first let
    its lease end.
    """
    first = (
        sa.select(Email.id)
        .where(due())
        .order_by(Email.lane, Email.next_attempt_at, Email.id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    statement = (
        sa.update(Email)
        .where(Email.id == first)
        .values(
            state=EMAIL.State.SENDING,
            attempts=Email.attempts + 1,
            leased_by=worker[: EMAIL.WORKER_MAX_LENGTH],
            lease_until=clock(lease_seconds),
        )
        .returning(Email)
    )
    options = IN_DATABASE_ONLY | {"populate_existing": True}
    return db.scalars(statement, execution_options=options).one_or_none()


def mark_sent(db: Session, email: Email, subject: str) -> None:
    """Says that the server took the mail. So it has, even where the lease ended meanwhile: no second copy."""
    values: dict[str, Any] = {
        "state": EMAIL.State.SENT,
        "subject": subject,
        "sent_at": clock(),
        "lease_until": None,
        "leased_by": None,
        "last_error": None,
    }
    if email.kind in EMAIL.SECRETS:
        values["context"] = sa.null()
    statement = sa.update(Email).where(Email.id == email.id)
    db.execute(statement.values(values), execution_options=IN_DATABASE_ONLY)


def mark_failed(db: Session, email: Email, error: str, *, permanent: bool = False) -> None:
    """Gives a claimed mail back, to be tried again; DEAD after the last try or a `permanent` error.

    Changes nothing where the lease has ended and another worker has the mail.
    """
    dead = permanent or email.attempts >= EMAIL.MAX_ATTEMPTS
    values: dict[str, Any] = {
        "state": EMAIL.State.DEAD if dead else EMAIL.State.QUEUED,
        "last_error": one_line(error, EMAIL.ERROR_MAX_LENGTH),
        "lease_until": None,
        "leased_by": None,
    }
    if not dead:
        values["next_attempt_at"] = clock(EMAIL.BACK_OFF_SECONDS[email.attempts - 1])
    held = sa.and_(
        Email.id == email.id,
        Email.state == EMAIL.State.SENDING,
        Email.leased_by == email.leased_by,
        Email.attempts == email.attempts,
    )
    db.execute(sa.update(Email).where(held).values(values), execution_options=IN_DATABASE_ONLY)


def close_hopeless(db: Session) -> None:
    """Ends what can't be sent any more: EXPIRED where it is too old, DEAD where its last try never ended."""
    released = {"lease_until": None, "leased_by": None}
    too_old = sa.update(Email).where(lapsed(), Email.expires_at <= clock())
    db.execute(
        too_old.values(state=EMAIL.State.EXPIRED, context=sa.null(), **released),
        execution_options=IN_DATABASE_ONLY,
    )
    tried_out = sa.update(Email).where(lapsed(), Email.attempts >= EMAIL.MAX_ATTEMPTS)
    db.execute(
        tried_out.values(
            state=EMAIL.State.DEAD, last_error="The worker ended in the middle of the last try.", **released
        ),
        execution_options=IN_DATABASE_ONLY,
    )


def purge_emails(db: Session, older_than: timedelta) -> int:
    """Deletes up to PURGE_BATCH mails that are finished and were queued longer ago; gives how many."""
    old = (
        sa.select(Email.id)
        .where(
            Email.state.not_in((EMAIL.State.QUEUED, EMAIL.State.SENDING)),
            Email.created_at < clock(-older_than.total_seconds()),
        )
        .order_by(Email.id)
        .limit(EMAIL.PURGE_BATCH)
    )
    result = db.execute(sa.delete(Email).where(Email.id.in_(old)), execution_options=IN_DATABASE_ONLY)
    return cast(CursorResult[Any], result).rowcount
