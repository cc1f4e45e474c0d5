"""Moving windows in the database, for limits that must outlive a restart and hold for every process where there is
no Redis, or it is away (OWASP ASVS 5.0: 6.3.1, 16.5.2).

A window is one row: the times of the tries that were let through, within the longest of its limits. A try costs a
short transaction that writes one row, and a try that is refused only reads. Reading pages come nowhere near.
"""

import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import sqlalchemy as sa
from limits import RateLimitItem
from pyramid.config import Configurator
from pyramid.registry import Registry
from sqlalchemy.orm import Mapped, Session, mapped_column

from myproject.db import Base, Sessions, insert_for, sessions_of, utc_now
from myproject.tasks import crontab

log = logging.getLogger(__name__)

KEY_MAX_LENGTH = 100
PURGE_BATCH = 1_000


class LimitWindow(Base):
    """The tries of what one limit counts for one key: seconds since the epoch, oldest first. The key is a hash, so
    no name and no address stands here.
    """

    __tablename__ = "limit_windows"
    __table_args__ = (sa.Index("ix_limit_windows_ends_at", "ends_at"),)

    key: Mapped[str] = mapped_column(sa.String(KEY_MAX_LENGTH), primary_key=True)
    tries: Mapped[list[float]] = mapped_column(sa.JSON)
    # From here on nothing in it counts any more.
    ends_at: Mapped[datetime]


FIND = sa.select(LimitWindow.tries).where(LimitWindow.key == sa.bindparam("window"))


def seconds_to_wait(items: Sequence[RateLimitItem], tries: Sequence[float], now: float) -> float | None:
    """Seconds until each of the limits has room for one more try; None where all have it now."""
    waits = []
    for item in items:
        expiry, most = item.get_expiry(), item.amount
        used = [moment for moment in tries if moment > now - expiry]
        if len(used) >= most:
            waits.append((used[-most] if most else now) + expiry - now)
    return max(waits, default=None)


def hit_within(db: Session, items: Sequence[RateLimitItem], key: str) -> float | None:
    """Counts a try in the transaction of `db` where there is room for it, and gives None; else counts nothing, and
    gives the seconds to wait. Others with the same key wait until the transaction ends.
    """
    insert = insert_for(db, LimitWindow).values(key=key, tries=[], ends_at=utc_now())
    # Changes nothing where the row is there, but locks it.
    lock = insert.on_conflict_do_update(index_elements=["key"], set_={"key": insert.excluded.key})
    tries = db.scalar(lock.returning(LimitWindow.tries)) or []
    now = time.time()
    wait = seconds_to_wait(items, tries, now)
    if wait is not None:
        return wait
    longest = max(item.get_expiry() for item in items)
    kept = [moment for moment in tries if moment > now - longest]
    db.execute(
        sa.update(LimitWindow)
        .where(LimitWindow.key == key)
        .values(tries=[*kept, now], ends_at=datetime.fromtimestamp(now + longest, UTC)),
        execution_options={"synchronize_session": False},
    )
    return None


def count_within(db: Session, key: str) -> int:
    """How many tries of `key` count now, as far as the longest of its limits knows."""
    return len(db.scalar(FIND, {"window": key}) or ())


def forget_within(db: Session, key: str) -> None:
    """Forgets the tries of `key` in the transaction of `db`."""
    gone = sa.delete(LimitWindow).where(LimitWindow.key == key)
    db.execute(gone, execution_options={"synchronize_session": False})


class DatabaseWindows:
    """Counts tries in rows. Each method is a transaction of its own, short, and beside that of the request."""

    def __init__(self, sessions: Sessions) -> None:
        self.sessions = sessions

    def look(self, items: Sequence[RateLimitItem], key: str) -> float | None:
        """Seconds to wait, None where there is room. Counts nothing."""
        with self.sessions.reading() as db:
            tries = db.scalar(FIND, {"window": key})
        return seconds_to_wait(items, tries or [], time.time())

    def hit(self, items: Sequence[RateLimitItem], key: str) -> float | None:
        """Counts a try where there is room for it, and gives None; else counts nothing, and gives the seconds to
        wait.

        Looking and counting are one step: of many at once none slips through.
        """
        # A flood that is refused takes no lock of the writers.
        wait = self.look(items, key)
        if wait is not None:
            return wait
        with self.sessions.writing() as db:
            return hit_within(db, items, key)


def purge(registry: Registry) -> None:
    """Deletes windows in which nothing counts any more, in transactions that keep no writer waiting."""
    deleted = PURGE_BATCH
    while deleted == PURGE_BATCH:
        with sessions_of(registry).writing() as db:
            over = LimitWindow.ends_at < utc_now()
            keys = db.scalars(sa.select(LimitWindow.key).where(over).limit(PURGE_BATCH)).all()
            # Asked again: a try may have been counted in one of them since.
            db.execute(sa.delete(LimitWindow).where(LimitWindow.key.in_(keys), over))
            deleted = len(keys)


def includeme(config: Configurator) -> None:
    config.add_periodic_task(purge, crontab(minute="35"))
