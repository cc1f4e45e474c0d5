"""Queues mails in the caller's transaction: a row that is rolled back was never a mail."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from myproject.db import clock, publish
from myproject.emails import constants as EMAIL
from myproject.emails.models import Email
from myproject.security.ratelimit import limiter_of
from myproject.settings import Settings, settings_of
from myproject.text import INVISIBLE, canonical, clean_line


@dataclass(frozen=True)
class Mail:
    """What a module asks to be sent: JSON values for the templates of `kind`, and to whom.

    `key` names the event (`reply:42:7`): a second mail with the same key is not queued. `thread` names what the
    mail belongs to (`post-42`), and mail programs show that together. `expires_in` is how long it is worth
    sending, and `lane` who goes before; where None, they are by kind.

    `topic` names what its reader can stop (`reply`, `digest`), None for mail that cannot be turned off;
    `thread_scope` is the post that "stop mail about this post" means. `sender_name` stands in From, the site's
    where it is empty.

    `proven` says that the address is known to be its reader's own, and that nobody else can have such mails sent
    there without end: no limit of `EMAIL.TYPED` counts them.
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
    topic: str | None = None
    thread_scope: int | None = None
    sender_name: str = ""
    proven: bool = False


@dataclass(frozen=True)
class MailQueued:
    """A mail was added in the transaction of `db`."""

    db: Session


def queue_mail(db: Session, mail: Mail) -> Email | None:
    """Adds a mail to the outbox in the caller's transaction; workers hear of it once that commits.

    Gives None, and adds nothing, where a mail with the same `key` is there already. Raises RateLimited, and adds
    nothing, where its reader was sent as many of those that anybody can send them (`EMAIL.TYPED`) as
    `ratelimit.account_mail_recipient` lets through.
    """
    if mail.key is not None and is_queued(db, mail.key):
        return None
    registry = db.info.get("registry")
    if registry is not None and mail.kind in EMAIL.TYPED and not mail.proven:
        counted = EMAIL.TYPED[mail.kind], recipient_key(mail.to_address)
        limiter_of(registry).hit_within(db, "account_mail_recipient", *counted)
    life = mail.expires_in or EMAIL.STALE_AFTER.get(mail.kind)
    domain = "localhost" if registry is None else mail_domain(settings_of(registry))
    thread = f"<{mail.thread}@{domain}>" if mail.thread else None
    email = Email(
        kind=mail.kind.value,
        lane=EMAIL.LANES[mail.kind] if mail.lane is None else mail.lane,
        user_id=mail.user_id,
        to_address=mail.to_address,
        to_domain=domain_of(mail.to_address),
        to_name=one_line(mail.to_name, EMAIL.NAME_MAX_LENGTH),
        sender_name=one_line(mail.sender_name, EMAIL.NAME_MAX_LENGTH),
        topic=mail.topic,
        thread_scope=mail.thread_scope,
        locale=mail.locale,
        context=printable(mail.context),
        message_id=f"<{uuid4().hex}@{domain}>",
        in_reply_to=thread,
        references=thread,
        idempotency_key=mail.key,
        expires_at=None if life is None else clock(life.total_seconds()),
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


def recipient_key(address: str) -> str:
    """The mailbox behind an address, however it is spelled: `ann+tea@example.org` is Ann's too (RFC 5233)."""
    local, _at, domain = canonical(address).rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"


def domain_of(address: str) -> str:
    """What stands behind the last @ of an address, in lower case: whose servers are asked to take the mail."""
    return address.rpartition("@")[2].lower()[: EMAIL.DOMAIN_MAX_LENGTH]


def mail_domain(settings: Settings) -> str:
    """The host of `site.url`, in ASCII, as it stands in addresses and Message-IDs."""
    host = urlsplit(settings.site_url).hostname or "localhost"
    if ":" in host:
        return f"[IPv6:{host}]"
    return host.encode("idna").decode("ascii")
