"""Lists of posts, each a keyset page."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.db import fetch
from myproject.pagination import Page, before, cut
from myproject.posts import constants as POST
from myproject.posts.models import Post
from myproject.posts.services.rows import LIST_COLUMNS, PostRow
from myproject.posts.services.visibility import PUBLISHED
from myproject.users.models import User

SORT_COLUMNS = {POST.Sort.NEW: Post.published_at, POST.Sort.ACTIVE: Post.last_activity_at}


def list_posts(
    db: Session,
    sort: POST.Sort,
    cursor: str | None = None,
    *,
    author_id: int | None = None,
) -> Page[PostRow]:
    """A page of published posts, latest first by `sort`. Raises BadCursor."""
    moment = SORT_COLUMNS[sort]
    statement = (
        sa.select(*LIST_COLUMNS)
        .join(User, User.id == Post.author_id)
        .where(PUBLISHED, before(cursor, moment, Post.id))
        .order_by(moment.desc(), Post.id.desc())
        .limit(POST.PAGE_SIZE + 1)
    )
    if author_id is not None:
        statement = statement.where(Post.author_id == author_id)
    rows = [PostRow(*row) for row in fetch(db, statement)]
    return cut(rows, POST.PAGE_SIZE, moment.key)


def list_drafts(db: Session, author_id: int) -> Sequence[Any]:
    """A member's drafts as (id, title, updated_at), latest first."""
    return db.execute(
        sa.select(Post.id, Post.title, Post.updated_at)
        .where(Post.author_id == author_id, Post.status == POST.Status.DRAFT)
        .order_by(Post.updated_at.desc())
        .limit(POST.DRAFTS_MAX)
    ).all()
