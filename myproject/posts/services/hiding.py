"""Posts that are hidden until staff have looked at them: who may read them then, `visibility` says."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.cache import touch
from myproject.db import publish as tell
from myproject.db import utc_now
from myproject.posts import constants as POST
from myproject.posts.models import Post
from myproject.posts.services.tags import relist


@dataclass(frozen=True)
class PostHidden:
    """Event: a post that was in the open is hidden, in this transaction."""

    db: Session
    post: Post


@dataclass(frozen=True)
class PostShown:
    """Event: a hidden post is in the open again, in this transaction."""

    db: Session
    post: Post


def hide_post(db: Session, post: Post) -> None:
    """Hides a published post; the caller holds its row."""
    if post.status == POST.Status.PUBLISHED:
        post.status, post.hidden_at = POST.Status.HIDDEN, utc_now()
        changed(db, post)
        tell(db, PostHidden(db, post))


def show_post(db: Session, post: Post) -> None:
    """Puts a hidden post into the open again, at its old place in the lists; the caller holds its row."""
    if post.status == POST.Status.HIDDEN:
        post.status, post.hidden_at = POST.Status.PUBLISHED, None
        changed(db, post)
        tell(db, PostShown(db, post))


def is_hidden(db: Session, post_id: int) -> bool:
    """Whether there is a post of that number that is hidden."""
    return db.scalar(sa.select(Post.id).where(Post.id == post_id, Post.status == POST.Status.HIDDEN)) is not None


def list_hidden(db: Session, author_id: int) -> Sequence[Any]:
    """A member's posts that are hidden, as (id, title, hidden_at): those that were changed last first, a page of
    them.
    """
    statement = (
        sa.select(Post.id, Post.title, Post.hidden_at)
        .where(Post.author_id == author_id, Post.status == POST.Status.HIDDEN)
        .order_by(Post.updated_at.desc())
        .limit(POST.HIDDEN_SHOWN)
    )
    return db.execute(statement).all()


def changed(db: Session, post: Post) -> None:
    relist(db, post)
    touch(db, "posts", f"post:{post.id}", f"user:{post.author_id}")
