"""The history of an account as its owner sees it, and the mails that tell them at once."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.db import publish, utc_now
from myproject.emails import constants as EMAIL
from myproject.emails.constants import Kind
from myproject.emails.models import Email
from myproject.emails.services.outbox import queue_mail
from myproject.emails.services.personal import known_mails
from myproject.pagination import BEYOND_ALL, Page, cut, decode
from myproject.personal_data import Person
from myproject.users import constants as USER
from myproject.users.models import SecurityLogEntry, User
from myproject.users.services.accounts import Client, mail_to

# What the owner should hear of by mail even while they are away from the site (ASVS 6.3.7).
MAILED = frozenset(
    {
        USER.SecurityEvent.EMAIL_CHANGED,
        USER.SecurityEvent.EMAIL_CHANGE_UNDONE,
        USER.SecurityEvent.SECOND_FACTOR_ON,
        USER.SecurityEvent.SECOND_FACTOR_OFF,
        USER.SecurityEvent.RECOVERY_CODES_MADE,
        USER.SecurityEvent.RECOVERY_CODE_USED,
        USER.SecurityEvent.PASSKEY_ADDED,
        USER.SecurityEvent.PASSKEY_REMOVED,
        USER.SecurityEvent.PASSKEY_COPIED,
        USER.SecurityEvent.PROVIDER_CONNECTED,
        USER.SecurityEvent.PROVIDER_REMOVED,
        USER.SecurityEvent.NAME_CHANGED,
        USER.SecurityEvent.SESSION_COPIED,
        USER.SecurityEvent.SECOND_FACTOR_RESET_CANCELLED,
    }
)


# Of these another mail tells; on the site the owner hears of them as of the others.
TOLD = MAILED | {USER.SecurityEvent.PASSWORD_CHANGED, USER.SecurityEvent.PASSWORD_RESET}


@dataclass(frozen=True)
class SafetyConcerned:
    """Event: something that concerns the safety of an account stands in its history, in this transaction."""

    db: Session
    user_id: int
    entry_id: int


@dataclass(frozen=True)
class Line:
    """One line of the history."""

    event: USER.SecurityEvent
    detail: str
    user_agent: str
    address: str
    created_at: datetime
    id: int


@dataclass(frozen=True)
class MailLine:
    """A mail about the account's safety, of a kind as `emails.constants.Kind` writes it, sent at `created_at`."""

    kind: str
    to_address: str
    created_at: datetime
    # Where it was read is not known.
    user_agent: str = ""
    address: str = ""


LINE = (
    SecurityLogEntry.event,
    SecurityLogEntry.detail,
    SecurityLogEntry.user_agent,
    SecurityLogEntry.address,
    SecurityLogEntry.created_at,
    SecurityLogEntry.id,
)
# More than limits let be sent for as many lines.
MAILS_ON_A_PAGE = 200


def note(db: Session, user: User, event: USER.SecurityEvent, client: Client, detail: str = "") -> None:
    """Adds a line to the history, in the transaction of what it tells; and a mail where the event is `MAILED`, to
    an address that was verified: else it would go to whomever somebody named.
    """
    # A user made in this transaction gets its number with the flush.
    db.flush()
    entry = SecurityLogEntry(
        user_id=user.id,
        event=event,
        detail=detail[: USER.EMAIL_MAX_LENGTH],
        user_agent=client.user_agent[: USER.USER_AGENT_MAX_LENGTH],
        address=client.address,
    )
    db.add(entry)
    if event in MAILED:
        mail_notice(db, user, event, client, detail)
    if event in TOLD:
        # Whoever hears of it needs its number.
        db.flush()
        publish(db, SafetyConcerned(db, user.id, entry.id))


def mail_notice(db: Session, user: User, event: USER.SecurityEvent, client: Client, detail: str = "") -> None:
    """Mails a line of the history to its owner at once, where the address was verified."""
    if not user.verified:
        return
    context = {
        "event": event.name,
        "detail": detail,
        "when": utc_now().isoformat(timespec="seconds"),
        "zone": user.time_zone,
    }
    queue_mail(db, mail_to(user, Kind.SECURITY_NOTICE, context | where(client)))


def where(client: Client) -> dict[str, str]:
    """What mails say of where something was done."""
    return {"browser": client.user_agent[: USER.USER_AGENT_MAX_LENGTH], "address": client.address}


def list_history(db: Session, person: Person, cursor: str | None = None) -> Page[Line | MailLine]:
    """A page of the lines after `cursor`, newest first, with the mails about the account's safety that were sent
    meanwhile, as long as the outbox knows of them, and but for those that its owner may not know of. Raises
    BadCursor.
    """
    until, number = decode(cursor) if cursor else (None, BEYOND_ALL)
    of_member = sa.select(*LINE).where(SecurityLogEntry.user_id == person.id, SecurityLogEntry.id < number)
    latest = of_member.order_by(SecurityLogEntry.id.desc()).limit(USER.HISTORY_PAGE_SIZE + 1)
    page = cut([Line(*row) for row in db.execute(latest)], USER.HISTORY_PAGE_SIZE, "created_at")
    columns = (Email.kind, Email.to_address, Email.sent_at)
    sent = sa.select(*columns).where(
        known_mails(person), Email.lane == EMAIL.Lane.SECURITY, Email.sent_at.is_not(None)
    )
    if until is not None:
        sent = sent.where(Email.sent_at <= until)
    if page.next_cursor is not None:
        sent = sent.where(Email.sent_at > page.rows[-1].created_at)
    mails = db.execute(sent.order_by(Email.id.desc()).limit(MAILS_ON_A_PAGE))
    lines: list[Line | MailLine] = [*page.rows]
    lines += [MailLine(row.kind, row.to_address, row.sent_at) for row in mails]
    lines.sort(key=lambda line: line.created_at, reverse=True)
    return Page(lines, page.next_cursor)
