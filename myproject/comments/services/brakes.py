"""A brake for who talks alone: so many comments in a row on one post, and then somebody else has the word."""

import math
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.comments import errors
from myproject.comments.models import Comment
from myproject.comments.services.visibility import PUBLISHED
from myproject.db import utc_now

PAUSE = timedelta(hours=1)


def check_turn(db: Session, post_id: int, author_id: int, most: int) -> None:
    """Raises TooManyInARow where a member has written `most` comments on a post in the last hour, and nobody else
    any since the first of those. `most` of 0: any number. Who holds the post's row knows that it stays so.
    """
    if not most:
        return
    theirs = (
        sa.select(Comment.id, Comment.post_id, Comment.created_at)
        .where(Comment.author_id == author_id)
        .order_by(Comment.id.desc())
        .limit(most)
    )
    rows = db.execute(theirs).all()
    if len(rows) < most or any(row.post_id != post_id for row in rows):
        return
    seconds = (rows[-1].created_at + PAUSE - utc_now()).total_seconds()
    of_others = sa.select(Comment.id).where(
        Comment.post_id == post_id, Comment.id > rows[-1].id, Comment.author_id != author_id, PUBLISHED
    )
    if seconds > 0 and db.scalar(of_others.limit(1)) is None:
        raise errors.TooManyInARow(most, math.ceil(seconds / 60))
