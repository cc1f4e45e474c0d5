"""Enums and limits of moderation. Imported as `from myproject.moderation import constants as MODERATION`."""

from enum import IntEnum


class Reason(IntEnum):
    """Why a member reports a text."""

    SPAM = 1
    RUDE = 2
    PRIVATE = 3  # tells of somebody what is nobody's business
    ILLEGAL = 4
    OFF_TOPIC = 5
    OTHER = 6


class State(IntEnum):
    """Of the case of one text."""

    OPEN = 1  # in the queue of staff
    ASKED = 2  # it stays hidden, and its author may change it once
    CLOSED = 3
    WITHDRAWN = 4  # its author has removed the text meanwhile


class Decision(IntEnum):
    KEPT = 1
    REMOVED = 2


class Outcome(IntEnum):
    """What became of one member's report."""

    OPEN = 0
    UPHELD = 1
    DISMISSED = 2


NOTE_MAX_LENGTH = 500
PAGE_SIZE = 20
LOG_PAGE_SIZE = 50
NOTES_SHOWN = 20
# Of an author's texts no more are counted.
COUNT_MAX = 25
