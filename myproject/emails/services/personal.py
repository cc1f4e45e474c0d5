"""What the outbox holds of a person."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.db import IN_DATABASE_ONLY
from myproject.emails import constants as EMAIL
from myproject.emails.models import Email
from myproject.personal_data import File, Person, json_list


def export_mails(db: Session, person: Person) -> Iterator[File]:
    """The mails to a member that are still known, but for the secrets in them."""
    columns = (Email.kind, Email.to_address, Email.subject, Email.created_at, Email.sent_at, Email.context)
    rows = db.execute(sa.select(*columns).where(Email.user_id == person.id).order_by(Email.id))
    yield "mails.json", json_list(row._asdict() | {"context": without_secrets(row)} for row in rows)


def without_secrets(row: Any) -> dict[str, Any]:
    secrets = EMAIL.SECRETS.get(row.kind, ())
    return {key: value for key, value in (row.context or {}).items() if key not in secrets}


def erase_mails(db: Session, person: Person, removing: bool) -> None:
    """Deletes every mail to a member, and to their address where it is theirs."""
    theirs = Email.user_id == person.id
    if person.verified:
        to_them = sa.func.lower(Email.to_address) == person.email_canonical
        theirs = sa.or_(theirs, Email.to_address == person.email, to_them)
    db.execute(sa.delete(Email).where(theirs), execution_options=IN_DATABASE_ONLY)
