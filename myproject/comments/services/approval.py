"""Comments that wait for the approval of staff."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject import audit
from myproject.audit import Actor
from myproject.comments import constants as COMMENT
from myproject.comments import errors
from myproject.comments.models import Comment
from myproject.comments.services.counts import lock_posts, recount
from myproject.comments.services.removal import remove_comment
from myproject.comments.services.visibility import WAITING
from myproject.comments.services.writing import tell_of
from myproject.db import publish as tell
from myproject.errors import Overtaken


@dataclass(frozen=True)
class CommentAnswered:
    """Event: a comment that waited was approved, or removed, in this transaction."""

    db: Session
    comment: Comment
    approved: bool
    reason: str


def is_waiting(db: Session, comment_id: int) -> bool:
    return db.scalar(sa.select(Comment.id).where(Comment.id == comment_id, WAITING)) is not None


def answer(
    db: Session, actor: Actor, comment_id: int, *, approve: bool, reason: str, seen: str | None = None
) -> Comment:
    """Puts a waiting comment into the open, or removes it. Raises AlreadyAnswered, or Overtaken where
    it is not the version that the actor has `seen`.
    """
    lock_posts(db, sa.select(Comment.post_id).where(Comment.id == comment_id))
    comment = db.get(Comment, comment_id, with_for_update=True, populate_existing=True)
    if comment is None or comment.status != COMMENT.Status.WAITING:
        raise errors.AlreadyAnswered
    if seen not in (None, str(comment.version)):
        raise Overtaken
    if approve:
        comment.status = COMMENT.Status.PUBLISHED
        audit.record(db, "comment.approve", comment, actor=actor, reason=reason)
        recount(db, comment.post_id)
        tell_of(db, comment)
    else:
        remove_comment(db, actor, comment.id, reason)
    tell(db, CommentAnswered(db, comment, approve, reason))
    return comment
