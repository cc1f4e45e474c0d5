"""What stands in feeds: only what everybody may see, latest first, with its full text."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.comments.models import Comment
from myproject.comments.services.visibility import PUBLISHED as COMMENT_PUBLISHED
from myproject.db import among, fetch
from myproject.feeds import constants as FEED
from myproject.posts.models import Post, post_tags
from myproject.posts.services.rows import AUTHOR_NAME, TAG_NAMES, Tagged
from myproject.posts.services.visibility import PUBLISHED
from myproject.search.services.finding import search
from myproject.search.services.queries import Query
from myproject.users.models import User


@dataclass(slots=True)
class Entry(Tagged):
    """A post, or with a `comment_id` a comment. `author_name` is None where the member is gone."""

    post_id: int
    comment_id: int | None
    title: str
    slug: str
    body_html: str
    link_url: str | None
    published_at: datetime
    edited_at: datetime | None
    author_name: str | None
    author_display_name: str
    tag_names: str | None

    @property
    def updated_at(self) -> datetime:
        return self.edited_at or self.published_at


POSTS = (
    sa.select(
        Post.id,
        sa.null(),
        Post.title,
        Post.slug,
        Post.body_html,
        Post.link_url,
        Post.published_at,
        Post.edited_at,
        AUTHOR_NAME,
        User.display_name,
        TAG_NAMES,
    )
    .join(User, User.id == Post.author_id)
    .where(PUBLISHED)
)
COMMENTS = (
    sa.select(
        Post.id,
        Comment.id,
        Post.title,
        Post.slug,
        Comment.body_html,
        sa.null(),
        Comment.created_at,
        Comment.edited_at,
        AUTHOR_NAME,
        User.display_name,
        sa.null(),
    )
    .join(Post, Post.id == Comment.post_id)
    .join(User, User.id == Comment.author_id)
    .where(PUBLISHED, COMMENT_PUBLISHED)
)
LATEST = POSTS.order_by(Post.published_at.desc(), Post.id.desc()).limit(FEED.POSTS_MAX)
OF_AUTHOR = LATEST.where(Post.author_id == sa.bindparam("author_id"))
OF_TAG = (
    POSTS.join(post_tags, post_tags.c.post_id == Post.id)
    .where(post_tags.c.tag_id == sa.bindparam("tag_id"), post_tags.c.listed_at.is_not(None))
    .order_by(post_tags.c.listed_at.desc(), post_tags.c.post_id.desc())
    .limit(FEED.POSTS_MAX)
)
OF_POST = (
    COMMENTS.where(Comment.post_id == sa.bindparam("post_id")).order_by(Comment.id.desc()).limit(FEED.COMMENTS_MAX)
)
OF_COMMENTER = (
    COMMENTS.where(Comment.author_id == sa.bindparam("author_id"))
    .order_by(Comment.id.desc())
    .limit(FEED.COMMENTS_MAX)
)
THESE_POSTS = POSTS.where(among(Post.id, "ids"))
THESE_COMMENTS = COMMENTS.where(among(Comment.id, "ids"))


def latest_posts(db: Session) -> list[Entry]:
    return [Entry(*row) for row in fetch(db, LATEST)]


def posts_of_author(db: Session, author_id: int) -> list[Entry]:
    return [Entry(*row) for row in fetch(db, OF_AUTHOR, {"author_id": author_id})]


def posts_of_tag(db: Session, tag_id: int) -> list[Entry]:
    return [Entry(*row) for row in fetch(db, OF_TAG, {"tag_id": tag_id})]


def comments_of_post(db: Session, post_id: int) -> list[Entry]:
    return [Entry(*row) for row in fetch(db, OF_POST, {"post_id": post_id})]


def comments_of_author(db: Session, author_id: int) -> list[Entry]:
    return [Entry(*row) for row in fetch(db, OF_COMMENTER, {"author_id": author_id})]


def found(db: Session, query: Query) -> list[Entry]:
    """What search finds on its first page, with the whole texts, latest first."""
    rows = search(db, query).rows
    post_ids = [row.post_id for row in rows if row.comment_id is None]
    comment_ids = [row.comment_id for row in rows if row.comment_id is not None]
    entries = [Entry(*row) for row in fetch(db, THESE_POSTS, {"ids": post_ids})] if post_ids else []
    if comment_ids:
        entries += [Entry(*row) for row in fetch(db, THESE_COMMENTS, {"ids": comment_ids})]
    return sorted(entries, key=lambda entry: entry.published_at, reverse=True)


def latest_of(entries: Sequence[Entry]) -> datetime | None:
    """When the latest of them changed."""
    return max((entry.updated_at for entry in entries), default=None)
