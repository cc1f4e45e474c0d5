"""The comments of a member, a keyset page at a time."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.comments import constants as COMMENT
from myproject.comments.models import Comment
from myproject.comments.services.rows import AmongOthers
from myproject.comments.services.visibility import PUBLISHED
from myproject.db import fetch
from myproject.pagination import Page, cut, decode
from myproject.posts.models import Post
from myproject.posts.services import visibility as posts


@dataclass(frozen=True)
class WrittenComment(AmongOthers):
    """A comment as the list of its author's shows it."""

    id: int
    body_html: str
    created_at: datetime
    like_count: int
    post_title: str


OF_AUTHOR = (
    sa.select(Comment.id, Comment.body_html, Comment.created_at, Comment.like_count, Post.title)
    .join(Post, Post.id == Comment.post_id)
    .where(Comment.author_id == sa.bindparam("author_id"), PUBLISHED, posts.PUBLISHED)
    .order_by(Comment.id.desc())
    .limit(COMMENT.LIST_SIZE + 1)
)


def list_of_author(db: Session, author_id: int, cursor: str | None = None) -> Page[WrittenComment]:
    """A page of what a member wrote below posts that everybody may see, latest first. Raises BadCursor."""
    # Numbers go up with time, and the index is by author and number.
    statement = OF_AUTHOR
    if cursor is not None:
        statement = statement.where(Comment.id < decode(cursor)[1])
    rows = [WrittenComment(*row) for row in fetch(db, statement, {"author_id": author_id})]
    return cut(rows, COMMENT.LIST_SIZE, "created_at")
