"""The comments of a post that are new to a member, in the order in which they read them."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from myproject.comments import constants as COMMENT
from myproject.comments.models import Comment
from myproject.comments.services.pages import POST_ID
from myproject.comments.services.visibility import PUBLISHED
from myproject.db import UtcDateTime, fetch

SINCE = sa.bindparam("since", type_=UtcDateTime())
READER_ID = sa.bindparam("reader_id", type_=sa.BigInteger)
AFTER_ID = sa.bindparam("after_id", type_=sa.BigInteger)

# A range of one: by an equality PostgreSQL sees that the key is in the order of numbers as well, and may go along
# that, through what was written since to other posts.
OF_POST = (Comment.post_id.between(POST_ID, POST_ID), PUBLISHED)
# The latest of a post, however long it is. Numbers go up with time: where an older one is among them, so are all
# that are newer than that.
LATEST = (
    sa.select(Comment.id, Comment.path, Comment.author_id, Comment.created_at)
    .where(*OF_POST)
    .order_by(Comment.post_id.desc(), Comment.id.desc())
    .limit(COMMENT.NEWS_WINDOW)
    .cte("latest")
)
HAS_ALL = (
    sa.select((sa.func.count() < COMMENT.NEWS_WINDOW) | (sa.func.min(LATEST.c.created_at) <= SINCE))
    .select_from(LATEST)
    .scalar_subquery()
)
NEW_OF_LATEST = (
    sa.select(LATEST.c.id, LATEST.c.path)
    .where(LATEST.c.created_at > SINCE, LATEST.c.author_id != READER_ID)
    .subquery("new")
)

# All that came since: of a discussion however long, no more is looked through.
Older = aliased(Comment)
LAST_SEEN_ID = (
    sa.select(Older.id)
    .where(
        Older.post_id.between(POST_ID, POST_ID),
        Older.status == sa.literal_column(str(int(COMMENT.Status.PUBLISHED))),
    )
    .where(Older.created_at <= SINCE)
    .order_by(Older.post_id.desc(), Older.id.desc())
    .limit(1)
    .scalar_subquery()
)
NEW = (
    sa.select(Comment.id, Comment.path)
    .where(
        *OF_POST, sa.tuple_(Comment.post_id, Comment.id) > sa.tuple_(POST_ID, sa.func.coalesce(LAST_SEEN_ID, 0))
    )
    .where(Comment.created_at > SINCE, Comment.author_id != READER_ID)
    .cte("new")
    # Else a database may look for the first of them along the paths, through all that is old.
    .prefix_with("MATERIALIZED")
)

# The comment behind which to look, and the tops of its thread and of a new one's.
After, AfterTop, Top = aliased(Comment), aliased(Comment), aliased(Comment)
IS_AFTER = (After.id == AFTER_ID, After.post_id == POST_ID)
AFTER_PATH = sa.select(After.path).where(*IS_AFTER).scalar_subquery()
AFTER_TOP_PATH = sa.func.substr(AFTER_PATH, 1, COMMENT.SEGMENT, type_=sa.String)
AFTER_TOP = (
    sa.select(AfterTop.like_count, AfterTop.path)
    .where(AfterTop.post_id == POST_ID, AfterTop.path == AFTER_TOP_PATH)
    .scalar_subquery()
)


def next_of(new: sa.FromClause, order: COMMENT.Order, *, after: bool) -> sa.Select[int]:
    """Selects the number of the first of the comments `new` in an `order` of threads, which is that of
    `pages.ORDERS`; or of the first behind one.
    """
    path, top_path = new.c.path, sa.func.substr(new.c.path, 1, COMMENT.SEGMENT, type_=sa.String)
    statement = sa.select(new.c.id)
    behind: sa.ColumnElement[bool] = path > AFTER_PATH
    by: tuple[Any, ...] = (path,)
    if order is COMMENT.Order.NEW:
        behind = (top_path < AFTER_TOP_PATH) | ((top_path == AFTER_TOP_PATH) & behind)
        by = (top_path.desc(), path)
    elif order is COMMENT.Order.BEST:
        statement = statement.join(Top, (Top.post_id == POST_ID) & (Top.path == top_path))
        rank = sa.tuple_(Top.like_count, Top.path)
        behind = (rank < AFTER_TOP) | ((top_path == AFTER_TOP_PATH) & behind)
        by = (Top.like_count.desc(), Top.path.desc(), path)
    return statement.where(behind if after else sa.true()).order_by(*by).limit(1)


WAYS = [(order, after) for order in COMMENT.Order for after in (False, True)]
NEXT = {(order, after): next_of(NEW, order, after=after) for order, after in WAYS}
NEXT_OF_LATEST = {
    (order, after): sa.select(next_of(NEW_OF_LATEST, order, after=after).scalar_subquery(), HAS_ALL)
    for order, after in WAYS
}


def find_next_new(
    db: Session,
    post_id: int,
    reader_id: int,
    since: datetime,
    order: COMMENT.Order = COMMENT.Order.OLD,
    after_id: int | None = None,
) -> int | None:
    """The number of the next comment that is newer than `since` and not the reader's own, behind the comment
    `after_id` as `order` shows them, or the first; None where there is none. It goes through all that is new.
    """
    values = {"post_id": post_id, "reader_id": reader_id, "since": since, "after_id": after_id}
    return fetch(db, NEXT[order, after_id is not None], values).scalar()


def find_next_of_latest(
    db: Session, post_id: int, reader_id: int, since: datetime, order: COMMENT.Order, after_id: int | None
) -> tuple[int | None, bool]:
    """The same among the latest comments of the post, at a cost that does not grow with what is new; and whether
    all that is new is among them.
    """
    values = {"post_id": post_id, "reader_id": reader_id, "since": since, "after_id": after_id}
    found, has_all = fetch(db, NEXT_OF_LATEST[order, after_id is not None], values).one()
    return found, bool(has_all)
