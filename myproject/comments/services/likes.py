"""Likes of comments: one a member and comment, not on one's own, and the number of them, exact."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.cache import touch
from myproject.comments.models import Comment, CommentLike
from myproject.comments.services.visibility import PUBLISHED
from myproject.db import among, publish
from myproject.posts.services.likes import change_row


@dataclass(frozen=True)
class CommentLiked:
    """Event: a member likes a comment, or does no more, in this transaction."""

    db: Session
    comment_id: int


# Which comments on a page a member likes: a part of the one query for what the page says to one reader alone.
MINE: sa.Select[*tuple[Any, ...]] = sa.select(
    sa.literal_column("'comment_like'"), CommentLike.comment_id, CommentLike.created_at
).where(
    CommentLike.user_id == sa.bindparam("user_id"),
    among(CommentLike.comment_id, "comment_ids"),
)


def like_comment(db: Session, user_id: int, comment_id: int, on: bool) -> int | None:
    """Adds or takes back a member's like, once; gives the number of likes, None where there is no such comment any
    more. The caller has checked that it is not the member's own.
    """
    # The row is held until the end, so that the likes of one comment come one after the other.
    held = sa.select(Comment.post_id).where(Comment.id == comment_id, PUBLISHED).with_for_update()
    post_id = db.scalar(held)
    if post_id is None:
        return None
    change = change_row(db, CommentLike, on, user_id=user_id, comment_id=comment_id)
    like_count = db.scalar(
        sa.update(Comment)
        .where(Comment.id == comment_id)
        .values(like_count=Comment.like_count + change)
        .returning(Comment.like_count)
        .execution_options(synchronize_session=False)
    )
    if change:
        touch(db, f"post:{post_id}")
        publish(db, CommentLiked(db, comment_id))
    return like_count
