"""What admins do with a mail of the outbox: send it again, give it up."""

from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from myproject.db import clock, publish
from myproject.emails import constants as EMAIL
from myproject.emails.errors import CannotCancel, CannotResend
from myproject.emails.models import Email
from myproject.emails.services.outbox import IN_DATABASE_ONLY, MailQueued


def resend(db: Session, email: Email) -> None:
    """Queues a finished mail once more, with all its tries. Raises `CannotResend`.

    It keeps its Message-ID: who got it already sees no second copy in most mail programs.
    """
    statement = sa.update(Email).where(
        Email.id == email.id,
        Email.state.in_((EMAIL.State.DEAD, EMAIL.State.CANCELLED, EMAIL.State.SENT)),
        Email.context.is_not(None),
        sa.or_(Email.expires_at.is_(None), Email.expires_at > clock()),
    )
    values = {
        "state": EMAIL.State.QUEUED,
        "attempts": 0,
        "next_attempt_at": clock(),
        "last_error": None,
        "sent_at": None,
    }
    if not changed_one(db, statement.values(values)):
        raise CannotResend
    db.refresh(email)
    publish(db, MailQueued(db))


def cancel(db: Session, email: Email) -> None:
    """Keeps a mail that waits, or was given up, from being sent. Raises `CannotCancel`."""
    statement = sa.update(Email).where(
        Email.id == email.id, Email.state.in_((EMAIL.State.QUEUED, EMAIL.State.DEAD))
    )
    if not changed_one(db, statement.values(state=EMAIL.State.CANCELLED)):
        raise CannotCancel
    db.refresh(email)


def changed_one(db: Session, statement: sa.Update) -> bool:
    # What the caller changed on the object must be in the database before the statement is.
    db.flush()
    result = cast(CursorResult[Any], db.execute(statement, execution_options=IN_DATABASE_ONLY))
    return result.rowcount == 1
