"""The queue of staff: reported texts, and posts and comments that wait for approval, oldest first."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from heapq import merge
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.comments import constants as COMMENT
from myproject.comments.models import Comment
from myproject.comments.services.visibility import WAITING as COMMENT_WAITING
from myproject.db import fetch
from myproject.markdown.notes import with_notes_of
from myproject.moderation import constants as MODERATION
from myproject.moderation.models import Case, Flag
from myproject.moderation.services.cases import shown_of
from myproject.pagination import Page, decode, encode
from myproject.posts import constants as POST
from myproject.posts.models import Post
from myproject.posts.services.rows import AUTHOR_COLUMNS, AUTHOR_NAME
from myproject.posts.services.visibility import WAITING
from myproject.users import constants as USER
from myproject.users.models import CommentBan, User


class Source(IntEnum):
    """Where something in the queue comes from."""

    CASE = 0
    POST = 1
    COMMENT = 2


@dataclass(frozen=True)
class Report:
    """One member's report. The name is empty where that member is gone."""

    reason: MODERATION.Reason
    note: str
    counts: bool
    name: str | None


@dataclass
class Item:
    """Something that waits for staff. `id` is that of the case, the post or the comment.

    Its author in a line: since when they are here, how many texts of theirs staff have removed after reports, and
    how often they were not to comment, each counted up to `COUNT_MAX`.
    """

    source: Source
    id: int
    moment: datetime
    post_id: int
    comment_id: int | None
    title: str
    slug: str
    words: str  # of a comment its rendered text, of a post what lists show of it
    author_id: int
    author_name: str | None
    author_display_name: str
    author_role: USER.Role
    author_avatar: str
    joined_at: datetime
    removed_count: int
    ban_count: int
    version: int
    is_hidden: bool = False
    flag_count: int = 0
    vouch_count: int = 0
    changed_at: datetime | None = None
    state: MODERATION.State | None = None
    reports: list[Report] = field(default_factory=list)

    @property
    def place(self) -> tuple[datetime, int]:
        """Where it stands in the queue: no two have the same."""
        return self.moment, self.id * len(Source) + self.source

    @property
    def shown(self) -> str:
        """By what its answer knows whether it is as it was when staff looked at it."""
        return str(self.version) if self.state is None else shown_of(self.version, self.state, self.moment)

    @property
    def shown_html(self) -> str:
        """A comment's `words` with footnotes that are its alone on the page."""
        return with_notes_of(self.comment_id or 0, self.words)

    @property
    def key(self) -> str:
        """Its name on a page."""
        return f"{self.source.name.lower()}-{self.id}"

    @property
    def is_post(self) -> bool:
        return self.comment_id is None

    @property
    def may_ask(self) -> bool:
        """Whether its author can be asked to change it."""
        return self.is_hidden and self.changed_at is None and self.state is MODERATION.State.OPEN


def some(*conditions: Any) -> Any:
    """How many rows meet the conditions for a member, counted up to `COUNT_MAX`."""
    found = sa.select(sa.literal(1)).where(*conditions).limit(MODERATION.COUNT_MAX).correlate(User).subquery()
    return sa.select(sa.func.count()).select_from(found).correlate(User).scalar_subquery()


HISTORY = (
    User.created_at,
    some(Case.author_id == User.id, Case.decision == MODERATION.Decision.REMOVED),
    some(CommentBan.user_id == User.id),
)
NO_COMMENT: Any = sa.null()
LIMIT = MODERATION.PAGE_SIZE + 1
IS_HIDDEN = sa.func.coalesce(Comment.status == COMMENT.Status.HIDDEN, Post.status == POST.Status.HIDDEN)
CASES: sa.Select[*tuple[Any, ...]] = (
    sa.select(
        Case.id,
        Case.queued_at,
        Post.id,
        Case.comment_id,
        Post.title,
        Post.slug,
        sa.func.coalesce(Comment.body_html, Post.excerpt),
        Case.author_id,
        *AUTHOR_COLUMNS,
        *HISTORY,
        sa.func.coalesce(Comment.version, Post.version),
        IS_HIDDEN,
        Case.flag_count,
        Case.vouch_count,
        Case.changed_at,
        Case.state,
    )
    .outerjoin(Comment, Comment.id == Case.comment_id)
    .join(Post, Post.id == sa.func.coalesce(Case.post_id, Comment.post_id))
    .join(User, User.id == Case.author_id)
)
OPEN = Case.state == sa.literal_column(str(int(MODERATION.State.OPEN)))
# Each with the columns of its order.
STATEMENTS: dict[Source, tuple[sa.Select[*tuple[Any, ...]], Any, Any]] = {
    Source.CASE: (CASES.where(OPEN), Case.queued_at, Case.id),
    Source.POST: (
        sa.select(
            Post.id,
            Post.updated_at,
            Post.id,
            NO_COMMENT,
            Post.title,
            Post.slug,
            Post.excerpt,
            Post.author_id,
            *AUTHOR_COLUMNS,
            *HISTORY,
            Post.version,
        )
        .join(User, User.id == Post.author_id)
        .where(WAITING),
        Post.updated_at,
        Post.id,
    ),
    Source.COMMENT: (
        sa.select(
            Comment.id,
            Comment.created_at,
            Post.id,
            Comment.id,
            Post.title,
            Post.slug,
            Comment.body_html,
            Comment.author_id,
            *AUTHOR_COLUMNS,
            *HISTORY,
            Comment.version,
        )
        .join(User, User.id == Comment.author_id)
        .join(Post, Post.id == Comment.post_id)
        .where(COMMENT_WAITING),
        Comment.created_at,
        Comment.id,
    ),
}


def list_queue(db: Session, cursor: str | None = None) -> Page[Item]:
    """A page of what waits for staff, from behind `cursor` on. Raises BadCursor."""
    after = decode(cursor) if cursor is not None else None
    rows = list(merge(*(read(db, source, after) for source in Source), key=lambda item: item.place))
    shown = rows[: MODERATION.PAGE_SIZE]
    add_reports(db, shown)
    return Page(shown, encode(*shown[-1].place) if len(rows) > len(shown) else None)


def read(db: Session, source: Source, after: tuple[datetime, int] | None) -> list[Item]:
    """What of one source stands behind a place, as much as a page has and one more."""
    statement, moment, number = STATEMENTS[source]
    if after is not None:
        # Of what came at the same moment: `Item.place` the other way round.
        last = (after[1] - source) // len(Source)
        behind = sa.tuple_(sa.literal(after[0], moment.type), sa.literal(last, number.type))
        statement = statement.where(sa.tuple_(moment, number) > behind)
    statement = statement.order_by(moment, number).limit(LIMIT)
    return [Item(source, *row) for row in fetch(db, statement)]


def find_case(db: Session, case_id: int) -> Item | None:
    """The case of that number, whatever has become of it."""
    row = fetch(db, CASES.where(Case.id == case_id)).first()
    if row is None:
        return None
    item = Item(Source.CASE, *row)
    add_reports(db, [item])
    return item


# The first of each case: one that many report leaves room for the others.
FIRST_FLAGS = (
    sa.select(Flag, sa.func.row_number().over(partition_by=Flag.case_id, order_by=Flag.id).label("place"))
    .where(Flag.case_id.in_(sa.bindparam("ids", expanding=True)), Flag.outcome == MODERATION.Outcome.OPEN)
    .subquery()
)
REPORTS = (
    sa.select(FIRST_FLAGS.c.case_id, FIRST_FLAGS.c.reason, FIRST_FLAGS.c.note, FIRST_FLAGS.c.counts, AUTHOR_NAME)
    .join(User, User.id == FIRST_FLAGS.c.user_id)
    .where(FIRST_FLAGS.c.place <= MODERATION.NOTES_SHOWN)
    .order_by(FIRST_FLAGS.c.id)
)


def add_reports(db: Session, items: Sequence[Item]) -> None:
    cases = {item.id: item for item in items if item.source is Source.CASE}
    for case_id, *report in fetch(db, REPORTS, {"ids": list(cases)}) if cases else ():
        cases[case_id].reports.append(Report(*report))
