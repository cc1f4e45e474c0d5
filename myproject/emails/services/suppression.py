"""Addresses that optional mail must not go to: where it came back, or whose owner called it spam.

Mail without a topic (a verification, a new password) is tried all the same, once an event: it is what mends this.
"""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.audit import Actor, hide_in_entries, on_rows, record
from myproject.db import IN_DATABASE_ONLY, insert_for, publish, utc_now
from myproject.emails import constants as EMAIL
from myproject.emails.models import STOPPED, BounceReceipt, Suppression
from myproject.emails.services.outbox import one_line
from myproject.personal_data import File, Person, json_list
from myproject.text import canonical


@dataclass(frozen=True)
class SuppressionChanged:
    """Optional mail to `address` (as `key` writes it) has just been stopped, once more too, or may go again;
    published in the transaction that says so.
    """

    db: Session
    address: str


def key(address: str) -> str:
    """The form in which addresses are compared: canonical, and the domain in letters where a server told it in
    ASCII (RFC 5890).
    """
    local, _at, domain = address.strip().strip("<>").rpartition("@")
    # What fails is in letters already, or no domain.
    with contextlib.suppress(UnicodeError):
        domain = domain.encode("ascii").decode("idna")
    return canonical(f"{local}@{domain}")[: EMAIL.ADDRESS_MAX_LENGTH]


def find(db: Session, address: str) -> Suppression | None:
    """What keeps optional mail from `address`, None where nothing does."""
    return db.scalar(
        sa.select(Suppression).where(Suppression.address == key(address), STOPPED), {"now": utc_now()}
    )


def find_among(db: Session, addresses: Iterable[str]) -> set[str]:
    """Those of some addresses that optional mail is kept from."""
    written = {address: key(address) for address in addresses}
    asked = sa.select(Suppression.address).where(Suppression.address.in_(set(written.values())), STOPPED)
    found = set(db.scalars(asked, {"now": utc_now()}))
    return {address for address in written if written[address] in found}


def find_record(db: Session, address: str) -> Suppression | None:
    """All that is known of an address, also where mail may go there."""
    return db.scalar(sa.select(Suppression).where(Suppression.address == key(address)))


def note(
    db: Session, address: str, reason: EMAIL.Reason, words: str = "", sent_at: datetime | None = None
) -> Suppression | None:
    """Counts one bounce or complaint of `address`; `words` are the server's. `sent_at` is when the mail went that
    came back: one that went before the address was last lifted says nothing new, and gives None.
    """
    address = key(address)
    # Of two that come at once the second finds the row of the first.
    db.execute(
        insert_for(db, Suppression)
        .values(address=address, reason=reason, count=0, score=0.0, words="")
        .on_conflict_do_nothing(index_elements=["address"])
    )
    found = db.scalars(
        sa.select(Suppression).where(Suppression.address == address).with_for_update(),
        execution_options={"populate_existing": True},
    ).one()
    now = utc_now()
    if sent_at is not None and found.lifted_at is not None and sent_at < found.lifted_at:
        return None
    if reason is EMAIL.Reason.SOFT:
        found.score = weighed(found, now)
    found.count += 1
    # What stops mail for good is told to have come back only when it comes back for good once more.
    if reason is not EMAIL.Reason.SOFT or found.suppressed_at is None or found.reason is EMAIL.Reason.SOFT:
        found.last_at = now
    found.words = one_line(words, EMAIL.WORDS_MAX_LENGTH)
    # What is graver than what stopped it stands for it from now on.
    if found.suppressed_at is None or reason > found.reason:
        found.reason = reason
    if reason is not EMAIL.Reason.SOFT:
        found.suppressed_at, found.ends_at = found.suppressed_at or now, None
    elif found.suppressed_at is None and found.score >= EMAIL.SOFT_MOST:
        found.suppressed_at, found.ends_at = now, now + timedelta(days=EMAIL.SOFT_DAYS)
    if found.suppressed_at is not None and found.last_at == now:
        tell(db, found)
    return found


def weighed(found: Suppression, now: datetime) -> float:
    """The score with one more soft bounce. Those of one day are one: a full mailbox sends every mail back."""
    if found.score and found.last_at.date() == now.date():
        return found.score
    return 1 + found.score * 0.5 ** ((now - found.last_at) / timedelta(days=EMAIL.SOFT_HALF_LIFE_DAYS))


def tell(db: Session, found: Suppression) -> None:
    # Who hears of it reads the row.
    db.flush()
    publish(db, SuppressionChanged(db, found.address))


def release(db: Session, found: Suppression, lifted_by_id: int | None = None) -> None:
    """Lets optional mail go to the address again, and forgets what soft bounces weighed."""
    found.suppressed_at = found.ends_at = None
    found.score = 0.0
    found.lifted_at, found.lifted_by_id = utc_now(), lifted_by_id
    tell(db, found)


def lift(db: Session, actor: Actor, suppression_id: int, reason: str) -> Suppression | None:
    """An admin lets mail go to an address again, with a row in the audit. None where nothing keeps it."""
    found = db.scalar(
        sa.select(Suppression)
        .where(Suppression.id == suppression_id, Suppression.suppressed_at.is_not(None))
        .with_for_update()
    )
    if found is None:
        return None
    before = {"reason": found.reason.name}
    release(db, found, actor.id)
    record(db, "suppression.lift", found, actor=actor, reason=reason, before=before)
    return found


def lift_verified(db: Session, address: str) -> None:
    """Lets mail go to an address again whose owner has just followed a link that was mailed there."""
    found = db.scalar(sa.select(Suppression).where(Suppression.address == key(address)).with_for_update())
    if found is None:
        return
    if found.suppressed_at is not None:
        release(db, found)
    else:
        found.score = 0.0
        found.lifted_at, found.lifted_by_id = utc_now(), None


def fade(db: Session) -> None:
    """Ends what is over by itself, and forgets old soft bounces and old receipts."""
    now = utc_now()
    over = sa.select(Suppression).where(Suppression.suppressed_at.is_not(None), Suppression.ends_at <= now)
    for found in db.scalars(over.with_for_update()):
        found.suppressed_at = found.ends_at = None
        tell(db, found)
    faded = sa.delete(Suppression).where(
        Suppression.suppressed_at.is_(None), Suppression.last_at < now - timedelta(days=EMAIL.SOFT_KEPT_DAYS)
    )
    db.execute(faded, execution_options=IN_DATABASE_ONLY)
    old = sa.delete(BounceReceipt).where(BounceReceipt.created_at < now - timedelta(days=EMAIL.RECEIPT_DAYS))
    db.execute(old, execution_options=IN_DATABASE_ONLY)


def take_receipt(db: Session, what: str) -> bool:
    """Whether `what` (a message, a signature, an event, by its name) is told for the first time. Noted in the
    caller's transaction.
    """
    statement = insert_for(db, BounceReceipt).values(key=what).on_conflict_do_nothing(index_elements=["key"])
    return db.execute(statement.returning(BounceReceipt.id)).first() is not None


def list_suppressions(
    db: Session, *, lifted: bool = False, search: str = "", before_id: int | None = None, limit: int = 50
) -> Sequence[Any]:
    """Addresses that optional mail does not go to, newest first; or, with `lifted`, those it goes to all the same.
    Those that hold `search`, with ids below `before_id`, at most `limit`.
    """
    stopped = Suppression.suppressed_at.is_(None) if lifted else Suppression.suppressed_at.is_not(None)
    statement = sa.select(Suppression).where(stopped).order_by(Suppression.id.desc()).limit(limit)
    if search:
        statement = statement.where(Suppression.address.contains(canonical(search), autoescape=True))
    if before_id is not None:
        statement = statement.where(Suppression.id < before_id)
    return db.scalars(statement).all()


def export_suppressions(db: Session, person: Person) -> Iterator[File]:
    """What came back from the address of a member, where it is theirs."""
    found = find_record(db, person.email) if person.verified else None
    columns = ("address", "reason", "count", "words", "first_at", "last_at", "suppressed_at", "lifted_at")
    rows = [{name: getattr(found, name) for name in columns} | {"reason": found.reason.name}] if found else []
    yield "bounces.json", json_list(rows)


def erase_suppressions(db: Session, person: Person, removing: bool) -> None:
    """Forgets what came back from the addresses that are a member's. Nobody is mailed for that who was not before:
    what can be stopped goes to accounts that have proved their address, and to prove one lifts what stopped it.
    """
    theirs = Suppression.address.in_({key(address) for address in person.own_addresses})
    hide_in_entries(db, on_rows(Suppression, sa.select(Suppression.id).where(theirs)), person.hide)
    forget(db, theirs)


def forget(db: Session, which: sa.ColumnElement[bool]) -> None:
    """Forgets what came back from some addresses."""
    db.execute(sa.delete(Suppression).where(which), execution_options=IN_DATABASE_ONLY)
