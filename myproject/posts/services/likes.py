"""Likes of posts: one a member and post, not on one's own, and their number, exact however many press at once."""

from dataclasses import dataclass
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import InstrumentedAttribute, Session

from myproject.cache import touch
from myproject.db import IN_DATABASE_ONLY, Base, among, publish
from myproject.posts.models import Post, PostLike
from myproject.posts.services.tops import set_tops
from myproject.posts.services.visibility import PUBLISHED


@dataclass(frozen=True)
class PostLiked:
    """Event: a member likes a post, or does no more, in this transaction."""

    db: Session
    post_id: int


# Whether a member likes a post: a part of the one query for what its page says to one reader alone.
MINE: sa.Select[*tuple[Any, ...]] = sa.select(
    sa.literal_column("'like'"), PostLike.post_id, PostLike.created_at
).where(PostLike.user_id == sa.bindparam("user_id"), PostLike.post_id == sa.bindparam("post_id"))


def like_post(db: Session, user_id: int, post_id: int, on: bool) -> int | None:
    """Adds or takes back a member's like, once; gives the number of likes, None where there is no such post any
    more. The caller has checked that it is not the member's own.
    """
    # The row is held until the end, so that the likes of one post come one after the other.
    held = sa.select(Post.id).where(Post.id == post_id, PUBLISHED).with_for_update()
    if db.scalar(held) is None:
        return None
    change = change_row(db, PostLike, on, user_id=user_id, post_id=post_id)
    counted = db.execute(
        sa.update(Post)
        .where(Post.id == post_id)
        .values(like_count=Post.like_count + change)
        .returning(Post.like_count, Post.published_at)
        .execution_options(synchronize_session=False)
    ).one()
    if change:
        set_tops(db, post_id, counted.like_count, counted.published_at)
        touch(db, "posts", f"post:{post_id}")
        publish(db, PostLiked(db, post_id))
    return int(counted.like_count)


def change_row(db: Session, table: type[Base], on: bool, **key: Any) -> int:
    """Adds the row of a member, or deletes it; by how much the number of such rows has changed: 1, 0 or -1."""
    if not on:
        gone = db.execute(sa.delete(table).filter_by(**key).execution_options(synchronize_session=False))
        return -cast(sa.CursorResult[Any], gone).rowcount
    try:
        with db.begin_nested():
            db.add(table(**key))
        return 1
    except IntegrityError:
        return 0


def take_all_back(db: Session, user_id: int, liked: type[Any], like: InstrumentedAttribute[int]) -> list[int]:
    """Deletes a member's likes of posts or comments, and no longer counts them; gives the numbers of what they
    liked. `liked` is the model of that, `like` the column that names it in the table of the likes.
    """
    theirs = like.class_.user_id == user_id
    # Held before the likes, as by who likes one of them, and in one order: nobody waits for who waits for them.
    held = sa.select(liked.id).where(liked.id.in_(sa.select(like).where(theirs)))
    db.execute(held.order_by(liked.id).with_for_update(key_share=True))
    ids = list(db.scalars(sa.delete(like.class_).where(theirs).returning(like)))
    fewer = sa.update(liked).where(among(liked.id, "ids")).values(like_count=liked.like_count - 1)
    db.execute(fewer, {"ids": ids}, execution_options=IN_DATABASE_ONLY)
    return ids
