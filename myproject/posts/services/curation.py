"""What staff set about a post: pinned on top of the front page, closed for comments."""

from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject import audit
from myproject.audit import Actor
from myproject.cache import touch
from myproject.db import utc_now
from myproject.posts import constants as POST
from myproject.posts import errors
from myproject.posts.models import Post
from myproject.posts.services.rows import PostPage
from myproject.posts.services.visibility import PUBLISHED, unseen

# Of the locks of PostgreSQL, the one of who pins: two at once would both count two.
PINNING = 4_000_001


def lock_post(db: Session, actor: Actor, post_id: int, reason: str) -> Post:
    """Closes a post for comments of all but staff, with a reason for everybody to read; a later reason replaces
    the one before.
    """
    post = db.get_one(Post, post_id, with_for_update=True, populate_existing=True)
    post.locked_at, post.lock_reason = post.locked_at or utc_now(), reason
    audit.record(db, "post.lock", post, actor=actor, reason=reason, before=unseen(post))
    touch(db, f"post:{post.id}")
    return post


def unlock_post(db: Session, actor: Actor, post_id: int) -> Post:
    post = db.get_one(Post, post_id, with_for_update=True, populate_existing=True)
    if post.locked_at is not None:
        before = {"reason": post.lock_reason} | unseen(post)
        audit.record(db, "post.unlock", post, actor=actor, before=before)
        post.locked_at, post.lock_reason = None, ""
        touch(db, f"post:{post.id}")
    return post


def pin_post(db: Session, actor: Actor, post_id: int) -> Post:
    """Puts a published post on top of the front page. Raises TooManyPinned where `PINNED_MAX` stand there."""
    if db.get_bind().dialect.name == "postgresql":
        db.execute(sa.select(sa.func.pg_advisory_xact_lock(PINNING)))
    post = db.get_one(Post, post_id, with_for_update=True, populate_existing=True)
    if post.pinned_at is not None or post.status != POST.Status.PUBLISHED:
        return post
    pinned = sa.select(sa.func.count()).where(Post.pinned_at.is_not(None), PUBLISHED)
    if db.scalars(pinned).one() >= POST.PINNED_MAX:
        raise errors.TooManyPinned
    post.pinned_at = utc_now()
    audit.record(db, "post.pin", post, actor=actor)
    touch(db, "posts", f"post:{post.id}")
    return post


def unpin_post(db: Session, actor: Actor, post_id: int) -> Post:
    post = db.get_one(Post, post_id, with_for_update=True, populate_existing=True)
    if post.pinned_at is not None:
        post.pinned_at = None
        audit.record(db, "post.unpin", post, actor=actor)
        touch(db, "posts", f"post:{post.id}")
    return post


def is_closed(post: PostPage, close_days: int) -> bool:
    """Whether nobody but staff may comment on a post: it is locked, or was published longer ago than `close_days`
    (0: that never closes it).
    """
    if post.locked_at is not None:
        return True
    return bool(close_days and post.published_at and utc_now() - post.published_at > timedelta(days=close_days))
