"""What members ask to be told of a post: each comment, or none."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.db import fetch
from myproject.pagination import BEYOND_ALL, Page, cut_by_number
from myproject.posts import constants as POST
from myproject.posts.models import Post, PostAttention
from myproject.posts.services.likes import change_row
from myproject.posts.services.visibility import PUBLISHED

# A member's attention as a number: a part of the one query for what a post's page says to one reader alone.
MINE: sa.Select[*tuple[Any, ...]] = sa.select(
    sa.literal_column("'attention'"),
    sa.type_coerce(PostAttention.attention, sa.SmallInteger),
    PostAttention.created_at,
).where(PostAttention.user_id == sa.bindparam("user_id"), PostAttention.post_id == sa.bindparam("post_id"))

# The posts of which a member wants to hear, or not, in the order of their key: latest post first.
LISTED = (
    sa.select(Post.id, Post.title, Post.slug, PostAttention.attention)
    .join(PostAttention, PostAttention.post_id == Post.id)
    .where(
        PostAttention.user_id == sa.bindparam("user_id"),
        PostAttention.post_id < sa.bindparam("before_id"),
        PUBLISHED,
    )
    .order_by(PostAttention.post_id.desc())
    .limit(POST.ATTENTION_PAGE_SIZE + 1)
)


def get_attention(db: Session, user_id: int, post_id: int) -> POST.Attention | None:
    """What a member asked for a post; None where they neither follow nor mute it."""
    row = db.get(PostAttention, {"user_id": user_id, "post_id": post_id})
    return row.attention if row else None


def set_attention(db: Session, user_id: int, post_id: int, attention: POST.Attention | None) -> None:
    """Follows or mutes a post for a member; None does neither."""
    key = {"user_id": user_id, "post_id": post_id}
    change_row(db, PostAttention, False, **key)
    if attention is not None:
        change_row(db, PostAttention, True, attention=attention, **key)


def list_attention(db: Session, user_id: int, before_id: int | None = None) -> Page[Any]:
    """A page of the posts that a member follows or has muted, as (id, title, slug, attention), latest first; the
    cursor of the next page is the number of a post, which it begins behind (`before_id`).
    """
    rows = fetch(db, LISTED, {"user_id": user_id, "before_id": before_id or BEYOND_ALL}).all()
    return cut_by_number(rows, POST.ATTENTION_PAGE_SIZE)
