"""The texts that comments had before they were changed."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.comments import constants as COMMENT
from myproject.comments.models import Comment, CommentLike, CommentRevision
from myproject.comments.services.visibility import HIDDEN, PUBLISHED
from myproject.db import utc_now
from myproject.posts.services.revisions import Change, changes_of, version_said, withhold, writing_since


def keep_revision(db: Session, comment: Comment, editor_id: int | None, reason: str = "") -> None:
    """Keeps the text of a comment that `editor_id` is about to replace; withheld, where it is not in the open."""
    if is_grace_edit(db, comment, editor_id):
        return
    is_open = comment.status == COMMENT.Status.PUBLISHED
    withheld_at = None if is_open else withhold(db, CommentRevision, CommentRevision.comment_id == comment.id)
    db.add(
        CommentRevision(
            comment_id=comment.id,
            version=comment.version,
            body=comment.body,
            editor_id=editor_id,
            reason=reason,
            withheld_at=withheld_at,
        )
    )


def is_grace_edit(db: Session, comment: Comment, editor_id: int | None) -> bool:
    """Whether an edit belongs to the author's writing: their own, as `posts.services.revisions` says of posts."""
    if editor_id != comment.author_id or comment.status == COMMENT.Status.HIDDEN:
        return False
    of_it = CommentRevision.comment_id == comment.id
    came_out_at = utc_now() if comment.status == COMMENT.Status.WAITING else comment.created_at
    since = writing_since(db, CommentRevision, of_it, comment.author_id, came_out_at)
    if since is None:
        return False
    answered = sa.exists().where(
        Comment.parent_id == comment.id,
        Comment.author_id != comment.author_id,
        Comment.created_at > since,
        PUBLISHED | HIDDEN,
    )
    liked = sa.exists().where(CommentLike.comment_id == comment.id, CommentLike.created_at > since)
    return not db.scalar(sa.select(answered | liked))


def list_changes(db: Session, comment_id: int, *, withheld: bool) -> Sequence[Change]:
    """How a comment was changed, latest first, so many as a page shows; also what is `withheld`, where that is
    asked for.
    """
    return changes_of(db, CommentRevision, CommentRevision.comment_id == comment_id, withheld=withheld)


def version_at(db: Session, comment_id: int, moment: datetime, *, withheld: bool) -> int | None:
    """Which version a comment said at a `moment`; None where it has not been changed since."""
    return version_said(db, CommentRevision, CommentRevision.comment_id == comment_id, moment, withheld=withheld)


def body_at(db: Session, comment_id: int, version: int) -> str | None:
    """What a comment said as `version`; None where that was not kept."""
    kept = sa.select(CommentRevision.body).where(
        CommentRevision.comment_id == comment_id, CommentRevision.version == version
    )
    return db.scalars(kept).first()


def body_after(db: Session, comment_id: int, version: int) -> str:
    """What a comment said next after `version`: the next text that was kept, or the present one."""
    later = sa.select(CommentRevision.body).where(
        CommentRevision.comment_id == comment_id, CommentRevision.version > version
    )
    kept = db.scalars(later.order_by(CommentRevision.version).limit(1)).first()
    return kept if kept is not None else db.get_one(Comment, comment_id).body
