"""Lists of posts, each a keyset page on an index of its own."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.db import among, fetch
from myproject.pagination import Page, before, cut
from myproject.posts import constants as POST
from myproject.posts.models import Post, TagMute, TopPost, post_tags
from myproject.posts.services import tops
from myproject.posts.services.rows import LIST_COLUMNS, PostRow
from myproject.posts.services.visibility import PUBLISHED
from myproject.users.models import User

SORT_COLUMNS = {
    POST.Sort.NEW: Post.published_at,
    POST.Sort.ACTIVE: Post.last_activity_at,
    POST.Sort.TOP: Post.like_count,
}
LIST = sa.select(*LIST_COLUMNS).join(User, User.id == Post.author_id).where(PUBLISHED).limit(POST.PAGE_SIZE + 1)
READER_ID = sa.bindparam("reader_id", type_=sa.BigInteger)
MUTED = (
    sa.exists()
    .where(post_tags.c.post_id == Post.id, TagMute.tag_id == post_tags.c.tag_id, TagMute.user_id == READER_ID)
    .correlate(Post)
)
# Of the posts on a page: when a member saw them, and which have a tag that they muted.
MUTED_AMONG = (
    sa.select(sa.literal_column("'muted'"), post_tags.c.post_id, sa.cast(sa.null(), sa.DateTime))
    .join(TagMute, TagMute.tag_id == post_tags.c.tag_id)
    .where(TagMute.user_id == READER_ID, among(post_tags.c.post_id, "post_ids"))
)


def list_posts(
    db: Session,
    sort: POST.Sort,
    cursor: str | None = None,
    *,
    period: POST.Period = POST.Period.ALL,
    author_id: int | None = None,
    reader_id: int | None = None,
    pinned: bool = False,
) -> Page[PostRow]:
    """A page of published posts, latest or most liked first by `sort`; the tops are those of a `period`. Without
    what has a tag that `reader_id` muted; `pinned` asks for the pinned ones on top. Raises BadCursor.
    """
    key: Any = SORT_COLUMNS[sort]
    number: Any = Post.id
    statement = LIST
    if sort is POST.Sort.TOP and period is not POST.Period.ALL:
        key, number = TopPost.like_count, TopPost.post_id
        statement = LIST.join(TopPost, TopPost.post_id == Post.id).where(tops.within(tops.SPANS[period]))
    if author_id is not None:
        statement = statement.where(Post.author_id == author_id)
    if reader_id is not None:
        statement = statement.where(~MUTED)
    statement = statement.where(before(cursor, key, number)).order_by(key.desc(), number.desc())
    values = {"reader_id": reader_id} if reader_id else None
    if pinned:
        return with_pinned(db, statement, values, key.key)
    rows = [PostRow(*row) for row in fetch(db, statement, values)]
    return cut(rows, POST.PAGE_SIZE, key.key)


def with_pinned(db: Session, newest: sa.Select[Any], values: dict[str, Any] | None, key: str) -> Page[PostRow]:
    """The first page of the newest posts, with those that staff have pinned before the others, in one query."""
    rows = [(is_pinned, PostRow(*row)) for is_pinned, *row in fetch(db, on_top(newest), values)]
    # Of two queries made into one, neither's order is certain.
    rows.sort(key=lambda pair: (pair[1].published_at, pair[1].id), reverse=True)
    top = [row for is_pinned, row in rows if is_pinned]
    for row in top:
        row.pinned = True
    page = cut([row for is_pinned, row in rows if not is_pinned], POST.PAGE_SIZE, key)
    numbers = {row.id for row in top}
    return Page([*top, *(row for row in page.rows if row.id not in numbers)], page.next_cursor)


def on_top(newest: sa.Select[Any]) -> sa.CompoundSelect[Any]:
    """Selects the pinned posts and a page of the newest, each row with whether it is of the first."""
    pinned = newest.where(Post.pinned_at.is_not(None)).order_by(None).order_by(Post.pinned_at.desc())
    parts = ((1, pinned.limit(POST.PINNED_MAX).subquery()), (0, newest.subquery()))
    return sa.union_all(*(sa.select(sa.literal_column(str(which)), *part.c) for which, part in parts))


def list_tagged(db: Session, tag_id: int, cursor: str | None = None) -> Page[PostRow]:
    """A page of the posts with a tag, latest first. Raises BadCursor."""
    key, number = post_tags.c.listed_at, post_tags.c.post_id
    statement = (
        LIST.join(post_tags, number == Post.id)
        .where(post_tags.c.tag_id == tag_id, key.is_not(None), before(cursor, key, number))
        .order_by(key.desc(), number.desc())
    )
    return cut([PostRow(*row) for row in fetch(db, statement)], POST.PAGE_SIZE, "published_at")


def list_drafts(db: Session, author_id: int) -> Sequence[Any]:
    """A member's drafts as (id, title, updated_at), latest first."""
    return db.execute(
        sa.select(Post.id, Post.title, Post.updated_at)
        .where(Post.author_id == author_id, Post.status == POST.Status.DRAFT)
        .order_by(Post.updated_at.desc())
        .limit(POST.DRAFTS_MAX)
    ).all()
