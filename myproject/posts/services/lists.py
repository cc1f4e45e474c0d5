"""Lists of posts, each a keyset page on an index of its own."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.db import among, fetch
from myproject.pagination import Page, before, cut, encode
from myproject.posts import constants as POST
from myproject.posts.models import Post, TagMute, TopPost, post_tags
from myproject.posts.services import tops
from myproject.posts.services.rows import LIST_COLUMNS, PostRow
from myproject.posts.services.visibility import PUBLISHED, REMOVED_BY_AUTHOR
from myproject.users.models import User

SORT_COLUMNS = {
    POST.Sort.NEW: Post.published_at,
    POST.Sort.ACTIVE: Post.last_activity_at,
    POST.Sort.TOP: Post.like_count,
}
LIST = sa.select(*LIST_COLUMNS).join(User, User.id == Post.author_id).where(PUBLISHED).limit(POST.PAGE_SIZE + 1)
# What staff have pinned.
PINNED = (
    sa.select(*LIST_COLUMNS)
    .join(User, User.id == Post.author_id)
    .where(PUBLISHED, Post.pinned_at.is_not(None))
    .order_by(Post.pinned_at.desc())
    .limit(POST.PINNED_MAX)
)
LIKED = Post.like_count > sa.literal_column("0")
READER_ID = sa.bindparam("reader_id", type_=sa.BigInteger)
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
    """A page of published posts, latest or most liked first by `sort`; the tops are those of a `period`. `pinned`
    asks for the pinned ones on top. Raises BadCursor.

    Without what has a tag that `reader_id` muted, of the next `LOOKED_THROUGH` posts: where most have such a tag,
    a page is short, or empty, and the list goes on all the same.
    """
    key: Any = SORT_COLUMNS[sort]
    number: Any = Post.id
    statement = LIST
    if sort is POST.Sort.TOP and period is not POST.Period.ALL:
        key, number = TopPost.like_count, TopPost.post_id
        statement = LIST.join(TopPost, TopPost.post_id == Post.id).where(tops.within(tops.SPANS[period]))
    elif sort is POST.Sort.TOP:
        # As in the other periods, where none has a row that nobody likes.
        statement = LIST.where(LIKED)
    if author_id is not None:
        statement = statement.where(Post.author_id == author_id)
    statement = statement.where(before(cursor, key, number)).order_by(key.desc(), number.desc())
    if reader_id is None and not pinned:
        return cut([PostRow(*row) for row in fetch(db, statement)], POST.PAGE_SIZE, key.key)
    parts = {"listed": statement} if reader_id is None else unmuted(statement, key, number)
    if pinned:
        parts["pinned"] = PINNED if reader_id is None else PINNED.where(~has_muted(Post.id))
    return in_parts(db, parts, {"reader_id": reader_id} if reader_id else {}, key.key)


def has_muted(post_id: sa.SQLColumnExpression[int]) -> sa.ColumnElement[bool]:
    """Whether a post has a tag that the reader muted."""
    muted = sa.select(TagMute.tag_id).where(TagMute.user_id == READER_ID)
    return sa.exists().where(post_tags.c.post_id == post_id, post_tags.c.tag_id.in_(muted))


def unmuted(statement: sa.Select[Any], key: Any, number: Any) -> dict[str, sa.Select[Any]]:
    """Of the next posts of a list, `listed` what has no tag that the reader muted, and as `last` the last that was
    looked at; none where the list ends before. Each selects columns of lists.
    """
    keys = statement.with_only_columns(number.label("id"), key.label("key"))
    looked = keys.limit(POST.LOOKED_THROUGH).cte("looked")
    order = looked.c.key.desc(), looked.c.id.desc()
    # The numbers first: the rows of a page are made for that page alone.
    kept = sa.select(looked.c.id).where(~has_muted(looked.c.id)).order_by(*order).limit(POST.PAGE_SIZE + 1)
    last = sa.select(looked.c.id).order_by(*order).limit(1).offset(POST.LOOKED_THROUGH - 1)
    return {
        name: LIST.join(found, found.c.id == Post.id)
        for name, found in (("listed", kept.subquery()), ("last", last.subquery()))
    }


def in_parts(db: Session, parts: dict[str, sa.Select[Any]], values: dict[str, Any], key: str) -> Page[PostRow]:
    """The page that is `listed`, with what is `pinned` on top, in one query. Where less is listed than fits, it
    goes on after the `last` that was looked at.
    """
    named = [(name, part.subquery()) for name, part in parts.items()]
    statement = sa.union_all(*(sa.select(sa.literal_column(f"'{name}'"), *part.c) for name, part in named))
    rows: dict[str, list[PostRow]] = {name: [] for name in ("listed", "last", "pinned")}
    for name, *row in fetch(db, statement, values):
        rows[name].append(PostRow(*row))
    # Of queries made into one, no order is certain.
    listed = sorted(rows["listed"], key=lambda row: (getattr(row, key), row.id), reverse=True)
    page = cut(listed, POST.PAGE_SIZE, key)
    next_cursor = page.next_cursor
    if next_cursor is None and rows["last"]:
        next_cursor = encode(getattr(rows["last"][0], key), rows["last"][0].id)
    top = sorted(rows["pinned"], key=lambda row: (row.published_at, row.id), reverse=True)
    for post in top:
        post.pinned = True
    numbers = {post.id for post in top}
    return Page([*top, *(post for post in page.rows if post.id not in numbers)], next_cursor)


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


def list_removed(db: Session, author_id: int) -> Sequence[Any]:
    """A member's posts that were removed and still have their text, as (id, title, slug, removed_at, by_author,
    removal_reason): those that were changed last first, a page of them.
    """
    by_author = REMOVED_BY_AUTHOR.label("by_author")
    return db.execute(
        sa.select(Post.id, Post.title, Post.slug, Post.removed_at, by_author, Post.removal_reason)
        .where(Post.author_id == author_id, Post.status == POST.Status.REMOVED)
        .where(Post.body != "", Post.merged_into_id.is_(None))
        .order_by(Post.updated_at.desc())
        .limit(POST.REMOVED_SHOWN)
    ).all()
