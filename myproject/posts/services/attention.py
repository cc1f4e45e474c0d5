"""What members ask to be told of a post: each comment, or none."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.posts import constants as POST
from myproject.posts.models import PostAttention
from myproject.posts.services.likes import change_row

# A member's attention as a number: a part of the one query for what a post's page says to one reader alone.
MINE: sa.Select[*tuple[Any, ...]] = sa.select(
    sa.literal_column("'attention'"),
    sa.type_coerce(PostAttention.attention, sa.SmallInteger),
    PostAttention.created_at,
).where(PostAttention.user_id == sa.bindparam("user_id"), PostAttention.post_id == sa.bindparam("post_id"))


def set_attention(db: Session, user_id: int, post_id: int, attention: POST.Attention | None) -> None:
    """Follows or mutes a post for a member; None does neither."""
    key = {"user_id": user_id, "post_id": post_id}
    change_row(db, PostAttention, False, **key)
    if attention is not None:
        change_row(db, PostAttention, True, attention=attention, **key)


def has_muted(db: Session, user_id: int, post_id: int) -> bool:
    """Whether a member wants to hear nothing of a post."""
    attention = db.scalar(
        sa.select(PostAttention.attention).where(
            PostAttention.user_id == user_id, PostAttention.post_id == post_id
        )
    )
    return attention == POST.Attention.MUTE
