"""The texts that posts had before they were changed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.db import utc_now
from myproject.posts import constants as POST
from myproject.posts.models import Post, PostLike, PostRevision
from myproject.posts.services.rows import AUTHOR_NAME
from myproject.security.identity import Identity
from myproject.users.models import User

# An author who mends a word soon after the text came out, or after the last change that was kept, is still
# writing; but not once somebody has answered it or liked it, who had these words before them.
GRACE = timedelta(minutes=POST.GRACE_MINUTES)
# A table of kept texts: `PostRevision`, and that of comments. Both have editor_id, version, created_at, reason and
# withheld_at.
Revision = Any


@dataclass(frozen=True)
class Change:
    """That a post was changed: `version` was the text until then. What is `withheld` few read."""

    version: int
    created_at: datetime
    editor_name: str | None
    editor_display_name: str
    reason: str
    withheld: bool


@dataclass(frozen=True)
class Words:
    """What a post said at one time."""

    title: str
    body: str
    tags: tuple[str, ...]
    link_url: str


def keep_revision(db: Session, post: Post, editor_id: int | None, reason: str = "") -> None:
    """Keeps the text of a post that `editor_id` is about to replace; withheld, where it is not in the open."""
    if is_grace_edit(db, post, editor_id):
        return
    is_open = post.status == POST.Status.PUBLISHED
    withheld_at = None if is_open else withhold(db, PostRevision, PostRevision.post_id == post.id)
    db.add(
        PostRevision(
            post_id=post.id,
            version=post.version,
            title=post.title,
            body=post.body,
            link_url=post.link_url,
            tags=[tag.name for tag in post.tags],
            editor_id=editor_id,
            reason=reason,
            withheld_at=withheld_at,
        )
    )


def withhold(db: Session, revision: Revision, of: sa.ColumnElement[bool]) -> datetime:
    """Leaves the texts that are kept of a hidden one to its author and staff, for what is wrong with it may stand
    in each of them; says since when. `revision` and `of` as below.
    """
    now = utc_now()
    db.execute(sa.update(revision).where(of, revision.withheld_at.is_(None)).values(withheld_at=now))
    return now


def reads_withheld(identity: Identity | None, author_id: int) -> bool:
    """Whether somebody reads what is withheld of a text by `author_id`."""
    return identity is not None and (identity.is_staff or identity.id == author_id)


def is_grace_edit(db: Session, post: Post, editor_id: int | None) -> bool:
    """Whether an edit belongs to the author's writing: their own, as `GRACE` says. Nobody has read what waits for
    approval; what is hidden somebody has. The caller holds the post's row.
    """
    if editor_id != post.author_id or post.status == POST.Status.HIDDEN:
        return False
    came_out_at = post.published_at or utc_now()
    since = writing_since(db, PostRevision, PostRevision.post_id == post.id, post.author_id, came_out_at)
    # The author's own comments count too: all that they cost is a diff more.
    if since is None or (post.comment_count and post.last_activity_at > since):
        return False
    liked = sa.select(PostLike.user_id).where(PostLike.post_id == post.id, PostLike.created_at > since)
    return db.scalar(liked.limit(1)) is None


def writing_since(
    db: Session, revision: Revision, of: sa.ColumnElement[bool], author_id: int, came_out_at: datetime
) -> datetime | None:
    """From when on the author of a text is still writing it: `came_out_at`, or when an older text was kept last.
    None where that is too long ago, and where somebody else changed it last: what staff changed stays to be seen.
    `revision` is the table of the kept texts, `of` says which are of this one.
    """
    newest = sa.select(revision.editor_id, revision.created_at).where(of).order_by(revision.version.desc())
    kept = db.execute(newest.limit(1)).first()
    if kept is not None and kept.editor_id != author_id:
        return None
    since = came_out_at if kept is None else kept.created_at
    return since if utc_now() - since <= GRACE else None


def list_changes(db: Session, post_id: int, *, withheld: bool) -> Sequence[Change]:
    """How a post was changed, latest first, so many as a page shows; also what is `withheld`, where that is asked
    for.
    """
    return changes_of(db, PostRevision, PostRevision.post_id == post_id, withheld=withheld)


def changes_of(db: Session, revision: Revision, of: sa.ColumnElement[bool], *, withheld: bool) -> Sequence[Change]:
    """How a text was changed, latest first, so many as a page shows; `revision` and `of` as above."""
    statement = (
        sa.select(
            revision.version,
            revision.created_at,
            AUTHOR_NAME.label("editor_name"),
            sa.func.coalesce(User.display_name, "").label("editor_display_name"),
            revision.reason,
            revision.withheld_at.is_not(None).label("withheld"),
        )
        .outerjoin(User, User.id == revision.editor_id)
        .where(of, readable(revision, withheld))
        .order_by(revision.version.desc())
        .limit(POST.CHANGES_SHOWN)
    )
    return [Change(**row._mapping) for row in db.execute(statement)]


def readable(revision: Revision, withheld: bool) -> sa.ColumnElement[bool]:
    """Which texts of a table are read: `withheld` ones too, or not."""
    return sa.true() if withheld else revision.withheld_at.is_(None)


def version_said(
    db: Session, revision: Revision, of: sa.ColumnElement[bool], moment: datetime, *, withheld: bool
) -> int | None:
    """Which version of a text, of those that are kept, it said at a `moment`: where its author was still writing
    then, what came of that. None where it has not been changed since; `revision` and `of` as above.
    """
    later = sa.select(revision.version).where(of, revision.created_at > moment, readable(revision, withheld))
    return db.scalars(later.order_by(revision.version).limit(1)).first()


def version_at(db: Session, post_id: int, moment: datetime, *, withheld: bool) -> int | None:
    """Which version a post said at a `moment`; None where it has not been changed since."""
    return version_said(db, PostRevision, PostRevision.post_id == post_id, moment, withheld=withheld)


def words_at(db: Session, post_id: int, version: int) -> Words | None:
    """What a post said as `version`; None where that was not kept."""
    revision = db.scalars(
        sa.select(PostRevision).where(PostRevision.post_id == post_id, PostRevision.version == version)
    ).first()
    return None if revision is None else words_of(revision, revision.tags)


def words_after(db: Session, post_id: int, version: int) -> Words:
    """What a post said next after `version`: the next text that was kept, or the present one."""
    later = sa.select(PostRevision.version).where(PostRevision.post_id == post_id, PostRevision.version > version)
    following = db.scalars(later.order_by(PostRevision.version).limit(1)).first()
    kept = words_at(db, post_id, following) if following is not None else None
    return kept or present_words(db.get_one(Post, post_id))


def present_words(post: Post) -> Words:
    return words_of(post, (tag.name for tag in post.tags))


def words_of(text: Post | PostRevision, tags: Iterable[str]) -> Words:
    return Words(text.title, text.body, tuple(tags), text.link_url)
