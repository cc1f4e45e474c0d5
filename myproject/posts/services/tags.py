"""The tags of posts."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from myproject.posts import constants as POST
from myproject.posts.models import Post, Tag, post_tags


def relist(db: Session, post: Post) -> None:
    """Puts a post into the lists of its tags, or takes it out of them, as its status says. To be called after
    every change of its status or tags.
    """
    # The tags are rows only once the post has been written.
    db.flush()
    listed_at = post.published_at if post.status == POST.Status.PUBLISHED else None
    db.execute(sa.update(post_tags).where(post_tags.c.post_id == post.id).values(listed_at=listed_at))


def find_or_make_tags(db: Session, names: Sequence[str]) -> list[Tag]:
    """The tags of these names; new ones are made, also where two posts bring the same new tag at once."""
    if not names:
        return []
    # The post is not whole yet: it must not be written by the queries here.
    with db.no_autoflush:
        found = {tag.name: tag for tag in db.scalars(sa.select(Tag).where(Tag.name.in_(names)))}
        # In one order for all: two posts that bring the same new tags would wait for each other for ever.
        for name in sorted(set(names) - set(found)):
            found[name] = make_tag(db, name)
    return [found[name] for name in names]


def make_tag(db: Session, name: str) -> Tag:
    try:
        with db.begin_nested():
            tag = Tag(name=name)
            db.add(tag)
        return tag
    except IntegrityError:
        return db.scalars(sa.select(Tag).where(Tag.name == name)).one()
