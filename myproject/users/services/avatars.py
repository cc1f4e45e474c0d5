"""Pictures of members: read with care, made anew in our own sizes, kept under random names.

Anybody may send one (OWASP ASVS 5.0: 5.2.2, 5.2.6). Only the decoders of four formats are tried, the size is read
off the head before anything is decoded, and nothing of the file itself is kept: what it says of place and camera,
and whatever stands in it that is no picture, ends here.
"""

import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from io import BytesIO

import sqlalchemy as sa
from PIL import Image, ImageOps
from sqlalchemy.orm import Session

from myproject.db import after_commit
from myproject.security.ratelimit import RateLimited
from myproject.storage import Storage, random_name, storage_of
from myproject.users import constants as USER
from myproject.users import errors
from myproject.users.models import User

FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
# Pillow itself refuses, when it reads the head, what has twice as many.
Image.MAX_IMAGE_PIXELS = USER.AVATAR_MAX_PIXELS
SECONDS_TO_COME_BACK = 5

# One picture may take as much memory as all the rest of the process.
TURNS = threading.BoundedSemaphore(1)
PLACES = threading.BoundedSemaphore(3)


@contextmanager
def turn() -> Iterator[None]:
    """Waits for one's turn to decode. Raises RateLimited where too many wait already: each holds a thread."""
    if not PLACES.acquire(blocking=False):
        raise RateLimited(SECONDS_TO_COME_BACK)
    try:
        with TURNS:
            yield
    finally:
        PLACES.release()


def make_avatar(content: bytes) -> dict[int, bytes]:
    """A square WebP of the middle of a picture for each of `AVATAR_SIZES`, by its pixels. Slow: never call it with
    a transaction open.

    Raises PictureTooBig, PictureUnreadable, or RateLimited where too many pictures wait.
    """
    if len(content) > USER.AVATAR_MAX_BYTES:
        raise errors.PictureTooBig
    with turn():
        try:
            return draw(content)
        except (errors.PictureTooBig, Image.DecompressionBombError):
            raise errors.PictureTooBig from None
        except Exception as error:
            # Decoders raise whatever they trip over: OSError, SyntaxError, struct.error, IndexError and others.
            raise errors.PictureUnreadable from error


def draw(content: bytes) -> dict[int, bytes]:
    with Image.open(BytesIO(content), formats=FORMATS) as image:
        if image.width * image.height > USER.AVATAR_MAX_PIXELS:
            raise errors.PictureTooBig
        largest = max(USER.AVATAR_SIZES)
        # A large JPEG is decoded at a fraction of its size; other formats take no notice.
        image.draft(None, (largest, largest))
        # Turned as its camera says, for what says so is not kept.
        upright = ImageOps.exif_transpose(image)
        plain = upright.convert("RGBA" if upright.has_transparency_data else "RGB")
    made = {}
    for size in USER.AVATAR_SIZES:
        square = ImageOps.fit(plain, (size, size), Image.Resampling.LANCZOS)
        # Encoders write from here what the file said of itself: profiles, comments, places.
        square.info.clear()
        stream = BytesIO()
        square.save(stream, "WEBP", quality=80, exif=b"", xmp=b"", icc_profile=b"")
        made[size] = stream.getvalue()
    return made


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
    """Those of these names that are a member's avatar."""
    return set(db.scalars(sa.select(User.avatar).where(User.avatar.in_(names))))
