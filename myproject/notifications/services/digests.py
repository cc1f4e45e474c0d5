"""The digest: what is new for members who asked for it, once a day or a week. An empty one is not made."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.db import IN_DATABASE_ONLY
from myproject.emails.models import Email
from myproject.emails.services import suppression
from myproject.notifications import constants as NOTE
from myproject.notifications.models import FOR_DIGEST, Notification, NotificationPreferences
from myproject.notifications.services.deciding import decide
from myproject.notifications.services.facts import OF_NOTIFICATIONS, WITH_TEXTS, facts_of_notification
from myproject.notifications.services.fates import change, note_all
from myproject.notifications.services.mailing import Bundle, texts_of


@dataclass(frozen=True)
class DueDigest:
    """A member's digest that is to be made; the last one was made at `sent_at`."""

    user_id: int
    digest: NOTE.Digest
    sent_at: datetime | None


def list_due(db: Session, now: datetime) -> list[DueDigest]:
    """Whose digest is to be made, some of them."""
    of_each = [
        (NotificationPreferences.digest == digest)
        & (NotificationPreferences.digest_sent_at <= now - timedelta(days=digest) + NOTE.DIGEST_EARLY)
        for digest in (NOTE.Digest.DAILY, NOTE.Digest.WEEKLY)
    ]
    columns = (
        NotificationPreferences.user_id,
        NotificationPreferences.digest,
        NotificationPreferences.digest_sent_at,
    )
    due = sa.select(*columns).where(sa.or_(*of_each)).order_by(NotificationPreferences.digest_sent_at)
    return [DueDigest(*row._tuple()) for row in db.execute(due.limit(NOTE.DIGEST_BATCH))]


def claim(db: Session, due: DueDigest, now: datetime) -> bool:
    """Takes a digest, so that nobody else makes it; False where somebody has."""
    claimed = sa.update(NotificationPreferences).where(
        NotificationPreferences.user_id == due.user_id,
        NotificationPreferences.digest == due.digest,
        NotificationPreferences.digest_sent_at == due.sent_at,
    )
    taken = claimed.values(digest_sent_at=now).returning(NotificationPreferences.user_id)
    return db.scalar(taken, execution_options=IN_DATABASE_ONLY) is not None


def waiting_for(user_id: int) -> sa.Select[int]:
    """Selects the numbers of what waits for a member's digest."""
    # Choices have a column of that name too, so that the index is asked apart.
    return sa.select(Notification.id).where(Notification.user_id == user_id, sa.text(FOR_DIGEST))


def read_texts(db: Session, due: DueDigest) -> Sequence[str]:
    """The HTML of the texts that a digest may show, each once."""
    latest = waiting_for(due.user_id).order_by(Notification.id.desc()).limit(NOTE.DIGEST_MAX)
    return texts_of(db, sa.select(latest.subquery().c.id))


def collect(db: Session, due: DueDigest) -> Bundle:
    """What belongs into a digest, newest first: what is unread, may be seen, and came since the member was here;
    with the texts of what the mail shows. Of the rest is written down why not.
    """
    rows = db.execute(OF_NOTIFICATIONS.where(Notification.id.in_(waiting_for(due.user_id)))).all()
    bounced = bool(rows) and suppression.find(db, rows[0].email) is not None
    stopped: dict[tuple[NOTE.Mail, NOTE.Outcome], list[int]] = defaultdict(list)
    passed: Bundle = []
    for row in rows:
        facts = facts_of_notification(row, bounced=bounced, is_due=True)
        if facts.way is NOTE.Way.NOW:
            # It was for the digest when it came.
            facts = replace(facts, way=NOTE.Way.DIGEST)
        decided = decide(facts)
        if decided.mail is NOTE.Mail.DIGESTED:
            passed.append(row)
        else:
            stopped[decided.mail, decided.outcome].append(row.id)
    note_all(db, stopped)
    passed.reverse()
    shown = [row.id for row in passed[: NOTE.DIGEST_MAX]]
    with_texts = {row.id: row for row in db.execute(WITH_TEXTS.where(Notification.id.in_(shown)))}
    return [with_texts.get(row.id, row) for row in passed]


def note_digested(db: Session, rows: Sequence[Any], email: Email | None) -> None:
    """Writes down that rows are in a digest that is in the outbox."""
    email_id = email.id if email else None
    ids = [row.id for row in rows]
    change(db, ids, mail=NOTE.Mail.DIGESTED, outcome=NOTE.Outcome.DIGESTED, email_id=email_id)
