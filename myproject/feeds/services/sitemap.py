"""The addresses of posts for search engines, in parts that cost the same on every site."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.db import fetch
from myproject.feeds import constants as FEED
from myproject.posts.models import Post
from myproject.posts.services.visibility import PUBLISHED

LAST = sa.select(sa.func.max(Post.id))
CHANGED = sa.func.coalesce(Post.edited_at, Post.published_at, type_=Post.published_at.type)
PART = (
    sa.select(Post.id, Post.slug, CHANGED.label("changed_at"))
    .where(PUBLISHED, Post.id >= sa.bindparam("first"), Post.id < sa.bindparam("beyond"))
    .order_by(Post.id)
)


def count_parts(db: Session) -> int:
    """How many parts there are, at least one."""
    return (fetch(db, LAST).scalar() or 0) // FEED.SITEMAP_PART + 1


def posts_of_part(db: Session, part: int) -> Sequence[Any]:
    """The posts of a part, from 0 on, as (id, slug, changed_at): those whose numbers lie in its span."""
    first = part * FEED.SITEMAP_PART
    return fetch(db, PART, {"first": first, "beyond": first + FEED.SITEMAP_PART}).all()
