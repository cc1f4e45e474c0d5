"""Who answered a text before it was changed."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.comments.models import Comment
from myproject.comments.services.rows import CommentRow, Thread
from myproject.comments.services.visibility import PUBLISHED
from myproject.posts.services.rows import PostPage


def answered_before(post: PostPage, thread: Thread) -> dict[int | None, str]:
    """Which members answered a text, and have not answered it again since it was changed: by the number of the
    comment, or None for the post, "AUTHOR COMMENT AUTHOR COMMENT", with the number of each member's last answer.

    A page of comments knows that by itself, without a query; an answer on another page of them is not seen. What
    keeps no older text, as an author's edit while still writing, is no change, and nobody answers themself.
    """
    changed: dict[int | None, tuple[int, datetime]] = {
        comment.id: (comment.author_id, comment.changed_at)
        for comment in thread.comments
        if comment.published and comment.changed_at is not None
    }
    if thread.post_changed_at is not None:
        changed[None] = post.author_id, thread.post_changed_at
    last: dict[tuple[int | None, int], CommentRow] = {}
    for reply in thread.comments:
        key = reply.parent_id, reply.author_id
        # Threads stand in any order.
        if reply.published and reply.parent_id in changed and (key not in last or last[key].id < reply.id):
            last[key] = reply
    found: dict[int | None, list[str]] = {}
    for (answered_id, replier_id), reply in last.items():
        author_id, changed_at = changed[answered_id]
        if replier_id != author_id and reply.created_at < changed_at:
            found.setdefault(answered_id, []).append(f"{replier_id} {reply.id}")
    return {answered_id: " ".join(pairs) for answered_id, pairs in found.items()}


def answered_at(db: Session, reply_id: int, post_id: int, answered_id: int | None) -> datetime | None:
    """When the comment `reply_id` was written, where it is in the open and answers just that comment of the post,
    or with None the post itself; else None.
    """
    return db.scalar(
        sa.select(Comment.created_at).where(
            PUBLISHED, Comment.id == reply_id, Comment.post_id == post_id, Comment.parent_id == answered_id
        )
    )
