"""Writing and changing comments. Markdown comes rendered: the caller does that with no transaction open."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject import audit
from myproject.audit import Actor
from myproject.cache import touch
from myproject.comments import constants as COMMENT
from myproject.comments import errors
from myproject.comments.models import Comment
from myproject.comments.services.brakes import check_turn
from myproject.comments.services.revisions import keep_revision
from myproject.comments.services.visibility import PUBLISHED
from myproject.db import publish, utc_now
from myproject.posts import constants as POST
from myproject.posts.models import Post
from myproject.rerender import Rendered
from myproject.text import RENDERER_VERSION


@dataclass(frozen=True)
class CommentCreated:
    """Event: a comment was written, in this transaction."""

    db: Session
    comment: Comment


@dataclass(frozen=True)
class CommentEdited:
    """Event: a comment says something else, in this transaction. Whoever is not its author gives a reason."""

    db: Session
    comment: Comment
    editor_id: int | None
    reason: str


def create_comment(
    db: Session,
    post_id: int,
    author_id: int,
    body: str,
    body_html: str,
    parent_id: int | None = None,
    *,
    approve_first: int = 0,
    in_a_row: int = 0,
) -> Comment | None:
    """Writes a comment on a published post, or a reply to `parent_id`; None where the post or parent is not
    there. One of the author's first `approve_first` waits for approval: nobody hears of it, and it does not count.
    Raises TooManyInARow where `in_a_row` stand there already (`check_turn`).
    """
    now = utc_now()
    theirs = sa.select(Comment.id).where(Comment.author_id == author_id, PUBLISHED).limit(approve_first)
    waits = approve_first > 0 and len(db.scalars(theirs).all()) < approve_first
    # The post's row is held first, so that nothing below it changes meanwhile; not its key, which others refer to.
    published = sa.select(Post.id).where(Post.id == post_id, Post.status == POST.Status.PUBLISHED)
    there = db.scalar(published.with_for_update(key_share=True))
    parent = db.get(Comment, parent_id, populate_existing=True) if parent_id is not None else None
    if there is None or (parent_id is not None and not may_be_answered(parent, post_id)):
        return None
    check_turn(db, post_id, author_id, in_a_row)
    comment = Comment(
        post_id=post_id,
        author_id=author_id,
        parent_id=parent_id,
        status=COMMENT.Status.WAITING if waits else COMMENT.Status.PUBLISHED,
        # Unique until the number is known.
        path=f"-{author_id}-{now.timestamp()}"[: COMMENT.SEGMENT * COMMENT.LEVELS],
        body=body,
        body_html=body_html,
        body_renderer=RENDERER_VERSION,
        created_at=now,
    )
    db.add(comment)
    # The path is made from the row's number.
    db.flush()
    comment.path = path_of(comment.id, parent.path if parent else "")
    # Subscribers may look the tree up.
    db.flush()
    # Of one that waits, nothing shows.
    if not waits:
        counted = {"comment_count": Post.comment_count + 1, "last_activity_at": now}
        db.execute(sa.update(Post).where(Post.id == post_id).values(counted))
        tell_of(db, comment)
    return comment


def tell_of(db: Session, comment: Comment) -> None:
    """A comment stands in the open now: pages show it, and whoever is concerned hears of it."""
    touch(db, "posts", f"post:{comment.post_id}")
    publish(db, CommentCreated(db, comment))


def rendered_anew(db: Session, comment: Comment) -> None:
    """What follows where another renderer made `body_html` of the same words."""
    touch(db, f"post:{comment.post_id}")


RENDERED = Rendered(Comment, "body", rendered_anew)


def may_be_answered(parent: Comment | None, post_id: int) -> bool:
    return parent is not None and parent.post_id == post_id and parent.status == COMMENT.Status.PUBLISHED


def path_of(comment_id: int, parent_path: str = "") -> str:
    """The path of a comment below the one at `parent_path`; deeper than the last level it stands beside that."""
    return f"{parent_path[: (COMMENT.LEVELS - 1) * COMMENT.SEGMENT]}{comment_id:0{COMMENT.SEGMENT}d}"


def edit_comment(
    db: Session,
    comment_id: int,
    version: int,
    body: str,
    body_html: str,
    *,
    editor: Actor | None = None,
    reason: str = "",
) -> Comment:
    """Changes a comment that `editor` (without one, its author) opened at `version`; what others have read is
    kept as a revision. Raises EditConflict where it has changed since, and RemovedMeanwhile.
    """
    comment = db.get(Comment, comment_id, with_for_update=True, populate_existing=True)
    if comment is None or comment.status == COMMENT.Status.REMOVED:
        raise errors.RemovedMeanwhile
    if comment.body == body:
        return comment
    if comment.version != version:
        raise errors.EditConflict(comment.version, comment.body)
    is_own = editor is None or editor.id == comment.author_id
    note_edit(db, comment, editor, reason)
    comment.body, comment.body_html, comment.body_renderer = body, body_html, RENDERER_VERSION
    comment.version += 1
    if comment.status != COMMENT.Status.WAITING or not is_own:
        comment.edited_at = utc_now()
    touch(db, f"post:{comment.post_id}", f"user:{comment.author_id}")
    publish(db, CommentEdited(db, comment, editor.id if editor else comment.author_id, reason))
    return comment


def note_edit(db: Session, comment: Comment, editor: Actor | None, reason: str) -> None:
    """Keeps what a comment says before it is changed, and tells the audit where it is somebody else's."""
    editor_id = editor.id if editor else comment.author_id
    keep_revision(db, comment, editor_id, reason)
    if editor and editor_id != comment.author_id:
        before = {"status": comment.status.name, "version": comment.version}
        after = {"version": comment.version + 1}
        audit.record(db, "comment.edit", comment, actor=editor, reason=reason, before=before, after=after)
