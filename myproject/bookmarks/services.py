"""What is done with bookmarks."""

import contextlib
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from myproject.bookmarks import constants as BOOKMARK
from myproject.bookmarks.models import Bookmark
from myproject.pagination import Page, before, cut
from myproject.personal_data import File, Person, json_list
from myproject.posts.models import Post
from myproject.posts.services.visibility import PUBLISHED

# Whether a member keeps a post, for its page, which asks all that it says to one reader alone in one query: as
# (what, number, moment).
MINE: sa.Select[*tuple[Any, ...]] = sa.select(
    sa.literal_column("'bookmark'"), Bookmark.post_id, Bookmark.created_at
).where(Bookmark.user_id == sa.bindparam("user_id"), Bookmark.post_id == sa.bindparam("post_id"))


def add_bookmark(db: Session, user_id: int, post_id: int) -> None:
    """Keeps a post for a member. Keeping it twice is keeping it once."""
    with contextlib.suppress(IntegrityError), db.begin_nested():
        db.add(Bookmark(user_id=user_id, post_id=post_id))


def remove_bookmark(db: Session, user_id: int, post_id: int) -> None:
    """Gives a kept post up, where it was one."""
    db.execute(sa.delete(Bookmark).where(Bookmark.user_id == user_id, Bookmark.post_id == post_id))


def list_bookmarks(db: Session, user_id: int, cursor: str | None = None) -> Page[Any]:
    """A page of what a member keeps, as (id, title, slug, created_at), latest first. Raises BadCursor."""
    statement = (
        sa.select(Post.id, Post.title, Post.slug, Bookmark.created_at)
        .join(Bookmark, Bookmark.post_id == Post.id)
        .where(
            Bookmark.user_id == user_id,
            PUBLISHED,
            before(cursor, Bookmark.created_at, Bookmark.post_id),
        )
        .order_by(Bookmark.created_at.desc(), Bookmark.post_id.desc())
        .limit(BOOKMARK.PAGE_SIZE + 1)
    )
    return cut(db.execute(statement).all(), BOOKMARK.PAGE_SIZE, "created_at")


def export_bookmarks(db: Session, person: Person) -> Iterator[File]:
    """What a member keeps, to take along."""
    theirs = sa.select(Bookmark.post_id, Bookmark.created_at).where(Bookmark.user_id == person.id)
    rows = db.execute(theirs.order_by(Bookmark.created_at))
    yield "bookmarks.json", json_list(row._asdict() for row in rows)


def erase_bookmarks(db: Session, person: Person, removing: bool) -> None:
    """Deletes what a member keeps: nobody else could see it."""
    db.execute(sa.delete(Bookmark).where(Bookmark.user_id == person.id))
