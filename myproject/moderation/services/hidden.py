"""Hidden texts: who may read them, who vouches for them, and when their author may change them."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.comments import constants as COMMENT
from myproject.comments.models import Comment
from myproject.comments.services.counts import count_published
from myproject.comments.services.visibility import HIDDEN as COMMENT_HIDDEN
from myproject.db import fetch, utc_now
from myproject.moderation import constants as MODERATION
from myproject.moderation import errors
from myproject.moderation.models import Case, Vouch
from myproject.moderation.services import cases, texts
from myproject.posts import constants as POST
from myproject.posts.models import Post
from myproject.posts.services.likes import change_row
from myproject.posts.services.visibility import VISIBLE, viewer
from myproject.security.identity import Identity


@dataclass(frozen=True)
class HiddenText:
    """A hidden text, for one reader: `body_html` is empty for who may not read it, and so is a post's title; a
    comment has that of its post. `may_change_from` is when its author may change it; None where they have done so.
    `asked` is what staff ask them to change.
    """

    id: int
    is_post: bool
    author_id: int
    title: str
    post_id: int
    slug: str
    body_html: str
    hidden_at: datetime
    by_reports: bool
    may_read: bool
    may_vouch: bool
    vouched: bool
    may_change_from: datetime | None
    asked: str
    case_id: int | None

    @property
    def may_change(self) -> bool:
        return self.may_change_from is not None and self.may_change_from <= utc_now()


COLUMNS = (Case.id.label("case_id"), Case.state, Case.changed_at, Case.reason)
POST_STATEMENT: sa.Select[*tuple[Any, ...]] = (
    sa.select(
        Post.id,
        Post.author_id,
        Post.title,
        Post.id.label("post_id"),
        Post.slug,
        Post.body_html,
        Post.hidden_at,
        sa.true().label("by_reports"),
        *COLUMNS,
    )
    .outerjoin(Case, Case.post_id == Post.id)
    .where(Post.id == sa.bindparam("number"), Post.status == POST.Status.HIDDEN)
)
COMMENT_STATEMENT: sa.Select[*tuple[Any, ...]] = (
    sa.select(
        Comment.id,
        Comment.author_id,
        Post.title,
        Comment.post_id,
        Post.slug,
        Comment.body_html,
        Comment.hidden_at,
        (Comment.hidden_for == COMMENT.HiddenFor.REPORTS).label("by_reports"),
        *COLUMNS,
    )
    .join(Post, Post.id == Comment.post_id)
    .outerjoin(Case, Case.comment_id == Comment.id)
    .where(Comment.id == sa.bindparam("number"), COMMENT_HIDDEN, VISIBLE)
)


def find_hidden(
    db: Session, number: int, identity: Identity, *, is_post: bool, vouch_comments: int, cooldown_minutes: int
) -> HiddenText | None:
    """A hidden post or comment as a member may see it; None where there is none. Who has `vouch_comments` comments
    in the open may read it and vouch for it, besides its author and staff.
    """
    statement = POST_STATEMENT if is_post else COMMENT_STATEMENT
    row = fetch(db, statement, {"number": number} | ({} if is_post else viewer(identity))).first()
    if row is None:
        return None
    own = row.author_id == identity.id
    reads_much = not own and count_published(db, identity.id, vouch_comments) >= vouch_comments
    may_read = own or identity.is_staff or reads_much
    vouched = row.case_id is not None and db.get(Vouch, (row.case_id, identity.id)) is not None
    changes_from = row.hidden_at + timedelta(minutes=cooldown_minutes)
    return HiddenText(
        id=row.id,
        is_post=is_post,
        author_id=row.author_id,
        title=row.title if may_read or not is_post else "",
        post_id=row.post_id,
        slug=row.slug if may_read or not is_post else "",
        body_html=row.body_html if may_read else "",
        hidden_at=row.hidden_at,
        by_reports=row.by_reports,
        may_read=may_read,
        may_vouch=reads_much and not identity.is_staff and not vouched,
        vouched=vouched,
        may_change_from=changes_from if own and row.by_reports and row.changed_at is None else None,
        case_id=row.case_id,
        asked=row.reason if own and row.state == MODERATION.State.ASKED else "",
    )


def vouch(db: Session, user_id: int, number: int, *, is_post: bool) -> None:
    """Asks staff to look at a hidden text once more; once a member. The caller has asked `HiddenText.may_vouch`.
    Raises NotHidden.
    """
    text = texts.lock_text(db, post_id=number) if is_post else texts.lock_text(db, comment_id=number)
    if not texts.is_hidden(text):
        raise errors.NotHidden
    case = cases.find_or_open(db, text)
    if case.state == MODERATION.State.ASKED:
        # Its author need not change what a reader finds right: staff look again.
        case.state, case.queued_at = MODERATION.State.OPEN, utc_now()
    case.vouch_count += change_row(db, Vouch, True, case_id=case.id, user_id=user_id)


def note_change(db: Session, text: texts.Text, editor_id: int | None, cooldown_minutes: int) -> None:
    """What it is to the case of a hidden text that its author has changed it: it goes back into the queue, once,
    and not before `cooldown_minutes` are over. Raises TooSoon, ChangedBefore.
    """
    if not texts.is_hidden(text) or editor_id != text.author_id or text.hidden_at is None:
        return
    wait = text.hidden_at + timedelta(minutes=cooldown_minutes) - utc_now()
    if wait > timedelta(0):
        raise errors.TooSoon(math.ceil(wait.total_seconds() / 60))
    case = cases.find_or_open(db, text)
    if case.changed_at is not None:
        raise errors.ChangedBefore
    case.changed_at = utc_now()
    if case.state == MODERATION.State.ASKED:
        case.state, case.queued_at = MODERATION.State.OPEN, case.changed_at
