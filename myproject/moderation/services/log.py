"""The public log: what staff did with texts, without who they are and without who reported anything."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.audit import PUBLIC, AuditEntry
from myproject.db import fetch
from myproject.moderation import constants as MODERATION
from myproject.pagination import BEYOND_ALL, Page, cut_by_number
from myproject.posts import constants as POST

# Staff write these reasons for everybody; the others are for a text's author, or for the audit.
WITH_REASON = ("post.edit", "post.remove", "post.lock", "comment.edit", "comment.remove")


@dataclass(frozen=True)
class LogRow:
    """`post_id` and `comment_id` name what it was done to; both are None where that is nobody's business."""

    id: int
    created_at: datetime
    action: str
    reason: str
    post_id: int | None
    comment_id: int | None


ENTRIES = (
    sa.select(
        AuditEntry.id,
        AuditEntry.created_at,
        AuditEntry.action,
        AuditEntry.reason,
        AuditEntry.target_type,
        AuditEntry.target_id,
        AuditEntry.before,
    )
    .where(PUBLIC, AuditEntry.id < sa.bindparam("before_id"))
    .order_by(AuditEntry.id.desc())
    .limit(MODERATION.LOG_PAGE_SIZE + 1)
)


def list_log(db: Session, before_id: int | None = None) -> Page[LogRow]:
    """A page of the log, latest first; the cursor is the number of an entry, behind which the next page begins."""
    rows = fetch(db, ENTRIES, {"before_id": before_id or BEYOND_ALL}).all()
    page = cut_by_number(rows, MODERATION.LOG_PAGE_SIZE)
    return Page([log_row(row) for row in page.rows], page.next_cursor)


def log_row(row: "sa.Row[tuple[object, ...]]") -> LogRow:
    # What never was in the open was answered to its author alone.
    unseen = "unseen" in row.before or row.before.get("status") == POST.Status.WAITING.name
    return LogRow(
        row.id,
        row.created_at,
        row.action,
        row.reason if row.action in WITH_REASON and not unseen else "",
        row.target_id if row.target_type == "posts" and not unseen else None,
        row.target_id if row.target_type == "comments" and not unseen else None,
    )
