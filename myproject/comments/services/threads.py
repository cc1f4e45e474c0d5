"""The tree of a post's comments, page by page."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.comments import constants as COMMENT
from myproject.comments.models import Comment
from myproject.comments.services.pages import REST, THREADS
from myproject.comments.services.places import Place
from myproject.comments.services.rows import ROWS, CommentRow, Thread
from myproject.comments.services.visibility import SHOWN, VISIBLE
from myproject.db import fetch
from myproject.posts.models import Post
from myproject.posts.services.visibility import viewer
from myproject.security.identity import Identity

ONE = ROWS.join(Post, Post.id == Comment.post_id).where(Comment.id == sa.bindparam("comment_id"), VISIBLE)


def list_comments(
    db: Session, post_id: int, order: COMMENT.Order = COMMENT.Order.OLD, start_id: int | None = None
) -> Thread:
    """A page of a post's threads in an `order`, as a tree: from the thread with the top `start_id` on, or from the
    first. Of a long thread it has the beginning. The caller has checked that the post may be seen.
    """
    statement = THREADS[order, start_id is not None]
    found = fetch(db, statement, {"post_id": post_id, "start_id": start_id}).all()
    rows = [CommentRow(*row[:-3]) for row in found]
    lay_out(rows)
    for row, after, rest in zip(rows, [*rows, None][1:], (row[-3] for row in found), strict=True):
        if rest is None:
            continue
        row.has_more = rest.startswith(row.path)
        if after is None or after.level == 1:
            row.rest_id = int(rest[-COMMENT.SEGMENT :])
    next_id, post_changed_at = found[0][-2:] if found else (None, None)
    return Thread(rows, order, start_id, next_id, post_changed_at=post_changed_at)


def list_rest(db: Session, post_id: int, start_id: int, order: COMMENT.Order = COMMENT.Order.OLD) -> Thread:
    """A page of one thread, from the comment `start_id` of it on, which stands at the first level; `order` is that
    of the threads from which the reader comes.
    """
    found = fetch(db, REST, {"post_id": post_id, "start_id": start_id}).all()
    rows = [CommentRow(*row) for row in found]
    rows, rest = rows[: COMMENT.PAGE_SIZE], rows[COMMENT.PAGE_SIZE :]
    lay_out(rows)
    for row in rows:
        row.has_more = bool(rest) and rest[0].path.startswith(row.path)
    return Thread(rows, order, start_id, None, rest[0].id if rest else None)


def lay_out(rows: Sequence[CommentRow]) -> None:
    """Sets levels, openings and closings, so that a template can nest lists without recursion. What a page begins
    with stands at the first level, and so does what stands higher than that in the tree.
    """
    above: list[CommentRow] = []
    previous: CommentRow | None = None
    highest = COMMENT.LEVELS
    for row in rows:
        depth = len(row.path) // COMMENT.SEGMENT
        highest = min(highest, depth)
        row.level = min(depth - highest, len(above)) + 1
        # Nesting says whom a comment answers, but at the last level and at the top of a page.
        stands_under = int(row.path[-2 * COMMENT.SEGMENT : -COMMENT.SEGMENT] or 0)
        if row.parent_id is None or (row.parent_id == stands_under and row.level > 1):
            row.reply_to = None
        if previous is not None:
            previous.opens = row.level > previous.level
            previous.closes = max(0, previous.level - row.level)
        del above[row.level - 1 :]
        for upper in above:
            upper.below += 1
        above.append(row)
        previous = row
    if previous is not None:
        previous.closes = previous.level - 1


def find_comment(db: Session, comment_id: int, identity: Identity | None) -> CommentRow | None:
    """The comment where `identity` may see it and its post, else None."""
    row = fetch(db, ONE, {"comment_id": comment_id} | viewer(identity)).first()
    return None if row is None else CommentRow(*row)


def place_of(db: Session, comment: CommentRow, order: COMMENT.Order = COMMENT.Order.OLD) -> Place:
    """The page that shows `comment` in its place in an `order`. Where the first written stands first, comments
    stay at the address they had: what is written later stands behind them, or below. In another order, their
    thread is the first of the page.
    """

    def number(start: str, end: str, most: int) -> int:
        """How many comments stand from one path up to another, counted no further than `most`."""
        between = (Comment.post_id == comment.post_id) & (Comment.path >= start) & (Comment.path < end)
        return len(db.scalars(sa.select(Comment.id).where(between, SHOWN).limit(most)).all())

    top, beyond = comment.path[: COMMENT.SEGMENT], "9" * COMMENT.SEGMENT
    if number(top, comment.path, COMMENT.THREAD_SIZE) < COMMENT.THREAD_SIZE:
        is_first_page = (
            order is COMMENT.Order.OLD and number("", top + beyond, COMMENT.PAGE_SIZE + 1) <= COMMENT.PAGE_SIZE
        )
        return Place(order, from_id=None if is_first_page else int(top))
    # From the highest comment above it that is near enough.
    ends = range(2 * COMMENT.SEGMENT, len(comment.path) + 1, COMMENT.SEGMENT)
    near = (
        comment.path[:end]
        for end in ends
        if number(comment.path[:end], comment.path, COMMENT.PAGE_SIZE) < COMMENT.PAGE_SIZE
    )
    return Place(order, thread_id=int(next(near)[-COMMENT.SEGMENT :]))
