"""The digest: what is new for members who asked for it, once a day or a week. An empty one is not made."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.emails.models import Email
from myproject.emails.services import suppression
from myproject.notifications import constants as NOTE
from myproject.notifications.models import FOR_DIGEST, Notification, NotificationPreferences
from myproject.notifications.services.deciding import decide
from myproject.notifications.services.facts import OF_NOTIFICATIONS, facts_of_notification
from myproject.notifications.services.mailing import Bundle, change, note_all


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
    return db.scalar(taken, execution_options={"synchronize_session": False}) is not None


def collect(db: Session, due: DueDigest) -> Bundle:
    """What belongs into a digest, newest first: what is unread, may be seen, and came since the member was here.
    Of the rest is written down why not.
    """
    # Choices have a column of that name too, so that the index is asked apart.
    waiting = sa.select(Notification.id).where(Notification.user_id == due.user_id, sa.text(FOR_DIGEST))
    rows = db.execute(OF_NOTIFICATIONS.where(Notification.id.in_(waiting))).all()
    bounced = bool(rows) and suppression.find(db, rows[0].email) is not None
    stopped: dict[tuple[NOTE.Mail, NOTE.Outcome], list[int]] = defaultdict(list)
    passed = []
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
    return passed[::-1]


def note_digested(db: Session, rows: Sequence[Any], email: Email | None) -> None:
    """Writes down that rows are in a digest that is in the outbox."""
    email_id = email.id if email else None
    ids = [row.id for row in rows]
    change(db, ids, mail=NOTE.Mail.DIGESTED, outcome=NOTE.Outcome.DIGESTED, email_id=email_id)
