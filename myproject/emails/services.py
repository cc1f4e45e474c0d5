"""The outbox's verbs: queue a mail in the caller's transaction, claim it with a lease, say how it went.

Whether a mail is due, and whose lease has ended, is read off the database's clock: machines need not agree.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, cast
from urllib.parse import urlsplit
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.engine import CursorResult
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from myproject.db import clock, publish
from myproject.emails import constants as EMAIL
from myproject.emails.errors import CannotCancel, CannotResend
from myproject.emails.models import UNFINISHED, Email
from myproject.personal_data import File, Person, json_list
from myproject.settings import Settings, settings_of
from myproject.text import INVISIBLE, clean_line

# SQL expressions can't be replayed on objects in memory: who holds such objects refreshes them.
IN_DATABASE_ONLY = {"synchronize_session": False}


@dataclass(frozen=True)
class Mail:
    """What a module asks to be sent: JSON values for the templates of `kind`, and to whom.

    `key` names the event (`reply:42:7`): a second mail with the same key is not queued. `expires_in` is how
    long the mail is worth sending. `thread` names what it belongs to (`post-42`), and mail programs show that
    together. `lane` is by kind where None.
    """

    kind: EMAIL.Kind
    to_address: str
    to_name: str = ""
    context: dict[str, Any] = field(default_factory=dict)
    user_id: int | None = None
    lane: EMAIL.Lane | None = None
    key: str | None = None
    expires_in: timedelta | None = None
    thread: str | None = None
    locale: str = "en"


@dataclass(frozen=True)
class MailQueued:
    """A mail was added in the transaction of `db`."""

    db: Session


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


def printable(value: Any) -> Any:
    """A JSON value whose texts can be stored and encoded anywhere: no lone surrogates, no control characters.

    Tabs stay, and whatever ends a line becomes a line feed.
    """
    if isinstance(value, dict):
        return {key: printable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [printable(item) for item in value]
    if isinstance(value, str):
        return "\n".join(INVISIBLE.sub("", line) for line in value.splitlines())
    return value


def one_line(text: str, max_length: int) -> str:
    """`clean_line`, cut to `max_length` characters."""
    return clean_line(text)[:max_length].rstrip()


def mail_domain(settings: Settings) -> str:
    """The host of `site.url`, in ASCII, as it stands in addresses and Message-IDs."""
    host = urlsplit(settings.site_url).hostname or "localhost"
    if ":" in host:
        return f"[IPv6:{host}]"
    return host.encode("idna").decode("ascii")


def queue_mail(db: Session, mail: Mail) -> Email | None:
    """Adds a mail to the outbox in the caller's transaction; workers hear of it once that commits.

    Gives None, and adds nothing, where a mail with the same `key` is there already.
    """
    if mail.key is not None and is_queued(db, mail.key):
        return None
    registry = db.info.get("registry")
    domain = "localhost" if registry is None else mail_domain(settings_of(registry))
    thread = f"<{mail.thread}@{domain}>" if mail.thread else None
    email = Email(
        kind=mail.kind.value,
        lane=EMAIL.LANES[mail.kind] if mail.lane is None else mail.lane,
        user_id=mail.user_id,
        to_address=mail.to_address,
        to_name=one_line(mail.to_name, EMAIL.NAME_MAX_LENGTH),
        locale=mail.locale,
        context=printable(mail.context),
        message_id=f"<{uuid4().hex}@{domain}>",
        in_reply_to=thread,
        references=thread,
        idempotency_key=mail.key,
        expires_at=None if mail.expires_in is None else clock(mail.expires_in.total_seconds()),
    )
    try:
        # The savepoint flushes, so that a key that another transaction has just used shows here.
        with db.begin_nested():
            db.add(email)
    except IntegrityError:
        if mail.key is None or not is_queued(db, mail.key):
            raise
        return None
    publish(db, MailQueued(db))
    return email


def is_queued(db: Session, key: str) -> bool:
    """Whether the outbox has a mail with this idempotency key, in any state."""
    return db.scalar(sa.select(sa.literal(True)).where(Email.idempotency_key == key).limit(1)) is True


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


def forget_mails(db: Session, keys: Iterator[str]) -> None:
    """Deletes the mails with these idempotency keys, in whatever state."""
    while some := list(islice(keys, EMAIL.PURGE_BATCH)):
        db.execute(sa.delete(Email).where(Email.idempotency_key.in_(some)), execution_options=IN_DATABASE_ONLY)


def export_mails(db: Session, person: Person) -> Iterator[File]:
    """The mails to a member that are still known, but for the secrets in them."""
    columns = (Email.kind, Email.to_address, Email.subject, Email.created_at, Email.sent_at, Email.context)
    rows = db.execute(sa.select(*columns).where(Email.user_id == person.id).order_by(Email.id))
    yield "mails.json", json_list(row._asdict() | {"context": without_secrets(row)} for row in rows)


def without_secrets(row: Any) -> dict[str, Any]:
    secrets = EMAIL.SECRETS.get(row.kind, ())
    return {key: value for key, value in (row.context or {}).items() if key not in secrets}


def erase_mails(db: Session, person: Person, removing: bool) -> None:
    """Deletes every mail to a member, and to their address."""
    theirs = sa.or_(
        Email.user_id == person.id,
        Email.to_address == person.email,
        sa.func.lower(Email.to_address) == person.email_canonical,
    )
    db.execute(sa.delete(Email).where(theirs), execution_options=IN_DATABASE_ONLY)


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
