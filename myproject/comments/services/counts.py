"""What posts say of their comments: how many everybody may read, and when the last of them came."""

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.cache import touch
from myproject.comments.models import Comment
from myproject.comments.services.visibility import PUBLISHED
from myproject.db import among
from myproject.posts.models import Post

THEIRS = (Comment.post_id == Post.id) & PUBLISHED
NUMBER = sa.select(sa.func.count(Comment.id)).where(THEIRS).correlate(Post).scalar_subquery()
LATEST = sa.select(sa.func.max(Comment.created_at)).where(THEIRS).correlate(Post).scalar_subquery()


def lock_posts(db: Session, post_ids: Iterable[int] | sa.SelectBase) -> None:
    """Holds the rows of posts until the transaction ends, as whoever writes a comment does, so that nobody answers
    meanwhile. To be called before any comment is changed: two that wait for each other would wait for ever. Their
    keys stay free, for rows that refer to them: of whoever sees a post now, the visit is noted.
    """
    rows = sa.select(Post.id).where(Post.id.in_(post_ids)).order_by(Post.id)
    db.execute(rows.with_for_update(key_share=True))


def count_published(db: Session, author_id: int, most: int) -> int:
    """How many comments of a member are in the open, counted no further than `most`."""
    theirs = sa.select(Comment.id).where(Comment.author_id == author_id, PUBLISHED)
    return len(db.scalars(theirs.limit(most)).all())


def recount(db: Session, *post_ids: int) -> None:
    """Counts the comments of posts anew. The caller holds the rows of the posts."""
    # What was changed stands in the rows only once it is written.
    db.flush()
    last = sa.func.coalesce(LATEST, Post.published_at, Post.created_at)
    counted = sa.update(Post).where(among(Post.id, "ids")).values(comment_count=NUMBER, last_activity_at=last)
    db.execute(counted, {"ids": list(post_ids)}, execution_options={"synchronize_session": "fetch"})
    touch(db, "posts", *(f"post:{post_id}" for post_id in post_ids))
