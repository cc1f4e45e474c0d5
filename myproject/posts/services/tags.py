"""The tags of posts."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from myproject.audit import Actor, record
from myproject.cache import touch
from myproject.db import fetch, utc_now
from myproject.errors import Overtaken
from myproject.pagination import Page
from myproject.posts import constants as POST
from myproject.posts import errors
from myproject.posts.models import Post, Tag, TagFollow, TagMute, post_tags
from myproject.posts.services.likes import change_row
from myproject.posts.services.visibility import VISIBLE, viewer
from myproject.security.identity import Identity


def relist(db: Session, post: Post) -> None:
    """Puts a post into the lists of its tags, or takes it out of them, as its status says. To be called after
    every change of its status or tags.
    """
    # The tags are rows only once the post has been written.
    db.flush()
    listed_at = post.published_at if post.status == POST.Status.PUBLISHED else None
    db.execute(sa.update(post_tags).where(post_tags.c.post_id == post.id).values(listed_at=listed_at))
    touch(db, "tags")


def find_or_make_tags(db: Session, names: Sequence[str], present: Iterable[Tag] = ()) -> list[Tag]:
    """The tags of these names, each synonym's in place of it; new ones are made, also where two posts bring the
    same new tag at once. Raises RetiredTag, but for those `present` already.
    """
    if not names:
        return []
    kept = {tag.id for tag in present}
    # The post is not whole yet: it must not be written by the queries here.
    with db.no_autoflush:
        found = {tag.name: tag for tag in db.scalars(sa.select(Tag).where(Tag.name.in_(names)))}
        # In one order for all: two posts that bring the same new tags would wait for each other for ever.
        for name in sorted(set(names) - set(found)):
            found[name] = make_tag(db, name)
        for name, tag in found.items():
            if tag.synonym_of_id is not None:
                found[name] = db.get_one(Tag, tag.synonym_of_id)
    tags = list(dict.fromkeys(found[name] for name in names))
    for tag in tags:
        if tag.retired_at is not None and tag.id not in kept:
            raise errors.RetiredTag(tag.name)
    return tags


def find_unknown(db: Session, names: Sequence[str]) -> str | None:
    """The first of some names that no tag has; None where all are known."""
    known = set(db.scalars(sa.select(Tag.name).where(Tag.name.in_(names))))
    return next((name for name in names if name not in known), None)


def make_tag(db: Session, name: str) -> Tag:
    try:
        with db.begin_nested():
            tag = Tag(name=name)
            db.add(tag)
        return tag
    except IntegrityError:
        return db.scalars(sa.select(Tag).where(Tag.name == name)).one()


@dataclass(frozen=True)
class TagRow:
    """A tag as lists and pages show it. `number` of its posts is counted up to `TAG_COUNT_MAX`, and one more where
    there are more; `synonym_of` is the name of the tag that it stands for.
    """

    id: int
    name: str
    description: str
    is_retired: bool
    synonym_of: str | None
    number: int


Other = aliased(Tag)
# In the order of the index: PostgreSQL may else read a whole table, in the hope to meet enough of a tag soon.
OF_TAG = sa.select(sa.literal(1)).where(post_tags.c.tag_id == Tag.id).order_by(post_tags.c.listed_at)
LISTED = OF_TAG.where(post_tags.c.listed_at.is_not(None))
SOME = LISTED.limit(POST.TAG_COUNT_MAX + 1).correlate(Tag).subquery()
TAGS = sa.select(
    Tag.id,
    Tag.name,
    Tag.description,
    Tag.retired_at.is_not(None),
    Other.name,
    sa.select(sa.func.count()).select_from(SOME).correlate(Tag).scalar_subquery(),
).outerjoin(Other, Other.id == Tag.synonym_of_id)


# The name of a tag that no open post has and staff have not described may be what nobody should read yet.
def is_any(rows: sa.Select[int]) -> sa.ColumnElement[bool]:
    # With an EXISTS, PostgreSQL may read all that there is into memory first.
    return rows.limit(1).correlate(Tag).scalar_subquery().is_not(None)


IN_THE_OPEN = (Tag.description != "") | is_any(LISTED)
# What staff said it stands for.
IS_SYNONYM = Tag.synonym_of_id.is_not(None)
# The tags whose names one reader may know: those of posts that they may see, and what they had said something of
# while it was in the open. To staff also those of no post, which they may have to describe.
VIEWER_ID = sa.bindparam("viewer_id", type_=sa.BigInteger)
SEEN = sa.exists().where(Post.id == post_tags.c.post_id, VISIBLE).correlate(post_tags)
KNOWN = sa.or_(
    IN_THE_OPEN,
    IS_SYNONYM,
    is_any(OF_TAG.where(SEEN)),
    *(sa.exists().where(table.tag_id == Tag.id, table.user_id == VIEWER_ID) for table in (TagMute, TagFollow)),
    ~is_any(OF_TAG) & sa.bindparam("viewer_is_staff", type_=sa.Boolean),
)
OF_NAME = TAGS.where(Tag.name == sa.bindparam("name"))
FIND_OPEN, FIND_KNOWN = (OF_NAME.where(which) for which in (IN_THE_OPEN | IS_SYNONYM, KNOWN))


def list_tags(db: Session, after: str = "") -> Page[TagRow]:
    """A page of the tags by name, from the one behind `after` on: of those in the open, without synonyms, which
    stand for others.
    """
    statement = TAGS.where(Tag.name > after, Tag.synonym_of_id.is_(None), IN_THE_OPEN).order_by(Tag.name)
    rows = [TagRow(*row) for row in fetch(db, statement.limit(POST.TAGS_PAGE_SIZE + 1))]
    more = len(rows) > POST.TAGS_PAGE_SIZE
    rows = rows[: POST.TAGS_PAGE_SIZE]
    return Page(rows, rows[-1].name if more else None)


def find_tag(db: Session, name: str, identity: Identity | None = None) -> TagRow | None:
    """The tag of a canonical name, where `identity` may know of it; None where there is none."""
    statement = FIND_OPEN if identity is None else FIND_KNOWN
    row = fetch(db, statement, {"name": name} | viewer(identity)).first()
    return None if row is None else TagRow(*row)


def edit_tag(
    db: Session,
    actor: Actor,
    tag_id: int,
    *,
    name: str,
    description: str,
    retired: bool,
    synonym_of: str,
    seen: str | None = None,
) -> Tag:
    """Changes a tag. Where it becomes a synonym, its posts get the other one; the old name of one that was in the
    open becomes a synonym. Raises TagTaken, NoSuchTag, and Overtaken where it is no longer as the actor has `seen`
    it (`shown_of`).
    """
    tag = db.get_one(Tag, tag_id, with_for_update=True, populate_existing=True)
    before = values_of(db, tag)
    if before == {"name": name, "description": description, "retired": retired, "synonym_of": synonym_of}:
        return tag
    if seen not in (None, shown_of(before)):
        raise Overtaken
    renamed = name != tag.name
    leaves_name = renamed and db.scalar(sa.select(Tag.id).where(Tag.id == tag_id, IN_THE_OPEN)) is not None
    try:
        with db.begin_nested():
            # One of its own former names.
            db.execute(sa.delete(Tag).where(Tag.name == name, Tag.synonym_of_id == tag_id))
            tag.name = name
    except IntegrityError:
        raise errors.TagTaken from None
    tag.description = description
    if retired != (tag.retired_at is not None):
        tag.retired_at = utc_now() if retired else None
    other = db.scalars(sa.select(Tag).where(Tag.name == synonym_of)).first() if synonym_of else None
    if synonym_of and (other is None or other.id == tag.id or other.synonym_of_id is not None):
        raise errors.NoSuchTag
    tag.synonym_of_id = other.id if other else None
    if leaves_name:
        make_tag(db, before["name"]).synonym_of_id = tag.id
        db.flush()
    if other is not None:
        replace(db, tag.id, other.id)
    record(db, "tag.edit", tag, actor=actor, before=before, after=values_of(db, tag))
    touch(db, "site", "posts", "tags")
    return tag


def shown_of(values: Mapping[str, Any]) -> str:
    """What changes whenever a tag is no longer what staff have looked at, made from `values_of` it."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def values_of(db: Session, tag: Tag) -> dict[str, Any]:
    """What staff say of a tag, as the audit notes it."""
    other = db.get(Tag, tag.synonym_of_id) if tag.synonym_of_id else None
    return {
        "name": tag.name,
        "description": tag.description,
        "retired": tag.retired_at is not None,
        "synonym_of": other.name if other else "",
    }


def replace(db: Session, old_id: int, new_id: int) -> None:
    """Gives the posts with one tag another one, and lets the old one's synonyms stand for that. Who muted or
    followed the one does so with the other, unless they had said something of that.
    """
    has_new = sa.select(post_tags.c.post_id).where(post_tags.c.tag_id == new_id)
    theirs = sa.select(post_tags.c.post_id, sa.literal(new_id, Tag.id.type), post_tags.c.listed_at).where(
        post_tags.c.tag_id == old_id, post_tags.c.post_id.not_in(has_new)
    )
    db.execute(sa.insert(post_tags).from_select(["post_id", "tag_id", "listed_at"], theirs))
    db.execute(sa.delete(post_tags).where(post_tags.c.tag_id == old_id))
    db.execute(sa.update(Tag).where(Tag.synonym_of_id == old_id).values(synonym_of_id=new_id))
    for table in (TagMute, TagFollow):
        spoken = sa.union(*(sa.select(each.user_id).where(each.tag_id == new_id) for each in (TagMute, TagFollow)))
        moved = sa.update(table).where(table.tag_id == old_id, table.user_id.not_in(spoken)).values(tag_id=new_id)
        db.execute(moved.execution_options(synchronize_session=False))
        db.execute(sa.delete(table).where(table.tag_id == old_id).execution_options(synchronize_session=False))


@dataclass(frozen=True)
class TagMarks:
    """What a member has said of a tag: at most one of the two."""

    muted: bool = False
    followed: bool = False


MARKS = sa.select(
    *(
        sa.exists().where(table.user_id == sa.bindparam("user_id"), table.tag_id == sa.bindparam("tag_id"))
        for table in (TagMute, TagFollow)
    )
)


def find_marks(db: Session, user_id: int, tag_id: int) -> TagMarks:
    """What a member has said of a tag."""
    return TagMarks(*fetch(db, MARKS, {"user_id": user_id, "tag_id": tag_id}).one())


def mute_tag(db: Session, user_id: int, tag_id: int, on: bool) -> None:
    """Takes posts with a tag out of a member's front page, or puts them back. Who mutes it follows it no more."""
    change_row(db, TagMute, on, user_id=user_id, tag_id=tag_id)
    if on:
        change_row(db, TagFollow, False, user_id=user_id, tag_id=tag_id)


def follow_tag(db: Session, user_id: int, tag_id: int, on: bool) -> None:
    """Has a member told of new posts with a tag, or no more. Who follows it mutes it no more."""
    change_row(db, TagFollow, on, user_id=user_id, tag_id=tag_id)
    if on:
        change_row(db, TagMute, False, user_id=user_id, tag_id=tag_id)


def list_muted(db: Session, user_id: int) -> Sequence[str]:
    """The names of the tags that a member muted."""
    return list_marked(db, TagMute, user_id)


def list_followed(db: Session, user_id: int) -> Sequence[str]:
    """The names of the tags that a member follows."""
    return list_marked(db, TagFollow, user_id)


def list_marked(db: Session, table: type[TagMute] | type[TagFollow], user_id: int) -> Sequence[str]:
    """The names of the tags that a member has in one of the two tables."""
    marked = sa.select(Tag.name).join(table, table.tag_id == Tag.id).where(table.user_id == user_id)
    return db.scalars(marked.order_by(Tag.name)).all()
