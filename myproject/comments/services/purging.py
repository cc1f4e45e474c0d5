"""Texts of comments that were removed, and whose time is over."""

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from myproject.comments import constants as COMMENT
from myproject.comments.models import Comment, CommentLike, CommentRevision
from myproject.comments.services.counts import lock_posts


def purge_removed(db: Session, which: sa.ColumnElement[bool]) -> None:
    """Deletes those removed comments, with their history and likes; of one that has replies, whatever their state,
    the empty place stays.
    """
    due = (Comment.status == COMMENT.Status.REMOVED) & which
    reply = aliased(Comment)
    unanswered = ~sa.exists().where(reply.parent_id == Comment.id).correlate(Comment)
    posts_of = db.scalars(sa.select(Comment.post_id).where(due).distinct()).all()
    if not posts_of:
        return
    lock_posts(db, posts_of)
    unsynchronized = {"synchronize_session": False}
    # One that answered another of them goes first.
    delete = sa.delete(Comment).where(due, unanswered).returning(Comment.id)
    while db.scalars(delete, execution_options=unsynchronized).all():
        pass
    # As entities: what is kept of their words elsewhere is forgotten with them.
    left = db.scalars(sa.select(Comment).where(due, Comment.body != "")).all()
    ids = [comment.id for comment in left]
    for comment in left:
        comment.body = comment.body_html = ""
        comment.like_count, comment.edited_at = 0, None
        comment.version += 1
    if ids:
        db.execute(sa.delete(CommentRevision).where(CommentRevision.comment_id.in_(ids)))
        db.execute(sa.delete(CommentLike).where(CommentLike.comment_id.in_(ids)))
