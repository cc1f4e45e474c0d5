"""Limits of images. Imported as `from myproject.images import constants as IMAGE`."""

SIDE_MAX_PIXELS = 1600  # of what is kept; larger ones are made smaller
ALT_MAX_LENGTH = 300
NAME_LENGTH = 32
SOURCE_LENGTH = 64
PER_MEMBER = 500
ORPHAN_DAYS = 2  # in no text for so long, an image is deleted
PAGE_SIZE = 24
PURGED_AT_ONCE = 200
