"""What a report does: nothing, unless it proves that it comes from where a mail of ours went.

Anybody can write to the address that mail returns to. So a message counts only where the signature of its return
address is ours, or where it quotes the Message-ID of a mail, which is random and known to nobody but its reader
and the servers on the way. What a provider tells counts by the provider's signature.
"""

import hashlib
import logging
from dataclasses import dataclass
from enum import Enum

import sqlalchemy as sa
from pyramid.registry import Registry
from sqlalchemy.orm import Session

from myproject.db import sessions_of
from myproject.emails import constants as EMAIL
from myproject.emails.bounces.reading import Report, read_report
from myproject.emails.bounces.returning import read_ticket
from myproject.emails.bounces.verdicts import Verdict, judge
from myproject.emails.models import Email
from myproject.emails.services import suppression
from myproject.emails.services.delivery import Refused
from myproject.emails.services.outbox import one_line
from myproject.settings import settings_of

log = logging.getLogger(__name__)

REASONS = {
    Verdict.SOFT: EMAIL.Reason.SOFT,
    Verdict.HARD: EMAIL.Reason.HARD,
    Verdict.COMPLAINT: EMAIL.Reason.COMPLAINT,
}


class Outcome(Enum):
    """What became of a message; the values are for people."""

    NO_REPORT = "This is no report of a mail that came back"
    TWICE = "This message was read before"
    NOTHING = "The report says nothing against the address"
    NOT_OURS = "The report does not prove that it is about a mail of this site"
    COUNTED = "The report is counted"


@dataclass(frozen=True)
class Event:
    """What a provider tells of one mail. `id` names the event; `message_id` is empty where unknown."""

    id: str
    verdict: Verdict
    address: str
    message_id: str = ""
    words: str = ""


def take_message(registry: Registry, data: bytes) -> Outcome:
    """Reads one message that was sent to the address for bounces, and acts on it, in a transaction of its own.

    The same message does nothing the second time, whoever reads it.
    """
    report = read_report(data)
    if report is None:
        return Outcome.NO_REPORT
    with sessions_of(registry).writing() as db:
        if not suppression.take_receipt(db, f"message:{hashlib.sha256(data).hexdigest()}"):
            return Outcome.TWICE
        outcome = take_report(db, registry, report)
    log.info("bounces: %s (%s)", outcome.value, report.verdict.name)
    return outcome


def take_report(db: Session, registry: Registry, report: Report) -> Outcome:
    """Acts on a report that proves to be of a mail of ours."""
    if report.verdict is Verdict.NOTHING:
        return Outcome.NOTHING
    email, address = find_mail(db, registry, report)
    if not address:
        return Outcome.NOT_OURS
    count(db, report.verdict, email, address, report.words or report.status)
    return Outcome.COUNTED


def find_mail(db: Session, registry: Registry, report: Report) -> tuple[Email | None, str]:
    """The mail that a report proves to be about, and the address that it went to; "" where it proves nothing.

    A mail that is no longer kept is known by its return address still, with the recipient that the report names.
    """
    for returned_to in report.delivered_to:
        ticket = read_ticket(registry, returned_to)
        email = db.get(Email, ticket.email_id) if ticket else None
        named = [email.to_address] if email else list(report.recipients)
        for address in named:
            if ticket is not None and ticket.is_for(registry, address):
                return email, address
    if settings_of(registry).mail_redirect_all_to:
        # It came to another reader than the one whom the mail names.
        return None, ""
    email = db.scalar(sa.select(Email).where(Email.message_id.in_(report.message_ids)).limit(1))
    return (email, email.to_address) if email else (None, "")


def count(db: Session, verdict: Verdict, email: Email | None, address: str, words: str) -> None:
    sent_at = (email.sent_at or email.created_at) if email else None
    suppression.note(db, address, REASONS[verdict], words, sent_at)
    if email is not None and email.state is EMAIL.State.SENT:
        # It stands in the outbox: the server took the mail, and gave it back.
        email.last_error = one_line(f"It came back: {words or verdict.name.lower()}", EMAIL.ERROR_MAX_LENGTH)


def take_event(db: Session, provider: str, event: Event) -> Outcome:
    """Acts on what a provider tells, once, in the caller's transaction; who calls has checked the signature."""
    if event.verdict is Verdict.NOTHING:
        return Outcome.NOTHING
    # Hashed, for an address may stand in it, and of any length.
    name = hashlib.sha256(event.id.encode("utf-8", "surrogatepass")).hexdigest()
    if not suppression.take_receipt(db, f"{provider}:event:{name}"):
        return Outcome.TWICE
    email = None
    if event.message_id:
        email = db.scalar(sa.select(Email).where(Email.message_id == f"<{event.message_id.strip('<>')}>"))
    count(db, event.verdict, email, event.address, event.words)
    return Outcome.COUNTED


def take_refusal(event: Refused) -> None:
    """Counts what a server said while it was asked to take a mail, which only it could say. Of a mail that went to
    `mail.redirect_all_to` instead, it says nothing of whom that was for.
    """
    if settings_of(event.db.info["registry"]).mail_redirect_all_to:
        return
    words = f"{event.code} {event.text}"
    verdict, _code = judge("failed", event.enhanced_code, words)
    if verdict in REASONS:
        suppression.note(event.db, event.email.to_address, REASONS[verdict], words)
