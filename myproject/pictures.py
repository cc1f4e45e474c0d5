"""Pictures that people send: read with care, and made anew.

Anybody may send one (OWASP ASVS 5.0: 5.2.2, 5.2.6). Only the decoders of four formats are tried, the size is read
off the head before anything is decoded, and nothing of the file itself is kept: what it says of place and camera,
and whatever stands in it that is no picture, ends here.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

from PIL import Image, ImageOps

from myproject.security.ratelimit import RateLimited

FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
ACCEPT = "image/png,image/jpeg,image/webp,image/gif"
MAX_PIXELS = 24_000_000
# Pillow itself refuses, when it reads the head, what has twice as many.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS
# A JPEG is drawn once over for each scan. Cameras and programs make some ten; a file has room for
# thousands of empty ones, which take a minute.
MAX_SCANS = 100
START_OF_SCAN = b"\xff\xda"
SECONDS_TO_COME_BACK = 5
QUALITY = 80

# One picture may take as much memory as all the rest of the process.
TURNS = threading.BoundedSemaphore(1)
PLACES = threading.BoundedSemaphore(3)


class TooBig(Exception):
    """The picture has too many bytes or pixels."""


class Unreadable(Exception):
    """This is no picture of a known kind, or a broken one."""


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


@contextmanager
def opened(content: bytes, largest: int, max_bytes: int) -> Iterator[Image.Image]:
    """The first frame of a picture, upright, in RGB or RGBA, to be shown at most `largest` pixels high and wide.
    Slow: never with a transaction open.

    Raises TooBig, Unreadable, also for what fails within the block, or RateLimited where too many pictures wait.
    """
    if len(content) > max_bytes:
        raise TooBig
    with turn():
        try:
            yield read(content, largest)
        except (TooBig, Image.DecompressionBombError):
            raise TooBig from None
        except Exception as error:
            # Decoders raise whatever they trip over: OSError, SyntaxError, struct.error, IndexError and others.
            raise Unreadable from error


def read(content: bytes, largest: int) -> Image.Image:
    with Image.open(BytesIO(content), formats=FORMATS) as image:
        if image.width * image.height > MAX_PIXELS:
            raise TooBig
        if image.format in ("JPEG", "MPO") and content.count(START_OF_SCAN) > MAX_SCANS:
            raise Unreadable
        # A large JPEG is decoded at a fraction of its size; other formats take no notice.
        image.draft(None, (largest, largest))
        # Turned as its camera says, for what says so is not kept.
        upright = ImageOps.exif_transpose(image)
        return upright.convert("RGBA" if upright.has_transparency_data else "RGB")


def webp(image: Image.Image) -> bytes:
    """A picture as a WebP that says nothing but its pixels."""
    # Encoders write from here what the file said of itself: profiles, comments, places.
    image.info.clear()
    stream = BytesIO()
    image.save(stream, "WEBP", quality=QUALITY, exif=b"", xmp=b"", icc_profile=b"")
    return stream.getvalue()
