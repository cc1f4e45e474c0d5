"""What the inbox and the log of mails hold no longer."""

from datetime import timedelta
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.db import IN_DATABASE_ONLY, utc_now
from myproject.notifications import constants as NOTE
from myproject.notifications.models import Notification


def purge_notifications(db: Session, older_than: timedelta) -> int:
    """Deletes up to PURGE_BATCH notifications that are older; gives how many. They are numbered as they came, so
    that the oldest stand first.
    """
    first = sa.select(Notification.id, Notification.created_at).order_by(Notification.id).limit(NOTE.PURGE_BATCH)
    oldest = first.subquery()
    old = sa.select(oldest.c.id).where(oldest.c.created_at < utc_now() - older_than)
    gone = sa.delete(Notification).where(Notification.id.in_(old))
    result = db.execute(gone, execution_options=IN_DATABASE_ONLY)
    return cast(sa.CursorResult[Any], result).rowcount
