"""Comments as pages read them: columns, not entities."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from myproject.comments import constants as COMMENT
from myproject.comments.models import Comment
from myproject.comments.services.visibility import REMOVED, SHOWN
from myproject.posts.services.rows import AUTHOR_COLUMNS
from myproject.users import constants as USER
from myproject.users.models import User


@dataclass(slots=True)
class CommentRow:
    """A comment as a page shows it. `level` counts from 1 and never jumps by more than one from row to row.

    `reply_to` names whom it answers where that is not the comment it stands under, and is empty where that member
    is gone. Of a `removed` comment only the place is left, for the sake of its replies. `closes` is how many lists
    end after it, `opens` whether one begins.
    """

    id: int
    post_id: int
    author_id: int
    parent_id: int | None
    path: str
    body_html: str
    created_at: datetime
    edited_at: datetime | None
    author_name: str | None
    author_display_name: str
    author_role: USER.Role
    author_avatar: str
    status: COMMENT.Status
    removed_by_author: bool
    removal_reason: str
    reply_to: str | None = None
    level: int = 1
    opens: bool = False
    closes: int = 0

    @property
    def removed(self) -> bool:
        return self.status == COMMENT.Status.REMOVED

    @property
    def published(self) -> bool:
        return self.status == COMMENT.Status.PUBLISHED


@dataclass(frozen=True)
class Thread:
    """A page of a post's comments in the order of the tree; `next_id` is the comment that the next page
    starts with.
    """

    comments: Sequence[CommentRow]
    start_id: int | None
    next_id: int | None


Parent = aliased(Comment)
ParentAuthor = aliased(User)
COLUMNS = (
    Comment.id,
    Comment.post_id,
    Comment.author_id,
    Comment.parent_id,
    Comment.path,
    # The text of a removed one is read by `removal.find_removed` alone.
    sa.case((REMOVED, ""), else_=Comment.body_html).label("body_html"),
    Comment.created_at,
    Comment.edited_at,
    *AUTHOR_COLUMNS,
    Comment.status,
    # Who removed it may be gone, and was staff then.
    (sa.func.coalesce(Comment.removed_by_id, 0) == Comment.author_id).label("removed_by_author"),
    Comment.removal_reason,
    # Empty where that member is gone.
    sa.case((ParentAuthor.name.startswith(USER.FORMER_MEMBER), ""), else_=ParentAuthor.name),
)
ROWS = (
    sa.select(*COLUMNS)
    .join(User, User.id == Comment.author_id)
    .outerjoin(Parent, Parent.id == Comment.parent_id)
    .outerjoin(ParentAuthor, ParentAuthor.id == Parent.author_id)
)
THREAD = (
    ROWS.where(SHOWN, Comment.post_id == sa.bindparam("post_id"), Comment.path >= sa.bindparam("start"))
    .order_by(Comment.path)
    .limit(COMMENT.PAGE_SIZE + 1)
)
