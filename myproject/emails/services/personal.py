"""What the outbox holds of a person, and what of it they may know."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.db import IN_DATABASE_ONLY
from myproject.emails import constants as EMAIL
from myproject.emails.models import Email
from myproject.personal_data import File, Person, json_list

# Mails about an account that go to its address before anybody has proved it, or to the one that it is to have. Not
# where that is somebody else's.
TO_ANY_ADDRESS = {*EMAIL.TYPED, EMAIL.Kind.ACCOUNT_APPROVED, EMAIL.Kind.ACCOUNT_REFUSED}


def known_mails(person: Person) -> sa.ColumnElement[bool]:
    """The mails to a member that they may know of. Whether one went to an address that is not proved to be theirs
    tells whether somebody else has an account with it (OWASP ASVS 5.0: 6.3.8).
    """
    certain = Email.kind.not_in(TO_ANY_ADDRESS)
    return (Email.user_id == person.id) & (certain | to_address_of(person) if person.verified else certain)


def to_address_of(person: Person) -> sa.ColumnElement[bool]:
    """The mails to the address of a member."""
    canonical_one = sa.func.lower(Email.to_address) == person.email_canonical
    return (Email.to_address == person.email) | canonical_one


def export_mails(db: Session, person: Person) -> Iterator[File]:
    """The mails to a member that are still known and that they may know of, but for the secrets in them."""
    columns = (Email.kind, Email.to_address, Email.subject, Email.created_at, Email.sent_at, Email.context)
    rows = db.execute(sa.select(*columns).where(known_mails(person)).order_by(Email.id))
    yield "mails.json", json_list(row._asdict() | {"context": without_secrets(row)} for row in rows)


def without_secrets(row: Any) -> dict[str, Any]:
    secrets = EMAIL.SECRETS.get(row.kind, ())
    return {key: value for key, value in (row.context or {}).items() if key not in secrets}


def erase_mails(db: Session, person: Person, removing: bool) -> None:
    """Deletes every mail to a member, and to the addresses that are theirs."""
    theirs = (Email.user_id == person.id) | Email.to_address.in_(person.own_addresses)
    if person.verified:
        theirs |= to_address_of(person)
    db.execute(sa.delete(Email).where(theirs), execution_options=IN_DATABASE_ONLY)
