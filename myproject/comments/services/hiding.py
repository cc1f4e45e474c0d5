"""Comments that are hidden: until staff have looked at them, or while their author may not comment."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.comments import constants as COMMENT
from myproject.comments.models import Comment
from myproject.comments.services.counts import lock_posts, recount
from myproject.comments.services.visibility import HIDDEN, PUBLISHED, REMOVED
from myproject.db import publish as tell
from myproject.db import utc_now
from myproject.users.models import ENDED_BAN, CommentBan

FOR_BAN = Comment.hidden_for == COMMENT.HiddenFor.BAN
# What was hidden while a ban ran that has ended by itself at the moment `now`. What staff left hidden when they
# lifted one stays so.
AFTER_BAN = (
    (CommentBan.user_id == Comment.author_id)
    & ENDED_BAN
    & FOR_BAN
    & Comment.hidden_at.between(CommentBan.created_at, CommentBan.ends_at)
)


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


@dataclass(frozen=True)
class CommentsHidden:
    """Event: all comments of a member that were in the open are hidden, in this transaction."""

    db: Session
    author_id: int


@dataclass(frozen=True)
class CommentsShown:
    """Event: hidden comments of a member are in the open again, in this transaction."""

    db: Session
    author_id: int


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


def hide_comments_of(db: Session, author_id: int) -> None:
    """Hides all of a member's comments that are in the open, for as long as they may not comment; and with them
    what an earlier ban has hidden.
    """
    theirs = Comment.author_id == author_id
    hidden = {"hidden_at": utc_now(), "hidden_for": COMMENT.HiddenFor.BAN}
    change_all(db, theirs & (PUBLISHED | (HIDDEN & FOR_BAN)), hidden | {"status": COMMENT.Status.HIDDEN})
    # What its author has removed is hidden when they put it back.
    mark_removed(db, theirs & (Comment.hidden_at.is_(None) | FOR_BAN), hidden)
    tell(db, CommentsHidden(db, author_id))


def show_comments_of(db: Session, author_id: int) -> None:
    """Puts into the open what was hidden with a ban of a member."""
    show_all(db, Comment.author_id == author_id)
    tell(db, CommentsShown(db, author_id))


def find_hidden_after_bans(db: Session) -> Sequence[int]:
    """The members of whom comments are hidden with a ban that has ended by itself."""
    theirs = sa.select(CommentBan.user_id).join(Comment, AFTER_BAN).distinct()
    return db.scalars(theirs, {"now": utc_now()}).all()


def show_after_bans(db: Session, author_id: int) -> None:
    """Puts into the open what was hidden with bans of a member that have ended by themselves."""
    ended = sa.exists().where(AFTER_BAN.params(now=utc_now())).correlate(Comment)
    show_all(db, (Comment.author_id == author_id) & ended)
    tell(db, CommentsShown(db, author_id))


def show_all(db: Session, which: sa.ColumnElement[bool]) -> None:
    shown: dict[str, object] = {"hidden_at": None, "hidden_for": None}
    change_all(db, which & HIDDEN & FOR_BAN, shown | {"status": COMMENT.Status.PUBLISHED})
    # What its author has removed meanwhile is not hidden when they put it back.
    mark_removed(db, which & FOR_BAN, shown)


def mark_removed(db: Session, which: sa.ColumnElement[bool], values: dict[str, object]) -> None:
    """Of what is removed it changes nothing that anybody sees."""
    removed = sa.update(Comment).where(which & REMOVED).values(values)
    db.execute(removed, execution_options={"synchronize_session": False})


def change_all(db: Session, which: sa.ColumnElement[bool], values: dict[str, object]) -> None:
    post_ids = set(db.scalars(sa.select(Comment.post_id).where(which)))
    if not post_ids:
        return
    lock_posts(db, post_ids)
    # Some may have been moved before the rows were held.
    changed = sa.update(Comment).where(which).values(values).returning(Comment.post_id)
    post_ids.update(db.scalars(changed, execution_options={"synchronize_session": False}))
    recount(db, *post_ids)
