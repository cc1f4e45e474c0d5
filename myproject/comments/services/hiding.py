"""Comments that are hidden: until staff have looked at them, or while their author may not comment."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.comments import constants as COMMENT
from myproject.comments.models import Comment
from myproject.comments.services.counts import lock_posts, recount
from myproject.comments.services.visibility import HIDDEN, PUBLISHED
from myproject.db import publish as tell
from myproject.db import utc_now


@dataclass(frozen=True)
class CommentHidden:
    """Event: a comment that was in the open is hidden, in this transaction."""

    db: Session
    comment: Comment


@dataclass(frozen=True)
class CommentShown:
    """Event: a hidden comment is in the open again, in this transaction."""

    db: Session
    comment: Comment


def hide_comment(db: Session, comment: Comment, why: COMMENT.HiddenFor) -> None:
    """Hides a published comment; the caller holds its row and its post's."""
    if comment.status == COMMENT.Status.PUBLISHED:
        comment.status, comment.hidden_at, comment.hidden_for = COMMENT.Status.HIDDEN, utc_now(), why
        recount(db, comment.post_id)
        tell(db, CommentHidden(db, comment))


def show_comment(db: Session, comment: Comment) -> None:
    """Puts a hidden comment into the open again; the caller holds its row and its post's."""
    if comment.status == COMMENT.Status.HIDDEN:
        comment.status, comment.hidden_at, comment.hidden_for = COMMENT.Status.PUBLISHED, None, None
        recount(db, comment.post_id)
        tell(db, CommentShown(db, comment))


def hide_comments_of(db: Session, author_id: int) -> int:
    """Hides all of a member's comments that are in the open, for as long as they may not comment; gives how many
    those were.
    """
    theirs = (Comment.author_id == author_id) & PUBLISHED
    values = {"status": COMMENT.Status.HIDDEN, "hidden_at": utc_now(), "hidden_for": COMMENT.HiddenFor.BAN}
    return change_all(db, theirs, values)


def show_comments_of(db: Session, author_id: int) -> int:
    """Puts into the open what `hide_comments_of` has hidden; gives how many comments those are."""
    theirs = (Comment.author_id == author_id) & HIDDEN & (Comment.hidden_for == COMMENT.HiddenFor.BAN)
    return change_all(db, theirs, {"status": COMMENT.Status.PUBLISHED, "hidden_at": None, "hidden_for": None})


def change_all(db: Session, which: sa.ColumnElement[bool], values: dict[str, object]) -> int:
    post_ids = db.scalars(sa.select(Comment.post_id).where(which).distinct()).all()
    if not post_ids:
        return 0
    lock_posts(db, post_ids)
    changed = sa.update(Comment).where(which).values(values).returning(Comment.id)
    number = len(db.scalars(changed, execution_options={"synchronize_session": False}).all())
    recount(db, *post_ids)
    return number
