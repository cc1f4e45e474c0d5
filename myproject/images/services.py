"""What is done with images: made anew (`myproject/pictures.py`), kept, found by their texts, deleted."""

import hmac
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, BinaryIO

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from myproject.audit import Actor, record
from myproject.comments.models import Comment
from myproject.db import after_commit, utc_now
from myproject.images import constants as IMAGE
from myproject.images import errors
from myproject.images.models import Image, ImageUse
from myproject.pagination import Page, before, cut
from myproject.personal_data import File, Person, json_list
from myproject.pictures import TooBig, Unreadable, opened, webp
from myproject.posts.models import Post
from myproject.security.keys import KeyRing
from myproject.storage import Storage, random_name, storage_of
from myproject.text import images_in

# What would end the alternative text, or begin something in it.
SPECIAL = re.compile(r"([\\\[\]`*_<>&!~@])")
PIECE_BYTES = 64 * 1024
USED = sa.exists().where(ImageUse.image_id == Image.id)


@dataclass(frozen=True)
class Picture:
    """An image as it will be kept; width and height in pixels."""

    content: bytes
    width: int
    height: int


def make_picture(content: bytes, max_bytes: int) -> Picture:
    """The picture in `content`, of at most so many bytes, as a WebP of at most `SIDE_MAX_PIXELS` a side. Slow:
    never call it with a transaction open.

    Raises ImageTooBig, ImageUnreadable, or RateLimited where too many pictures wait.
    """
    try:
        with opened(content, IMAGE.SIDE_MAX_PIXELS, max_bytes) as image:
            image.thumbnail((IMAGE.SIDE_MAX_PIXELS, IMAGE.SIDE_MAX_PIXELS))
            return Picture(webp(image), image.width, image.height)
    except TooBig:
        raise errors.ImageTooBig(max_bytes) from None
    except Unreadable as error:
        raise errors.ImageUnreadable from error


def file_name(name: str) -> str:
    """The name in the storage of an image; that in addresses too."""
    return f"{name}.webp"


def source_of(keys: KeyRing, user_id: int, content: bytes) -> str:
    """What the image that a member makes of a file is known by when they send the file again. It tells nobody who
    has the file anything, as nobody else can make it.
    """
    message = b"%d %s" % (user_id, content)
    return hmac.digest(keys.derive("image")[0], message, "sha256").hex()


def find_same(db: Session, source: str) -> Image | None:
    """The image that was made of the same file for the same member, if it is there."""
    return db.scalars(sa.select(Image).where(Image.source == source)).first()


def keep_picture(storage: Storage, picture: Picture) -> str:
    """Writes the file of a new image and gives its name, for `add_image`. One that has no row is purged.

    No two images ever have one name: what was deleted stays away, and its file is nobody else's.
    """
    name = random_name()
    with storage.writing(file_name(name)) as file:
        file.write(picture.content)
    return name


def check_room(db: Session, user_id: int) -> None:
    """Raises TooManyImages where a member has as many as they may."""
    numbers = sa.select(Image.id).where(Image.user_id == user_id).limit(IMAGE.PER_MEMBER)
    if len(db.scalars(numbers).all()) >= IMAGE.PER_MEMBER:
        raise errors.TooManyImages


def add_image(
    db: Session, user_id: int, name: str, picture: Picture, alt: str, source: str | None = None
) -> Image:
    """Notes an image whose file is written, and gives it: that which is there where another of the same source
    (`source_of`) was noted at the same moment. Raises TooManyImages.
    """
    check_room(db, user_id)
    image = Image(name=name, user_id=user_id, alt=alt, width=picture.width, height=picture.height, source=source)
    try:
        with db.begin_nested():
            db.add(image)
    except IntegrityError:
        same = find_same(db, source or "")
        if same is None:
            # It was deleted at this very moment.
            return add_image(db, user_id, name, picture, alt)
        touch_image(db, same.name)
        return same
    return image


def touch_image(db: Session, name: str) -> None:
    """Lets an image that is in no text live as long as a new one."""
    db.execute(sa.update(Image).where(Image.name == name).values(touched_at=utc_now()))


def markdown_of(name: str, alt: str) -> str:
    """What stands in a text to show the image, with its alternative text."""
    escaped = SPECIAL.sub(r"\\\1", alt)
    return f"![{escaped}](/images/{file_name(name)})"


def find_sizes(db: Session, names: Collection[str]) -> dict[str, tuple[int, int]]:
    """Width and height of those images that there are."""
    rows = db.execute(sa.select(Image.name, Image.width, Image.height).where(Image.name.in_(names)))
    return {row.name: (row.width, row.height) for row in rows}


def find_image(db: Session, name: str) -> Any | None:
    """The image of that name as (id, name, alt, width, height, author_id, used)."""
    return db.execute(
        sa.select(
            Image.id,
            Image.name,
            Image.alt,
            Image.width,
            Image.height,
            Image.user_id.label("author_id"),
            USED.label("used"),
        ).where(Image.name == name)
    ).first()


def list_images(db: Session, user_id: int, cursor: str | None = None) -> Page[Any]:
    """A page of a member's images as (id, name, alt, width, height, created_at, touched_at, used), latest first.
    Raises BadCursor.
    """
    columns = (Image.id, Image.name, Image.alt, Image.width, Image.height, Image.created_at, Image.touched_at)
    statement = (
        sa.select(*columns, USED.label("used"))
        .where(Image.user_id == user_id, before(cursor, Image.created_at, Image.id))
        .order_by(Image.created_at.desc(), Image.id.desc())
        .limit(IMAGE.PAGE_SIZE + 1)
    )
    return cut(db.execute(statement).all(), IMAGE.PAGE_SIZE, "created_at")


# Which texts an image stands in


def note_uses(connection: sa.Connection, text: Post | Comment, *, is_new: bool) -> None:
    """Writes down which images a text shows, in the transaction that saves it."""
    column = ImageUse.post_id if isinstance(text, Post) else ImageUse.comment_id
    if not is_new:
        of_text = sa.select(ImageUse.image_id).where(column == text.id)
        connection.execute(sa.update(Image).where(Image.id.in_(of_text)).values(touched_at=utc_now()))
        connection.execute(sa.delete(ImageUse).where(column == text.id))
    names = {name for name, _alt in images_in(text.body_html)}
    if not names:
        return
    images = connection.scalars(sa.select(Image.id).where(Image.name.in_(names)).order_by(Image.id)).all()
    if images:
        connection.execute(sa.update(Image).where(Image.id.in_(images)).values(touched_at=utc_now()))
        connection.execute(sa.insert(ImageUse), [{"image_id": id_, column.key: text.id} for id_ in images])


# Deleting


def delete_image(db: Session, image_id: int, actor: Actor | None = None) -> None:
    """Deletes an image, its file with the commit. Texts that show it are to be rendered anew: their versions are
    set back for that. `actor` is who deletes that of somebody else.
    """
    image = db.get(Image, image_id, with_for_update=True)
    if image is None:
        return
    if actor is not None:
        record(db, "image.delete", image, actor=actor, before={"user_id": image.user_id})
    for model, column in ((Post, ImageUse.post_id), (Comment, ImageUse.comment_id)):
        shown_in = sa.select(column).where(ImageUse.image_id == image_id)
        db.execute(sa.update(model).where(model.id.in_(shown_in)).values(body_renderer=0))
    delete_files(db, [image.name])
    db.delete(image)


def delete_files(db: Session, names: Sequence[str]) -> None:
    """Deletes the files of images once the transaction has committed."""
    registry = db.info.get("registry")
    if registry is None or not names:
        return
    storage = storage_of(registry)

    def delete() -> None:
        for name in names:
            storage.delete(file_name(name))

    after_commit(db, delete)


def purge_orphans(db: Session, now: datetime, wanted: sa.ColumnElement[bool]) -> int:
    """Deletes some of the images that were in no text for `ORPHAN_DAYS` days, but for those that are `wanted` all
    the same. Gives how many.
    """
    old = Image.touched_at < now - timedelta(days=IMAGE.ORPHAN_DAYS)
    idle = ~USED & ~wanted
    orphans = sa.select(Image.id).where(old, idle).order_by(Image.touched_at).limit(IMAGE.PURGED_AT_ONCE)
    # Asked again by the deletion: a text may have been saved meanwhile.
    gone = db.scalars(sa.delete(Image).where(Image.id.in_(orphans), idle).returning(Image.name)).all()
    delete_files(db, gone)
    return len(gone)


def used_files(db: Session, names: Collection[str]) -> set[str]:
    """Those of these files, or their first 32 characters, that are an image's."""
    stems = {name[: IMAGE.NAME_LENGTH] for name in names}
    return set(db.scalars(sa.select(Image.name).where(Image.name.in_(stems))))


# A member's own


def export_images(db: Session, person: Person) -> Iterator[File]:
    """A member's images: a list that names their files and addresses, and the files. There are at most
    `PER_MEMBER` of them.
    """
    columns = (Image.name, Image.alt, Image.width, Image.height, Image.created_at)
    rows = db.execute(sa.select(*columns).where(Image.user_id == person.id).order_by(Image.id)).all()
    paths = [f"images/{file_name(row.name)}" for row in rows]
    listed = zip(paths, rows, strict=True)
    yield "images.json", json_list({"file": path, "address": f"/{path}", **row._asdict()} for path, row in listed)
    storage = storage_of(db.info["registry"])
    for path, row in zip(paths, rows, strict=True):
        try:
            file = storage.open(file_name(row.name))
        except FileNotFoundError:
            # Deleted meanwhile.
            continue
        yield path, pieces_of(file)


def pieces_of(file: BinaryIO) -> Iterator[bytes]:
    """What a file holds, in pieces; closes it."""
    with file:
        while piece := file.read(PIECE_BYTES):
            yield piece


def erase_images(db: Session, person: Person, removing: bool) -> None:
    """Deletes a member's images; where their texts stay, only those that none of these shows."""
    theirs = sa.delete(Image).where(Image.user_id == person.id)
    gone = db.scalars((theirs if removing else theirs.where(~USED)).returning(Image.name)).all()
    delete_files(db, gone)
