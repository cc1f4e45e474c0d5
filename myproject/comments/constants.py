"""Enums and limits of comments. Imported as `from myproject.comments import constants as COMMENT`."""

from enum import IntEnum, StrEnum


class Status(IntEnum):
    """As far as they are the same, the numbers are those of posts."""

    PUBLISHED = 1
    WAITING = 2  # for the approval of staff
    REMOVED = 3
    HIDDEN = 4  # until staff have looked at it, or for as long as its author may not comment


class HiddenFor(IntEnum):
    """Why a comment is hidden."""

    REPORTS = 1
    BAN = 2


class Order(StrEnum):
    """Of the threads of a post; within one, what was written first stands first."""

    OLD = "old"
    NEW = "new"
    BEST = "best"


# Replies deeper than this stand at the last level, each saying whom it answers.
LEVELS = 5
# A page has whole threads, as many as have no more comments than this; of a longer thread it shows the beginning.
PAGE_SIZE = 100
THREAD_SIZE = 50
LIST_SIZE = 20
# Among so many of a post's latest comments its page looks for the next new one.
NEWS_WINDOW = 100
# One segment of a comment's path: its number in decimal digits, so that text order is tree order in any
# collation.
SEGMENT = 12
EXCERPT_MAX_LENGTH = 300
# Removed ones that are deleted or emptied in one transaction.
PURGE_BATCH = 200
