"""The outbox as admins see it."""

from dataclasses import dataclass, fields
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.emails import constants as EMAIL
from myproject.emails.models import Email


@dataclass(frozen=True)
class EmailRow:
    """A line of the admin's list."""

    id: int
    kind: str
    lane: EMAIL.Lane
    state: EMAIL.State
    to_address: str
    to_name: str
    subject: str | None
    attempts: int
    last_error: str | None
    next_attempt_at: datetime
    created_at: datetime
    sent_at: datetime | None


COLUMNS = [getattr(Email, field.name) for field in fields(EmailRow)]
LISTED = sa.select(*COLUMNS).order_by(Email.id.desc())


def list_emails(
    db: Session, state: EMAIL.State | None = None, before_id: int | None = None, limit: int = 50
) -> list[EmailRow]:
    """Mails of the outbox, newest first: those in `state`, with ids below `before_id`, at most `limit`."""
    statement = LISTED.limit(limit)
    if state is not None:
        statement = statement.where(Email.state == state)
    if before_id is not None:
        statement = statement.where(Email.id < before_id)
    return [EmailRow(*row) for row in db.execute(statement)]
