"""Comments as pages read them: columns, not entities."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from myproject.comments import constants as COMMENT
from myproject.comments.models import Comment, CommentRevision
from myproject.comments.services.visibility import HIDDEN, REMOVED
from myproject.markdown.notes import with_notes_of
from myproject.pagination import EPOCH, MICROSECOND
from myproject.posts.services.rows import AUTHOR_COLUMNS
from myproject.users import constants as USER
from myproject.users.models import User


class AmongOthers:
    """A comment on a page with other comments."""

    __slots__ = ()
    id: int
    body_html: str

    @property
    def shown_html(self) -> str:
        """`body_html` with footnotes that are this comment's alone on the page."""
        return with_notes_of(self.id, self.body_html)


@dataclass(slots=True)
class CommentRow(AmongOthers):
    """A comment as a page shows it. `level` counts from 1 and never jumps by more than one from row to row.

    `reply_to` names whom it answers where that is not the comment it stands under, and is empty where that member
    is gone. Of a `removed` comment only the place is left, for the sake of its replies; of a `hidden` one too.
    `changed_at` is when an older text of it was kept last.
    `closes` is how many lists end after it, `opens` whether one begins, and `below` how many comments of the page
    stand in that; `has_more` where others do that the page does not show. `rest_id` is the comment with which the
    rest of its thread begins, where the page shows no more of it.
    """

    id: int
    post_id: int
    author_id: int
    parent_id: int | None
    path: str
    body_html: str
    created_at: datetime
    edited_at: datetime | None
    changed_at: datetime | None
    author_name: str | None
    author_display_name: str
    author_role: USER.Role
    author_avatar: str
    status: COMMENT.Status
    removed_by_author: bool
    removal_reason: str
    like_count: int
    version: int
    reply_to: str | None = None
    level: int = 1
    opens: bool = False
    closes: int = 0
    below: int = 0
    has_more: bool = False
    rest_id: int | None = None

    @property
    def microseconds(self) -> int:
        """When it was written, as a mark in a page says it."""
        return (self.created_at - EPOCH) // MICROSECOND

    @property
    def removed(self) -> bool:
        return self.status == COMMENT.Status.REMOVED

    @property
    def hidden(self) -> bool:
        return self.status == COMMENT.Status.HIDDEN

    @property
    def published(self) -> bool:
        return self.status == COMMENT.Status.PUBLISHED


@dataclass(frozen=True)
class Thread:
    """A page of a post's comments. `start_id` is what the reader asked to begin with. The next page begins with
    the thread `next_id`; a page of the rest of one thread goes on with the comment `rest_id`. `post_changed_at` is
    when an older text of the post was kept last, where threads begin on the page.
    """

    comments: Sequence[CommentRow]
    order: COMMENT.Order
    start_id: int | None
    next_id: int | None
    rest_id: int | None = None
    post_changed_at: datetime | None = None


Parent = aliased(Comment)
ParentAuthor = aliased(User)
# Who removed it may be gone by now: staff have left a reason.
REMOVED_BY_AUTHOR = sa.func.coalesce(Comment.removed_by_id == Comment.author_id, Comment.removal_reason == "")
# Looked up for edited ones only.
NEWEST_REVISION = (
    sa.select(sa.func.max(CommentRevision.created_at))
    .where(CommentRevision.comment_id == Comment.id, CommentRevision.withheld_at.is_(None))
    .correlate(Comment)
    .scalar_subquery()
)
COLUMNS = (
    Comment.id,
    Comment.post_id,
    Comment.author_id,
    Comment.parent_id,
    Comment.path,
    # The text of a removed one is read by `removal.find_tombstone` alone, that of a hidden one by
    # `moderation.services.hidden`.
    sa.case((REMOVED | HIDDEN, ""), else_=Comment.body_html).label("body_html"),
    Comment.created_at,
    Comment.edited_at,
    sa.case((Comment.edited_at.is_not(None), NEWEST_REVISION)).label("changed_at"),
    *AUTHOR_COLUMNS,
    Comment.status,
    REMOVED_BY_AUTHOR.label("removed_by_author"),
    Comment.removal_reason,
    Comment.like_count,
    Comment.version,
    # Empty where that member is gone.
    sa.case((ParentAuthor.name.startswith(USER.FORMER_MEMBER), ""), else_=ParentAuthor.name),
)
ROWS = (
    sa.select(*COLUMNS)
    .join(User, User.id == Comment.author_id)
    .outerjoin(Parent, Parent.id == Comment.parent_id)
    .outerjoin(ParentAuthor, ParentAuthor.id == Parent.author_id)
)
