"""The outbox as admins see it."""

from dataclasses import dataclass, fields
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.emails.constants import Lane, State
from myproject.emails.models import Email


@dataclass(frozen=True)
class Filter:
    """Which mails of the outbox; all where nothing is said. `address` is a whole one, or `@` and a domain."""

    state: State | None = None
    topic: str = ""
    address: str = ""

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        conditions: list[sa.ColumnElement[bool]] = []
        if self.state is not None:
            conditions.append(Email.state == self.state)
        if self.topic:
            conditions.append(Email.topic == self.topic)
        address = self.address.lower()
        if address.startswith("@"):
            conditions.append(Email.to_domain == address[1:])
        elif address:
            conditions.append(sa.func.lower(Email.to_address) == address)
        return conditions


@dataclass(frozen=True)
class EmailRow:
    """A line of the admin's list."""

    id: int
    kind: str
    lane: Lane
    state: State
    topic: str | None
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
EVERYTHING = Filter()


def list_emails(
    db: Session, wanted: Filter = EVERYTHING, before_id: int | None = None, limit: int = 50
) -> list[EmailRow]:
    """Mails of the outbox, newest first: those `wanted`, with ids below `before_id`, at most `limit`."""
    statement = LISTED.where(*wanted.conditions()).limit(limit)
    if before_id is not None:
        statement = statement.where(Email.id < before_id)
    return [EmailRow(*row) for row in db.execute(statement)]
