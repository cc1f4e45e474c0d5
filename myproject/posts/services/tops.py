"""The posts with the most likes of the last day, week, month and year.

A list of these, sorted by likes, has no index on the posts themselves: how old a post may be changes with the
clock. So each liked post that is young enough has a row for each span in `top_posts`, which is changed with each
like, at most four rows. A page of the list then costs the same from a thousand posts to a million, and is right at
once.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.db import among, utc_now
from myproject.posts import constants as POST
from myproject.posts.models import Post, TopPost
from myproject.posts.services.visibility import PUBLISHED

SPANS = {
    POST.Period.DAY: POST.Span.DAY,
    POST.Period.WEEK: POST.Span.WEEK,
    POST.Period.MONTH: POST.Span.MONTH,
    POST.Period.YEAR: POST.Span.YEAR,
}


def since(span: POST.Span) -> datetime:
    """When the span that ends now began."""
    return utc_now() - timedelta(days=int(span))


def within(span: POST.Span) -> sa.ColumnElement[bool]:
    """Which rows are those of the span that ends now."""
    # Not the column itself: SQLite would take the index by time, which is there to find what has become too old,
    # and sort all the rest, which is nearly everything.
    began = sa.func.coalesce(TopPost.published_at, TopPost.published_at)
    return (TopPost.span == span) & (began > since(span))


def set_tops(db: Session, post_id: int, like_count: int, published_at: datetime) -> None:
    """Writes the number of a post's likes where the lists of tops find it. The caller holds the post's row."""
    db.execute(sa.delete(TopPost).where(TopPost.post_id == post_id))
    if like_count:
        db.add_all(
            TopPost(post_id=post_id, span=span, like_count=like_count, published_at=published_at)
            for span in POST.Span
            if published_at > since(span)
        )
    # A later like in the same transaction deletes what is written here.
    db.flush()


def fill_tops(db: Session, post_ids: Iterable[int] | None = None) -> None:
    """Writes all rows anew, or those of some posts: after likes were written or deleted in bulk."""
    which = sa.true() if post_ids is None else among(Post.id, "post_ids").params(post_ids=list(post_ids))
    posts = sa.select(Post.id).where(which)
    db.execute(sa.delete(TopPost).where(TopPost.post_id.in_(posts)).execution_options(synchronize_session=False))
    for span in POST.Span:
        rows = sa.select(Post.id, sa.literal(int(span)), Post.like_count, Post.published_at).where(
            PUBLISHED, which, Post.like_count > 0, Post.published_at > since(span)
        )
        db.execute(sa.insert(TopPost).from_select(["post_id", "span", "like_count", "published_at"], rows))


def purge_tops(db: Session) -> None:
    """Takes out what has become too old since."""
    for span in POST.Span:
        db.execute(sa.delete(TopPost).where(TopPost.span == span, TopPost.published_at <= since(span)))
