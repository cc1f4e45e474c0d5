"""Comments that go to another post: some with their replies, or all of a post that is merged into another."""

import re
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from myproject import audit
from myproject.audit import Actor
from myproject.cache import touch
from myproject.comments import errors
from myproject.comments.models import Comment
from myproject.comments.services.counts import lock_posts, recount
from myproject.comments.services.removal import lock_comment
from myproject.comments.services.visibility import unseen
from myproject.comments.services.writing import path_of
from myproject.db import publish as tell
from myproject.db import utc_now
from myproject.pagination import row_number
from myproject.posts import constants as POST
from myproject.posts.models import Post
from myproject.posts.services.removal import PostRemoved
from myproject.posts.services.tags import relist
from myproject.posts.services.writing import Text, create_post


@dataclass(frozen=True)
class CommentsMoved:
    """Event: comments of a post stand on another one now, in this transaction: all of them, or `comment` with what
    answers it.
    """

    db: Session
    post_id: int
    comment: Comment | None = None


# What people paste to name a post: its number, or an address of it.
NAMED = re.compile(
    r"(?:#?|(?:(?:https?://)?(?P<host>[^\s/?#]+))?/posts/)(?P<number>[0-9]{1,18})(?:[/?#]\S*)?", re.I
)


def post_named(text: str, host: str) -> int | None:
    """The number of the post that `text` names: `12`, `#12`, `/posts/12/...` or its whole address. None where that
    leads to another site than `host`.
    """
    found = NAMED.fullmatch(text.strip())
    if found is None or (found["host"] or host).lower() != host:
        return None
    return row_number(found["number"])


def move_comment(db: Session, actor: Actor, comment_id: int, target_id: int, reason: str) -> Comment:
    """Moves a comment with all its replies to the published post `target_id`, where it begins a thread of its own.
    Its permalink leads there. Raises NoSuchPost where that post isn't there, or is the one it stands on, and
    NoLongerThere.
    """
    source_id = post_of(db, comment_id)
    lock_posts(db, (source_id, target_id))
    comment = lock_comment(db, comment_id)
    target = db.get(Post, target_id, populate_existing=True)
    if target is None or target.status != POST.Status.PUBLISHED or comment.post_id == target_id:
        raise errors.NoSuchPost
    if comment.post_id != source_id:
        # Somebody else has just moved it.
        raise errors.MovedMeanwhile
    paths: dict[int, str] = {}
    moved = []
    # Numbers go up: a reply comes after what it answers.
    for number, parent_id in db.execute(thread_below(comment_id)):
        paths[number] = path_of(number, paths.get(parent_id, ""))
        moved.append({"id": number, "post_id": target_id, "path": paths[number]})
    db.execute(sa.update(Comment), moved)
    comment.parent_id = None
    audit.record(
        db,
        "comment.move",
        comment,
        actor=actor,
        reason=reason,
        before={"post": source_id} | unseen(comment),
        after={"post": target_id, "comments": len(moved)},
    )
    recount(db, source_id, target_id)
    tell(db, CommentsMoved(db, source_id, comment))
    return comment


def post_of(db: Session, comment_id: int) -> int:
    """The number of the post that a comment stands on. Raises NoLongerThere."""
    post_id = db.scalar(sa.select(Comment.post_id).where(Comment.id == comment_id))
    if post_id is None:
        raise errors.NoLongerThere
    return post_id


def split_thread(db: Session, actor: Actor, comment_id: int, source_id: int, text: Text, reason: str) -> Post:
    """Makes a post of staff of its own from a thread: it says `text`, and the comment stands below it with all its
    replies. Raises MovedMeanwhile where the comment is no longer on the post `source_id`, and NoLongerThere.
    """
    lock_posts(db, (source_id,))
    if post_of(db, comment_id) != source_id:
        raise errors.MovedMeanwhile
    assert actor.id is not None
    post = create_post(db, actor.id, text, publish=True)
    move_comment(db, actor, comment_id, post.id, reason)
    return post


def thread_below(comment_id: int) -> sa.Select[Any]:
    """Selects (id, parent_id) of a comment and of all that answers it, however deep, by number."""
    below = sa.select(Comment.id, Comment.parent_id).where(Comment.id == comment_id).cte("below", recursive=True)
    reply = aliased(Comment)
    below = below.union_all(sa.select(reply.id, reply.parent_id).join(below, reply.parent_id == below.c.id))
    return sa.select(below.c.id, below.c.parent_id).order_by(below.c.id)


def merge_posts(db: Session, actor: Actor, post_id: int, into_id: int, reason: str) -> Post:
    """Merges a published post into another: its comments go there, and so does who follows its address. Its text
    is kept for staff, with its history. Raises NoSuchPost. Gives the other post.
    """
    lock_posts(db, (post_id, into_id))
    post = db.get_one(Post, post_id, populate_existing=True)
    other = db.get(Post, into_id, populate_existing=True)
    published = POST.Status.PUBLISHED
    if other is None or other.status != published or post.status != published or post_id == into_id:
        raise errors.NoSuchPost
    post.status, post.removed_at, post.removed_by_id = POST.Status.REMOVED, utc_now(), actor.id
    post.removal_reason, post.merged_into_id, post.pinned_at = reason, into_id, None
    # Paths are made of comments' own numbers: they are as right there as here.
    moved = sa.update(Comment).where(Comment.post_id == post_id).values(post_id=into_id)
    db.execute(moved, execution_options={"synchronize_session": False})
    audit.record(db, "post.merge", post, actor=actor, reason=reason, after={"post": into_id})
    relist(db, post)
    recount(db, post_id, into_id)
    touch(db, f"user:{post.author_id}")
    tell(db, CommentsMoved(db, post_id))
    tell(db, PostRemoved(db, post))
    return other
