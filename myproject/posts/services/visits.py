"""When members saw a post, so that what was written since is marked for them.

A visit goes on for as long as they look again within half an hour: meanwhile the same comments stay new, on every
page of a long discussion. The next visit begins where the last one ended.
"""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.db import among, utc_now
from myproject.posts.models import Post, PostVisit
from myproject.posts.services.likes import change_row

VISIT = timedelta(minutes=30)
# Looked at again this soon, and with nothing new since, a visit need not be written down again.
SOON = timedelta(minutes=10)

OF_THE_MEMBER = (PostVisit.user_id == sa.bindparam("user_id"), PostVisit.post_id == sa.bindparam("post_id"))
# Two parts of the one query for what a post's page says to one reader alone.
SEEN: sa.Select[*tuple[Any, ...]] = sa.select(
    sa.literal_column("'seen'"), PostVisit.post_id, PostVisit.seen_at
).where(*OF_THE_MEMBER)
NEW_SINCE: sa.Select[*tuple[Any, ...]] = sa.select(
    sa.literal_column("'new_since'"), PostVisit.post_id, PostVisit.new_since
).where(*OF_THE_MEMBER)
# The part of the query for what a list says to one reader.
SEEN_AMONG: sa.Select[*tuple[Any, ...]] = sa.select(
    sa.literal_column("'seen'"), PostVisit.post_id, PostVisit.seen_at
).where(
    PostVisit.user_id == sa.bindparam("reader_id", type_=sa.BigInteger),
    among(PostVisit.post_id, "post_ids"),
)


def news_since(seen_at: datetime, new_since: datetime) -> datetime:
    """From when on comments are new to a member who looks now."""
    return seen_at if utc_now() - seen_at > VISIT else new_since


def is_due(seen_at: datetime | None, last_activity_at: datetime) -> bool:
    """Whether a look is to be written down."""
    return seen_at is None or seen_at < last_activity_at or utc_now() - seen_at > SOON


def find_news_since(db: Session, user_id: int, post_id: int) -> datetime | None:
    """As `news_since`; None for a member who never saw the post."""
    row = db.execute(
        sa.select(PostVisit.seen_at, PostVisit.new_since).where(
            PostVisit.user_id == user_id, PostVisit.post_id == post_id
        )
    ).first()
    return None if row is None else news_since(row.seen_at, row.new_since)


def note_visit(db: Session, user_id: int, post_id: int, at: datetime) -> None:
    """Writes down that a member saw a post."""
    ended = PostVisit.seen_at < at - VISIT
    written = db.execute(
        sa.update(PostVisit)
        .where(PostVisit.user_id == user_id, PostVisit.post_id == post_id)
        .values(
            new_since=sa.case((ended, PostVisit.seen_at), else_=PostVisit.new_since),
            seen_at=sa.case((PostVisit.seen_at < at, at), else_=PostVisit.seen_at),
        )
        .returning(PostVisit.post_id)
        .execution_options(synchronize_session=False)
    )
    if written.first() is None:
        # Two pages of it at once, or the post went meanwhile: then there is nothing to note.
        change_row(db, PostVisit, True, user_id=user_id, post_id=post_id, seen_at=at, new_since=at)


def see_all(db: Session, user_id: int) -> None:
    """Marks all that a member has seen before as read."""
    now = utc_now()
    active = sa.exists().where(Post.id == PostVisit.post_id, Post.last_activity_at > PostVisit.seen_at)
    unread = sa.or_(active, PostVisit.seen_at > now - VISIT)
    db.execute(
        sa.update(PostVisit)
        .where(PostVisit.user_id == user_id, unread)
        .values(seen_at=now, new_since=now)
        .execution_options(synchronize_session=False)
    )
