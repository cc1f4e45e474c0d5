"""Removing comments and putting them back. Of one with replies the place stays, with who removed it and why."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject import audit
from myproject.audit import Actor
from myproject.cache import touch
from myproject.comments import constants as COMMENT
from myproject.comments import errors
from myproject.comments.models import Comment
from myproject.comments.services.counts import lock_posts, recount
from myproject.comments.services.rows import REMOVED_BY_AUTHOR
from myproject.db import fetch, utc_now
from myproject.db import publish as tell
from myproject.errors import Overtaken
from myproject.posts.models import Post
from myproject.posts.services import visibility as posts
from myproject.posts.services.removal import Tombstone as PostTombstone
from myproject.posts.services.removal import find_tombstone as find_post_tombstone
from myproject.posts.services.removal import is_recent
from myproject.security.identity import Identity


@dataclass(frozen=True)
class CommentRemoved:
    """Event: a comment was removed, in this transaction."""

    db: Session
    comment: Comment


@dataclass(frozen=True)
class CommentRestored:
    """Event: a removed comment is back, in this transaction."""

    db: Session
    comment: Comment
    # Who put it back.
    actor_id: int | None


@dataclass(frozen=True)
class Tombstone:
    """A removed comment, for who may put it back."""

    id: int
    author_id: int
    post_id: int
    post_title: str
    post_slug: str
    body_html: str
    removed_at: datetime
    removed_by_author: bool
    removal_reason: str

    def may_restore(self, identity: Identity | None, days: int) -> bool:
        """Whether somebody may put the comment back: staff may, and its author what they removed themselves in the
        last `days`.
        """
        if identity is None or not self.body_html:
            return False
        own = self.removed_by_author and self.author_id == identity.id
        return identity.is_staff or (own and is_recent(self.removed_at, days))


# Of what never was in the open, nobody else learns that it was there.
WAS_READ = (
    (Comment.status.not_in((COMMENT.Status.WAITING, COMMENT.Status.REMOVED)))
    | ((Comment.status == COMMENT.Status.REMOVED) & Comment.refused_at.is_(None))
    | (Comment.author_id == sa.bindparam("viewer_id", type_=sa.BigInteger))
    | sa.bindparam("viewer_is_staff", type_=sa.Boolean)
)
TOMBSTONE = (
    sa.select(
        Comment.id,
        Comment.author_id,
        Comment.post_id,
        Post.title.label("post_title"),
        Post.slug.label("post_slug"),
        Comment.body_html,
        Comment.removed_at,
        REMOVED_BY_AUTHOR.label("removed_by_author"),
        Comment.removal_reason,
    )
    .join(Post, Post.id == Comment.post_id)
    .where(Comment.id == sa.bindparam("comment_id"), Comment.status == COMMENT.Status.REMOVED)
    .where(posts.VISIBLE, WAS_READ)
)
POST_OF = sa.select(Comment.post_id).where(Comment.id == sa.bindparam("comment_id"), WAS_READ)


def find_tombstone(db: Session, comment_id: int, identity: Identity | None) -> Tombstone | None:
    """A removed comment of a post that `identity` may see, or once could; None where there is none. Its text is
    for those who may put it back.
    """
    row = fetch(db, TOMBSTONE, {"comment_id": comment_id} | posts.viewer(identity)).first()
    return None if row is None else Tombstone(**row._mapping)


def find_tombstone_of_post(db: Session, comment_id: int, identity: Identity | None) -> PostTombstone | None:
    """The removed post of a comment that `identity` could read as long as that was there; None where there is
    none.
    """
    post_id = fetch(db, POST_OF, {"comment_id": comment_id} | posts.viewer(identity)).scalar()
    return None if post_id is None else find_post_tombstone(db, post_id, identity)


def remove_comment(db: Session, actor: Actor, comment_id: int, reason: str = "") -> Comment | None:
    """Removes a comment. Its author needs no reason; of others the audit tells. Once is enough, but that
    staff remove what its author has removed: only they restore it then. One that waits for approval and that its
    author takes back was never there: None. Raises NoLongerThere.
    """
    comment = lock_comment(db, comment_id)
    own = actor.id == comment.author_id
    if comment.status == COMMENT.Status.REMOVED and (own or not is_for_author_to_restore(comment)):
        return comment
    if own and comment.status == COMMENT.Status.WAITING:
        # Restored, it would stand in the open without anybody's approval.
        db.delete(comment)
        touch(db, f"post:{comment.post_id}")
        return None
    before = {"status": comment.status.name}
    if comment.status == COMMENT.Status.WAITING:
        comment.refused_at = utc_now()
    comment.status = COMMENT.Status.REMOVED
    comment.removed_at, comment.removed_by_id, comment.removal_reason = utc_now(), actor.id, reason
    if not own:
        after = {"status": comment.status.name}
        audit.record(db, "comment.remove", comment, actor=actor, reason=reason, before=before, after=after)
    recount(db, comment.post_id)
    tell(db, CommentRemoved(db, comment))
    return comment


def is_for_author_to_restore(comment: Comment) -> bool:
    """Whether the author of a removed comment removed it, and its text is there."""
    return comment.removed_by_id == comment.author_id and comment.body != ""


def restore_comment(db: Session, actor: Actor, comment_id: int, *, removed_at: datetime | None = None) -> Comment:
    """Puts a removed comment back; the caller has asked `Tombstone.may_restore` of what was `removed_at` that
    moment. Raises NotRestorable where its text is gone, NoLongerThere, and Overtaken where it was removed again.
    """
    comment = lock_comment(db, comment_id)
    if comment.status != COMMENT.Status.REMOVED:
        return comment
    if removed_at not in (None, comment.removed_at):
        raise Overtaken
    if not comment.body:
        raise errors.NotRestorable
    was_of_author = comment.removed_by_id == comment.author_id == actor.id
    if not was_of_author:
        comment.hidden_at = comment.hidden_for = None
    # Nobody gets a hidden comment into the open by removing it first.
    comment.status = COMMENT.Status.PUBLISHED if comment.hidden_at is None else COMMENT.Status.HIDDEN
    comment.removed_at = comment.removed_by_id = comment.refused_at = None
    comment.removal_reason = ""
    if not was_of_author:
        before, after = {"status": COMMENT.Status.REMOVED.name}, {"status": comment.status.name}
        audit.record(db, "comment.restore", comment, actor=actor, before=before, after=after)
    recount(db, comment.post_id)
    tell(db, CommentRestored(db, comment, actor.id))
    return comment


def lock_comment(db: Session, comment_id: int) -> Comment:
    """The comment, for a change, with its post's row. Raises NoLongerThere."""
    lock_posts(db, sa.select(Comment.post_id).where(Comment.id == comment_id))
    comment = db.get(Comment, comment_id, with_for_update=True, populate_existing=True)
    if comment is None:
        raise errors.NoLongerThere
    return comment
