"""A member's own comments that are not in the open, for themselves: what waits, is hidden or was removed, why."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.comments import constants as COMMENT
from myproject.comments.models import Comment
from myproject.comments.services.rows import REMOVED_BY_AUTHOR, AmongOthers
from myproject.comments.services.visibility import REMOVED, TITLE_FOR_AUTHOR, WAITING
from myproject.db import fetch
from myproject.posts.models import Post
from myproject.posts.services import visibility as posts


@dataclass(frozen=True)
class UnseenComment(AmongOthers):
    """A comment that is not in the open. `body_html` is empty where it was removed, `post_title` where its author
    may not know what the post is called.
    """

    id: int
    status: COMMENT.Status
    created_at: datetime
    hidden_for: COMMENT.HiddenFor | None
    removed_by_author: bool
    removal_reason: str
    body_html: str
    post_title: str

    @property
    def is_waiting(self) -> bool:
        return self.status == COMMENT.Status.WAITING

    @property
    def is_removed(self) -> bool:
        return self.status == COMMENT.Status.REMOVED

    @property
    def by_reports(self) -> bool:
        return self.hidden_for == COMMENT.HiddenFor.REPORTS


# As the index says it.
NOT_IN_THE_OPEN = Comment.status != sa.literal_column(str(int(COMMENT.Status.PUBLISHED)))
# A member's comments on a post that wait: a part of the one query for what its page says to one reader alone.
HELD: sa.Select[*tuple[Any, ...]] = sa.select(sa.literal_column("'held'"), Comment.id, Comment.created_at).where(
    Comment.author_id == sa.bindparam("user_id"),
    Comment.post_id == sa.bindparam("post_id"),
    NOT_IN_THE_OPEN,
    WAITING,
)
OF_AUTHOR = (
    sa.select(
        Comment.id,
        Comment.status,
        Comment.created_at,
        Comment.hidden_for,
        REMOVED_BY_AUTHOR.label("removed_by_author"),
        Comment.removal_reason,
        sa.case((REMOVED, sa.literal_column("''")), else_=Comment.body_html).label("body_html"),
        TITLE_FOR_AUTHOR,
    )
    .join(Post, Post.id == Comment.post_id)
    .where(
        Comment.author_id == sa.bindparam("author_id", type_=sa.BigInteger),
        NOT_IN_THE_OPEN,
        # The text of a removed one is gone after a time.
        Comment.body != sa.literal_column("''"),
        # Of a post that is gone no more is told here, but what waits there still does.
        sa.or_(WAITING, posts.PUBLISHED),
    )
    .order_by(Comment.id.desc())
    .limit(COMMENT.LIST_SIZE)
)


def list_unseen(db: Session, author_id: int) -> list[UnseenComment]:
    """A member's comments that are not in the open, the latest first, a page of them."""
    return [UnseenComment(*row) for row in fetch(db, OF_AUTHOR, {"author_id": author_id})]
