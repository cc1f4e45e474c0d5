"""Enums and limits of posts. Imported as `from myproject.posts import constants as POST`."""

from enum import IntEnum, StrEnum


class Status(IntEnum):
    DRAFT = 0
    PUBLISHED = 1
    WAITING = 2  # for the approval of staff
    REMOVED = 3
    HIDDEN = 4  # until staff have looked at it: members have reported it


class Sort(StrEnum):
    NEW = "new"
    ACTIVE = "active"
    TOP = "top"


class Period(StrEnum):
    """Of which posts the top is shown."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"
    ALL = "all"


class Span(IntEnum):
    """The days back from now of each period but the last."""

    DAY = 1
    WEEK = 7
    MONTH = 30
    YEAR = 365


class Attention(IntEnum):
    """What a member asked for a post: to be told of each comment, or of none."""

    FOLLOW = 1
    MUTE = 2


TITLE_MIN_LENGTH = 3
TITLE_MAX_LENGTH = 150
SLUG_MAX_LENGTH = 80
BODY_MAX_BYTES = 64 * 1024
EXCERPT_MAX_LENGTH = 200
TAGS_MAX = 5
TAG_MAX_LENGTH = 30
TAG_JOINERS = "-"
TAGS_PAGE_SIZE = 100
ATTENTION_PAGE_SIZE = 50
TAG_COUNT_MAX = 500
TAG_DESCRIPTION_MAX_LENGTH = 300
REASON_MAX_LENGTH = 300
LINK_MAX_LENGTH = 500
PAGE_SIZE = 20
# How many posts a page looks through, for a member who has muted what most of them are tagged with.
LOOKED_THROUGH = 10 * PAGE_SIZE
DRAFTS_MAX = 200
WAITING_SHOWN = 50
HIDDEN_SHOWN = 50
REMOVED_SHOWN = 50
# Within which an author who changes a text again goes on writing it.
GRACE_MINUTES = 5
CHANGES_SHOWN = 100
PINNED_MAX = 3
# Removed ones that are emptied in one transaction.
PURGE_BATCH = 200

# Words that stand after a post's number in addresses of ours.
RESERVED_SLUGS = frozenset(
    {
        "bookmark",
        "comments",
        "delete",
        "edit",
        "follow",
        "hidden",
        "history",
        "like",
        "news",
        "lock",
        "merge",
        "pin",
        "report",
        "restore",
        "why",
        "source.md",
        "source.json",
        "feed.atom",
    }
)
