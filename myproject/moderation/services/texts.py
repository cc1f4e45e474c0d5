"""Posts and comments as one thing: what is reported, hidden and decided upon."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.audit import Actor
from myproject.comments import constants as COMMENT
from myproject.comments.models import Comment
from myproject.comments.services import counts
from myproject.comments.services import hiding as comments
from myproject.comments.services.removal import lock_comment, remove_comment
from myproject.moderation.models import Case
from myproject.posts import constants as POST
from myproject.posts.models import Post
from myproject.posts.services import hiding as posts
from myproject.posts.services import newcomers
from myproject.posts.services.removal import remove_post

Text = Post | Comment


def lock_text(db: Session, *, post_id: int | None = None, comment_id: int | None = None) -> Text:
    """A post or a comment for a change, its row held until the transaction ends; of a comment its post's too."""
    if comment_id is not None:
        return lock_comment(db, comment_id)
    return db.get_one(Post, post_id, with_for_update=True, populate_existing=True)


def is_open(text: Text) -> bool:
    """Whether everybody may read it."""
    return text.status in (POST.Status.PUBLISHED, COMMENT.Status.PUBLISHED)


def is_hidden(text: Text) -> bool:
    return text.status in (POST.Status.HIDDEN, COMMENT.Status.HIDDEN)


def hide(db: Session, text: Text) -> None:
    """Hides a text that was reported; the caller has locked it."""
    if isinstance(text, Post):
        posts.hide_post(db, text)
    else:
        comments.hide_comment(db, text, COMMENT.HiddenFor.REPORTS)


def show(db: Session, text: Text) -> None:
    """Puts a hidden text into the open again; the caller has locked it."""
    if isinstance(text, Post):
        posts.show_post(db, text)
    else:
        comments.show_comment(db, text)


def remove(db: Session, actor: Actor, text: Text, reason: str) -> None:
    if isinstance(text, Post):
        remove_post(db, actor, text.id, reason)
    else:
        remove_comment(db, actor, text.id, reason)


def case_of(db: Session, text: Text) -> Case | None:
    """The case of a text, its row held; None where it never had one. The caller has locked the text."""
    which = Case.post_id == text.id if isinstance(text, Post) else Case.comment_id == text.id
    return db.scalars(sa.select(Case).where(which).with_for_update()).first()


def count_open(db: Session, user_id: int, most: int) -> int:
    """How many posts and comments of a member are in the open, counted no further than `most`."""
    written = newcomers.count_published(db, user_id, most)
    return written if written == most else written + counts.count_published(db, user_id, most - written)
