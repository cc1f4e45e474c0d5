"""The tree of a post's comments, page by page."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.comments import constants as COMMENT
from myproject.comments.models import Comment
from myproject.comments.services.rows import ROWS, THREAD, CommentRow, Thread
from myproject.comments.services.visibility import SHOWN, VISIBLE
from myproject.db import fetch
from myproject.posts.models import Post
from myproject.posts.services.visibility import viewer
from myproject.security.identity import Identity

ONE = ROWS.join(Post, Post.id == Comment.post_id).where(Comment.id == sa.bindparam("comment_id"), VISIBLE)


def list_comments(db: Session, post_id: int, start_id: int | None = None) -> Thread:
    """The comments of a post from `start_id` on (from the first without one), a page of them, as a tree.

    The caller has checked that the post may be seen. A page that starts in the middle of a thread shows its
    first comment at the first level.
    """
    start = ""
    if start_id is not None:
        statement = sa.select(Comment.path).where(Comment.id == start_id, Comment.post_id == post_id)
        start = db.scalar(statement) or ""
    rows = [CommentRow(*row) for row in fetch(db, THREAD, {"post_id": post_id, "start": start})]
    next_id = rows[COMMENT.PAGE_SIZE].id if len(rows) > COMMENT.PAGE_SIZE else None
    rows = rows[: COMMENT.PAGE_SIZE]
    lay_out(rows)
    return Thread(rows, start_id if start else None, next_id)


def lay_out(rows: Sequence[CommentRow]) -> None:
    """Sets levels, openings and closings, so that a template can nest lists without recursion."""
    previous: CommentRow | None = None
    for row in rows:
        depth = len(row.path) // COMMENT.SEGMENT
        row.level = min(depth, previous.level + 1 if previous else 1)
        # Nesting says whom a comment answers, but at the last level and at the top of a page.
        stands_under = int(row.path[-2 * COMMENT.SEGMENT : -COMMENT.SEGMENT] or 0)
        if row.parent_id is None or (row.parent_id == stands_under and previous is not None):
            row.reply_to = None
        if previous is not None:
            previous.opens = row.level > previous.level
            previous.closes = max(0, previous.level - row.level)
        previous = row
    if previous is not None:
        previous.closes = previous.level - 1


def find_comment(db: Session, comment_id: int, identity: Identity | None) -> CommentRow | None:
    """The comment where `identity` may see it and its post, else None."""
    row = fetch(db, ONE, {"comment_id": comment_id} | viewer(identity)).first()
    return None if row is None else CommentRow(*row)


def page_start(db: Session, comment: CommentRow) -> int | None:
    """The comment with which the page that shows `comment` starts; None where that is the post's first page.

    Comments on a page of their thread stay at the address they had: the page starts at the thread's top, or
    where that is too far above, at the comment itself.
    """

    def are_above(path: str) -> bool:
        """Whether a whole page or more stands from `path` up to the comment."""
        above = (
            sa.select(Comment.id)
            .where(SHOWN, Comment.post_id == comment.post_id)
            .where(Comment.path >= path, Comment.path < comment.path)
            .limit(COMMENT.PAGE_SIZE)
        )
        return len(db.scalars(above).all()) == COMMENT.PAGE_SIZE

    top = comment.path[: COMMENT.SEGMENT]
    if not are_above(""):
        return None
    return comment.id if are_above(top) else int(top)
