"""Pictures of members: made anew in our own sizes (`myproject/pictures.py`), kept under random names."""

from collections.abc import Collection

import sqlalchemy as sa
from PIL import Image, ImageOps
from sqlalchemy.orm import Session

from myproject.db import after_commit
from myproject.pictures import TooBig, Unreadable, opened, webp
from myproject.storage import Storage, random_name, storage_of
from myproject.users import constants as USER
from myproject.users import errors
from myproject.users.models import User


def make_avatar(content: bytes, max_bytes: int) -> dict[int, bytes]:
    """A square WebP of the middle of a picture, of at most so many bytes, for each of `AVATAR_SIZES`, by its
    pixels. Slow: never call it with a transaction open.

    Raises PictureTooBig, PictureUnreadable, or RateLimited where too many pictures wait.
    """
    try:
        with opened(content, max(USER.AVATAR_SIZES), max_bytes) as image:
            return {size: square(image, size) for size in USER.AVATAR_SIZES}
    except TooBig:
        raise errors.PictureTooBig(max_bytes) from None
    except Unreadable as error:
        raise errors.PictureUnreadable from error


def square(image: Image.Image, size: int) -> bytes:
    return webp(ImageOps.fit(image, (size, size), Image.Resampling.LANCZOS))


def file_name(avatar: str, size: int) -> str:
    """The name in the storage of one size of an avatar; that in addresses too."""
    return f"{avatar}-{size}.webp"


def keep_avatar(storage: Storage, pictures: dict[int, bytes]) -> str:
    """Writes a new avatar's files and gives its name, for `set_avatar`. One that no member gets is purged."""
    name = random_name()
    for size, content in pictures.items():
        with storage.writing(file_name(name, size)) as file:
            file.write(content)
    return name


def set_avatar(db: Session, user: User, name: str) -> None:
    """Gives a member the avatar of that name, or none; the files of the one before go with the commit."""
    before, user.avatar = user.avatar, name
    delete_after_commit(db, before)


def delete_after_commit(db: Session, avatar: str) -> None:
    """Deletes an avatar's files once the transaction has committed."""
    registry = db.info.get("registry")
    if avatar and registry is not None:
        storage = storage_of(registry)
        names = [file_name(avatar, size) for size in USER.AVATAR_SIZES]

        def delete() -> None:
            for name in names:
                storage.delete(name)

        after_commit(db, delete)


def used_avatars(db: Session, names: Collection[str]) -> set[str]:
    """Those of these names, or of their first 32 characters, that are a member's avatar."""
    stems = {name[:32] for name in names}
    return set(db.scalars(sa.select(User.avatar).where(User.avatar.in_(stems))))
