"""The comments of a post that are new to a member, in the order in which they read them."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from myproject.comments import constants as COMMENT
from myproject.comments.models import Comment
from myproject.comments.services.pages import POST_ID, TOP_PATH
from myproject.comments.services.visibility import PUBLISHED
from myproject.db import UtcDateTime, fetch

SINCE = sa.bindparam("since", type_=UtcDateTime())
READER_ID = sa.bindparam("reader_id", type_=sa.BigInteger)
AFTER_ID = sa.bindparam("after_id", type_=sa.BigInteger)

Older = aliased(Comment)
# Numbers go up with time: of a discussion however long, no more is looked through than came since.
LAST_SEEN_ID = (
    sa.select(Older.id)
    .where(Older.post_id == POST_ID, Older.status == sa.literal_column(str(int(COMMENT.Status.PUBLISHED))))
    .where(Older.created_at <= SINCE)
    .order_by(Older.id.desc())
    .limit(1)
    .scalar_subquery()
)
NEW = (
    PUBLISHED,
    Comment.post_id == POST_ID,
    Comment.id > sa.func.coalesce(LAST_SEEN_ID, 0),
    Comment.created_at > SINCE,
    Comment.author_id != READER_ID,
)

# The top of a comment's thread: by it threads are ordered, as in `pages.ORDERS`.
Top = aliased(Comment)
ORDERS: dict[COMMENT.Order, tuple[Any, ...]] = {
    COMMENT.Order.OLD: (Top.id,),
    COMMENT.Order.NEW: (Top.id.desc(),),
    COMMENT.Order.BEST: (Top.like_count.desc(), Top.id.desc()),
}
# The comment behind which to look, and the top of its thread.
After, AfterTop = aliased(Comment), aliased(Comment)
IS_AFTER = (After.id == AFTER_ID, After.post_id == POST_ID)
AFTER_PATH = sa.select(After.path).where(*IS_AFTER).scalar_subquery()
OF_AFTER = (
    *IS_AFTER,
    AfterTop.post_id == POST_ID,
    AfterTop.path == sa.func.substr(After.path, 1, COMMENT.SEGMENT),
)
AFTER_TOP_ID = sa.select(AfterTop.id).where(*OF_AFTER).scalar_subquery()
BEHIND: dict[COMMENT.Order, sa.ColumnElement[bool]] = {
    COMMENT.Order.OLD: Top.id > AFTER_TOP_ID,
    COMMENT.Order.NEW: Top.id < AFTER_TOP_ID,
    COMMENT.Order.BEST: sa.tuple_(Top.like_count, Top.id)
    < sa.select(AfterTop.like_count, AfterTop.id).where(*OF_AFTER).scalar_subquery(),
}


def next_new(order: COMMENT.Order, *, after: bool) -> sa.Select[int]:
    """Selects the first new comment in an `order`, or the first behind one."""
    behind = ((Top.id == AFTER_TOP_ID) & (Comment.path > AFTER_PATH)) | BEHIND[order]
    return (
        sa.select(Comment.id)
        .join(Top, (Top.post_id == POST_ID) & (Top.path == TOP_PATH))
        .where(*NEW, behind if after else sa.true())
        .order_by(*ORDERS[order], Comment.path)
        .limit(1)
    )


NEXT = {(order, after): next_new(order, after=after) for order in COMMENT.Order for after in (False, True)}


def find_next_new(
    db: Session,
    post_id: int,
    reader_id: int,
    since: datetime,
    order: COMMENT.Order = COMMENT.Order.OLD,
    after_id: int | None = None,
) -> int | None:
    """The number of the next comment that is newer than `since` and not the reader's own, behind the comment
    `after_id` as `order` shows them, or the first; None where there is none.
    """
    values = {"post_id": post_id, "reader_id": reader_id, "since": since, "after_id": after_id}
    return fetch(db, NEXT[order, after_id is not None], values).scalar()
