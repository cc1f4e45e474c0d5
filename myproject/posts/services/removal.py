"""Removing posts and putting them back: the row stays, with who removed it and why, until its text is purged."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject import audit
from myproject.audit import Actor
from myproject.cache import touch
from myproject.db import fetch, utc_now
from myproject.db import publish as tell
from myproject.errors import Overtaken
from myproject.posts import constants as POST
from myproject.posts import errors
from myproject.posts.models import Post, PostLike, PostRevision, post_tags
from myproject.posts.services.tags import relist
from myproject.posts.services.visibility import REMOVED_BY_AUTHOR, WAS_READ, unseen, viewer
from myproject.security.identity import Identity

# What a post is called whose text was purged: the old title is part of the text.
PURGED_TITLE = "…" * POST.TITLE_MIN_LENGTH
PURGED_SLUG = "post"


@dataclass(frozen=True)
class PostRemoved:
    """Event: a post was removed, in this transaction."""

    db: Session
    post: Post


@dataclass(frozen=True)
class PostRestored:
    """Event: a removed post is back, in this transaction: published, hidden, or a draft where it had been one."""

    db: Session
    post: Post
    # Who put it back.
    actor_id: int | None


@dataclass(frozen=True)
class Tombstone:
    """What is left to say of a removed post."""

    id: int
    slug: str
    author_id: int
    removed_at: datetime
    removed_by_author: bool
    removal_reason: str
    merged_into_id: int | None
    is_purged: bool

    def may_restore(self, identity: Identity | None, days: int) -> bool:
        """Whether somebody may put the post back: staff may, and its author what they removed themselves in the
        last `days`.
        """
        if identity is None or self.is_purged or self.merged_into_id is not None:
            return False
        own = self.removed_by_author and self.author_id == identity.id
        return identity.is_staff or (own and is_recent(self.removed_at, days))


TOMBSTONE = sa.select(
    Post.id,
    Post.slug,
    Post.author_id,
    Post.removed_at,
    REMOVED_BY_AUTHOR.label("removed_by_author"),
    Post.removal_reason,
    Post.merged_into_id,
    (Post.body == "").label("is_purged"),
).where(
    Post.id == sa.bindparam("post_id"),
    Post.status == POST.Status.REMOVED,
    # Of what never was in the open, nobody else learns that it was there.
    Post.published_at.is_not(None)
    | (Post.author_id == sa.bindparam("viewer_id", type_=sa.BigInteger))
    | (WAS_READ & sa.bindparam("viewer_is_staff", type_=sa.Boolean)),
)


def is_recent(moment: datetime, days: int) -> bool:
    return moment > utc_now() - timedelta(days=days)


def find_tombstone(db: Session, post_id: int, identity: Identity | None) -> Tombstone | None:
    """What `identity` may know of a removed post; None where there is none."""
    row = fetch(db, TOMBSTONE, {"post_id": post_id} | viewer(identity)).first()
    return None if row is None else Tombstone(**row._mapping)


def remove_post(db: Session, actor: Actor, post_id: int, reason: str = "") -> Post:
    """Removes a post, a draft too. Its author needs no reason; of others the audit tells. Once is enough, but that
    staff remove what its author has removed: only they restore it then.
    """
    post = db.get_one(Post, post_id, with_for_update=True, populate_existing=True)
    own = actor.id == post.author_id
    if post.status == POST.Status.REMOVED and (own or not is_for_author_to_restore(post)):
        return post
    before = {"status": post.status.name}
    post.status = POST.Status.REMOVED
    post.removed_at, post.removed_by_id, post.removal_reason = utc_now(), actor.id, reason
    if not own:
        audit.record(
            db, "post.remove", post, actor=actor, reason=reason, before=before, after={"status": post.status.name}
        )
    relist(db, post)
    touch(db, "posts", f"post:{post.id}", f"user:{post.author_id}")
    tell(db, PostRemoved(db, post))
    return post


def is_for_author_to_restore(post: Post) -> bool:
    """Whether the author of a removed post that stood in the open removed it, and its text is there."""
    own = post.removed_by_id == post.author_id and post.merged_into_id is None
    return own and post.published_at is not None and post.body != ""


def restore_post(db: Session, actor: Actor, post_id: int, *, removed_at: datetime | None = None) -> Post:
    """Puts a removed post back where it was; the caller has asked `Tombstone.may_restore` of what was `removed_at`
    that moment. Raises NotRestorable where its text is gone, and Overtaken where it was removed again.
    """
    post = db.get_one(Post, post_id, with_for_update=True, populate_existing=True)
    if post.status != POST.Status.REMOVED:
        return post
    if removed_at not in (None, post.removed_at):
        raise Overtaken
    if not post.body or post.merged_into_id is not None:
        raise errors.NotRestorable
    was_of_author = post.removed_by_id == post.author_id == actor.id
    if not was_of_author:
        post.hidden_at = None
    post.status = status_in_the_open(post)
    post.removed_at = post.removed_by_id = None
    post.removal_reason = ""
    if not was_of_author:
        before, after = {"status": POST.Status.REMOVED.name} | unseen(post), {"status": post.status.name}
        audit.record(db, "post.restore", post, actor=actor, before=before, after=after)
    relist(db, post)
    touch(db, "posts", f"post:{post.id}", f"user:{post.author_id}")
    tell(db, PostRestored(db, post, actor.id))
    return post


def status_in_the_open(post: Post) -> POST.Status:
    """What a post is when it is back: nobody gets a hidden one into the open by removing it first."""
    if post.published_at is None:
        return POST.Status.DRAFT
    return POST.Status.PUBLISHED if post.hidden_at is None else POST.Status.HIDDEN


def purge_removed(db: Session, which: sa.ColumnElement[bool]) -> int:
    """Empties the texts of up to PURGE_BATCH of those removed posts, with their history, tags and likes; their
    addresses go on answering that they were removed. What was merged into another post keeps its history. Gives
    how many it found.
    """
    due = (Post.status == POST.Status.REMOVED) & (Post.body != "") & Post.merged_into_id.is_(None) & which
    # As entities: what is kept of their words elsewhere is forgotten with them.
    found = sa.select(Post).where(due).order_by(Post.id).limit(POST.PURGE_BATCH)
    posts = db.scalars(found.with_for_update()).all()
    ids = [post.id for post in posts]
    for post in posts:
        post.title, post.slug = PURGED_TITLE, PURGED_SLUG
        post.body = post.body_html = post.excerpt = post.link_url = ""
        post.like_count = 0
        post.version += 1
    if ids:
        db.execute(sa.delete(PostRevision).where(PostRevision.post_id.in_(ids)))
        db.execute(sa.delete(PostLike).where(PostLike.post_id.in_(ids)))
        db.execute(sa.delete(post_tags).where(post_tags.c.post_id.in_(ids)))
    return len(posts)
