"""The statements for a page of comments: each reads no more of a post with 5,000 comments than of one with 50.

A page has whole threads. Which ones is found from their tops, by an index for each order, and from how many
comments stand below each, counted up to the most that a page shows of one thread. Only then the comments are read.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from myproject.comments import constants as COMMENT
from myproject.comments.models import Comment
from myproject.comments.services.rows import ROWS
from myproject.comments.services.visibility import SHOWN, shown
from myproject.posts.models import PostRevision

Below = aliased(Comment)
POST_ID = sa.bindparam("post_id", type_=sa.BigInteger)
START_ID = sa.bindparam("start_id", type_=sa.BigInteger)
POST_CHANGED_AT = (
    sa.select(sa.func.max(PostRevision.created_at))
    .where(PostRevision.post_id == POST_ID, PostRevision.withheld_at.is_(None))
    .scalar_subquery()
)
# Beyond every path that begins with the same segments.
NINES: sa.ColumnElement[str] = sa.literal_column(f"'{'9' * COMMENT.SEGMENT}'")
# Of the thread that a comment stands in. The ranges say as much; by an equality PostgreSQL sees that an index
# leads to the few threads of a page: it would else go through all comments of the post for each.
TOP_PATH = sa.func.substr(Comment.path, sa.literal_column("1"), sa.literal_column(str(COMMENT.SEGMENT)))

ORDERS: dict[COMMENT.Order, tuple[Any, ...]] = {
    COMMENT.Order.OLD: (Comment.id,),
    COMMENT.Order.NEW: (Comment.id.desc(),),
    COMMENT.Order.BEST: (Comment.like_count.desc(), Comment.id.desc()),
}
# A page begins with its first thread, at the place that this one has now; none does with what was never in the
# open, so that nobody learns on which post that stands.
Start = aliased(Comment)
OF_START = (
    Start.id == START_ID,
    Start.post_id == POST_ID,
    Start.status != COMMENT.Status.WAITING,
    Start.refused_at.is_(None),
)
STARTS: dict[COMMENT.Order, sa.ColumnElement[bool]] = {
    COMMENT.Order.OLD: Comment.id >= START_ID,
    COMMENT.Order.NEW: Comment.id <= START_ID,
    COMMENT.Order.BEST: sa.tuple_(Comment.like_count, Comment.id)
    <= sa.select(Start.like_count, Start.id).where(*OF_START).correlate(None).scalar_subquery(),
}


def threads(order: COMMENT.Order, *, from_start: bool) -> sa.Select[Any]:
    """The rows of a page, with three columns more: the path with which the rest of the row's thread begins; the
    top of the next page's first thread; and when an older text of the post was kept last. Each may be null.
    """
    tops = (
        sa.select(Comment.id, Comment.path, sa.func.row_number().over(order_by=ORDERS[order]).label("place"))
        .where(Comment.post_id == POST_ID, Comment.parent_id.is_(None), SHOWN)
        .where(STARTS[order] if from_start else sa.true())
        .order_by(*ORDERS[order])
        .limit(COMMENT.PAGE_SIZE + 1)
        .cte("tops")
    )
    below = (Below.post_id == POST_ID) & (Below.path >= tops.c.path) & (Below.path < tops.c.path + NINES)
    thread = below & shown(Below)
    rest = sa.select(Below.path).where(thread).order_by(Below.path).limit(1).offset(COMMENT.THREAD_SIZE)
    some = sa.select(sa.literal(1)).where(thread).limit(COMMENT.THREAD_SIZE).correlate(tops).subquery()
    sizes = sa.select(
        tops.c.id,
        tops.c.path,
        tops.c.place,
        rest.correlate(tops).scalar_subquery().label("rest"),
        sa.select(sa.func.count()).select_from(some).correlate(tops).scalar_subquery().label("size"),
    ).cte("sizes")
    sums = sa.select(sizes, sa.func.sum(sizes.c.size).over(order_by=sizes.c.place).label("total")).cte("sums")
    next_id = sa.select(sa.func.min(sums.c.place)).where(sums.c.total > COMMENT.PAGE_SIZE).scalar_subquery()
    following = sa.select(sums.c.id).where(sums.c.place == next_id).scalar_subquery()
    return (
        ROWS.add_columns(sums.c.rest, following, POST_CHANGED_AT)
        .join(
            sums,
            (Comment.post_id == POST_ID)
            & (sums.c.path == TOP_PATH)
            & (Comment.path >= sums.c.path)
            & (Comment.path < sa.func.coalesce(sums.c.rest, sums.c.path + NINES)),
        )
        .where(SHOWN, sums.c.total <= COMMENT.PAGE_SIZE)
        .order_by(sums.c.place, Comment.path)
    )


THREADS = {
    (order, from_start): threads(order, from_start=from_start)
    for order in COMMENT.Order
    for from_start in (False, True)
}

# The rest of one thread, from a comment of it on.
START_PATH = sa.select(Start.path).where(*OF_START).correlate(None).scalar_subquery()
REST = (
    ROWS.where(SHOWN, Comment.post_id == POST_ID)
    .where(
        Comment.path >= START_PATH,
        Comment.path < sa.func.substr(START_PATH, 1, COMMENT.SEGMENT, type_=sa.String) + NINES,
    )
    .order_by(Comment.path)
    .limit(COMMENT.PAGE_SIZE + 1)
)
