"""What admins do with mails of the outbox, one or all that they look at: send them again, give them up.

Each leaves a row in the audit.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.audit import Actor, record
from myproject.db import IN_DATABASE_ONLY, clock, publish
from myproject.emails import constants as EMAIL
from myproject.emails.constants import State
from myproject.emails.errors import CannotCancel, CannotResend
from myproject.emails.models import Email
from myproject.emails.services.lists import Filter
from myproject.emails.services.outbox import MailQueued


class Verb(StrEnum):
    RESEND = "resend"
    CANCEL = "cancel"


# What can be sent again.
GIVEN_UP = (State.DEAD, State.CANCELLED, State.SUPPRESSED)
WAITING = (State.QUEUED, State.DEAD)

STILL_GOOD = sa.and_(Email.context.is_not(None), sa.or_(Email.expires_at.is_(None), Email.expires_at > clock()))
# When it was sent stays: what became of the first copy is true whatever becomes of the second.
AGAIN = {"state": State.QUEUED, "attempts": 0, "next_attempt_at": clock(), "last_error": None}
CHANGES: dict[Verb, dict[str, Any]] = {Verb.RESEND: AGAIN, Verb.CANCEL: {"state": State.CANCELLED}}


def resend(db: Session, actor: Actor, email_id: int) -> None:
    """Queues a mail that was given up once more, with all its tries. Raises `CannotResend`.

    It keeps its Message-ID: who got it already sees no second copy in most mail programs.
    """
    if not change(db, actor, Verb.RESEND, Email.id == email_id, Email.state.in_(GIVEN_UP), STILL_GOOD):
        raise CannotResend


def cancel(db: Session, actor: Actor, email_id: int) -> None:
    """Keeps a mail that waits, or was given up, from being sent. Raises `CannotCancel`."""
    if not change(db, actor, Verb.CANCEL, Email.id == email_id, Email.state.in_(WAITING)):
        raise CannotCancel(db.scalar(sa.select(Email.state).where(Email.id == email_id)))


@dataclass(frozen=True)
class Change:
    """What an admin wants done with all mails `wanted`, but for those that are newer than `up_to_id`."""

    actor: Actor
    verb: Verb
    wanted: Filter
    up_to_id: int


@dataclass(frozen=True)
class BatchChanged:
    """A batch was changed, up to the mail `last_id`; the workers are to go on once `db` has committed."""

    db: Session
    change: Change
    last_id: int


def change_all(db: Session, actor: Actor, verb: Verb, wanted: Filter) -> None:
    """Does it with all mails `wanted` that there are by now, as far as it can be done: the first batch here, which
    is all of most lists, the rest by the workers.
    """
    newest = db.scalar(sa.select(sa.func.max(Email.id))) or 0
    asked = Change(actor, verb, wanted, newest)
    last_id = change_batch(db, asked, 0)
    if last_id is not None:
        publish(db, BatchChanged(db, asked, last_id))


def change_batch(db: Session, asked: Change, after_id: int) -> int | None:
    """Does it with the next mails behind `after_id`, the oldest first. Gives the last of their ids, to go on from;
    None where there were no more.
    """
    actor, verb = asked.actor, asked.verb
    possible = [Email.state.in_(GIVEN_UP), STILL_GOOD] if verb is Verb.RESEND else [Email.state.in_(WAITING)]
    batch = (
        sa.select(Email.id)
        .where(Email.id > after_id, Email.id <= asked.up_to_id, *asked.wanted.conditions(), *possible)
        .order_by(Email.id)
        .limit(EMAIL.CHANGE_BATCH)
    )
    ids = db.scalars(batch).all()
    if not ids:
        return None
    change(db, actor, verb, Email.id.in_(ids), *possible)
    return ids[-1]


def change(db: Session, actor: Actor, verb: Verb, *conditions: sa.ColumnElement[bool]) -> bool:
    """Whether there was a mail to change."""
    # What the caller changed on an object must be in the database before the statement is.
    db.flush()
    locked = sa.select(Email.id, Email.state).where(*conditions).order_by(Email.id).with_for_update()
    before = {row.id: row.state for row in db.execute(locked)}
    if not before:
        return False
    changed = sa.update(Email).where(Email.id.in_(before)).values(CHANGES[verb])
    db.execute(changed, execution_options=IN_DATABASE_ONLY)
    after = CHANGES[verb]["state"]
    for email_id, state in before.items():
        # A stand-in for the row, which nothing here has read: also one that can't be read can be given up.
        row, names = Email(id=email_id), ({"state": state.name}, {"state": after.name})
        record(db, f"email.{verb}", row, actor=actor, before=names[0], after=names[1])
    if verb is Verb.RESEND:
        publish(db, MailQueued(db))
    return True
