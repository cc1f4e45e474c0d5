"""Posts that wait for the approval of staff."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject import audit
from myproject.audit import Actor
from myproject.db import publish as tell
from myproject.errors import Overtaken
from myproject.posts import constants as POST
from myproject.posts import errors
from myproject.posts.models import Post
from myproject.posts.services.removal import remove_post
from myproject.posts.services.visibility import WAITING
from myproject.posts.services.writing import publish_post


@dataclass(frozen=True)
class PostAnswered:
    """Event: a post that waited was approved, or removed, in this transaction."""

    db: Session
    post: Post
    approved: bool
    reason: str


def list_waiting(db: Session, author_id: int) -> Sequence[Any]:
    """A member's posts that wait, the oldest first: (id, title, slug, updated_at), a page of them."""
    statement = (
        sa.select(Post.id, Post.title, Post.slug, Post.updated_at)
        .where(WAITING, Post.author_id == author_id)
        .order_by(Post.updated_at, Post.id)
        .limit(POST.WAITING_SHOWN)
    )
    return db.execute(statement).all()


def answer(
    db: Session, actor: Actor, post_id: int, *, approve: bool, reason: str, seen: str | None = None
) -> Post:
    """Publishes a waiting post, or removes it. Raises AlreadyAnswered, or Overtaken where
    it is not the version that the actor has `seen`.
    """
    post = db.get_one(Post, post_id, with_for_update=True, populate_existing=True)
    if post.status != POST.Status.WAITING:
        raise errors.AlreadyAnswered
    if seen not in (None, str(post.version)):
        raise Overtaken
    if approve:
        publish_post(db, post)
        audit.record(db, "post.approve", post, actor=actor, reason=reason)
    else:
        remove_post(db, actor, post.id, reason)
    tell(db, PostAnswered(db, post, approve, reason))
    return post
