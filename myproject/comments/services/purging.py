"""Texts of comments that were removed, and whose time is over."""

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from myproject.comments import constants as COMMENT
from myproject.comments.models import Comment, CommentLike, CommentRevision
from myproject.comments.services.counts import lock_posts
from myproject.db import IN_DATABASE_ONLY, among


def purge_removed(db: Session, which: sa.ColumnElement[bool]) -> int:
    """Deletes up to PURGE_BATCH of those removed comments, with their history and likes; of one that has replies,
    whatever their state, the empty place stays. Gives how many it found.
    """
    due = (Comment.status == COMMENT.Status.REMOVED) & which
    reply = aliased(Comment)
    unanswered = ~sa.exists().where(reply.parent_id == Comment.id).correlate(Comment)
    # The latest first, as replies come after what they answer.
    latest = sa.select(Comment.id, Comment.post_id).where(due, unanswered | (Comment.body != ""))
    found = db.execute(latest.order_by(Comment.id.desc()).limit(COMMENT.PURGE_BATCH)).all()
    lock_posts(db, {row.post_id for row in found})
    ids = [row.id for row in found]
    # What was answered by these alone goes after them, an empty place too.
    delete = sa.delete(Comment).where(among(Comment.id, "ids"), due, unanswered).returning(Comment.parent_id)
    going = ids
    while going:
        parents = db.scalars(delete, {"ids": going}, execution_options=IN_DATABASE_ONLY)
        going = [number for number in parents if number is not None]
    # As entities: what is kept of their words elsewhere is forgotten with them.
    answered = sa.select(Comment).where(among(Comment.id, "ids"), due, Comment.body != "")
    left = db.scalars(answered, {"ids": ids}).all()
    for comment in left:
        comment.body = comment.body_html = ""
        comment.like_count, comment.edited_at = 0, None
        comment.version += 1
    emptied = [comment.id for comment in left]
    for table in (CommentRevision, CommentLike):
        gone = sa.delete(table).where(among(table.comment_id, "ids"))
        db.execute(gone, {"ids": emptied}, execution_options=IN_DATABASE_ONLY)
    return len(found)
