"""Enums and limits of notifications. Imported as `from myproject.notifications import constants as NOTE`."""

from datetime import timedelta
from enum import IntEnum


class Kind(IntEnum):
    """What a member is told of. Of several that fit one event, the first counts."""

    COMMENT_REPLY = 1
    POST_REPLY = 2
    MENTION = 3
    FOLLOWED_POST = 4
    FOLLOWED_TAG = 5
    LIKE = 6
    MODERATION = 7
    SECURITY = 8


class Way(IntEnum):
    """How a kind comes by mail."""

    NEVER = 0
    NOW = 1
    DIGEST = 2


class Mail(IntEnum):
    """What becomes of the mail of a notification."""

    NONE = 0  # there is none, by choice or by nature
    WAITING = 1  # for the end of its window
    MAILED = 2
    FOLDED = 3  # stands in the mail of another one
    DIGEST = 4  # waits for the next digest
    DIGESTED = 5
    SKIPPED = 6  # `outcome` says why


class Outcome(IntEnum):
    """The step that decided, the last one of the chain."""

    WAITING = 0  # all is well so far, and the window runs
    MAILED = 1
    DIGEST = 2  # chosen for the digest, which is to come
    DIGESTED = 3
    NEVER = 4  # their choice for the kind
    OWN = 5
    CLOSED = 6  # their account is shut, or about to be deleted
    MUTED = 7
    TAG_MUTED = 8
    REMOVED = 9
    MAY_NOT_SEE = 10  # the text waits for approval or is hidden
    EDITED_AWAY = 11  # they are no longer named in the text
    UNVERIFIED = 12
    BOUNCED = 13  # mail to their address came back, or they complained of it
    READ_ON_SITE = 14
    CAPPED = 15
    NO_DIGEST = 16  # chosen for the digest, and they have none
    VISITED = 17  # the digest is for those who have not been here since
    UNFOLLOWED = 18  # they follow the post or the tag no longer
    BLOCKED = 19  # they have blocked who did it
    # Of a mail that was in the outbox already.
    OTHER_ADDRESS = 20  # theirs is another one by now
    CANCELLED = 21  # by an admin
    TOO_OLD = 22
    UNDELIVERED = 23  # it was refused, or no try got through


class Decision(IntEnum):
    """What staff did with a member's text."""

    APPROVED = 1
    REFUSED = 2
    REMOVED = 3
    EDITED = 4
    RESTORED = 5
    HIDDEN = 6
    MOVED = 7
    CHANGE_ASKED = 8  # it stays hidden until its author has changed it
    # Of a text of somebody else, which the member has reported.
    REPORT_UPHELD = 9
    REPORT_DISMISSED = 10


class Digest(IntEnum):
    """The days between two digests."""

    OFF = 0
    DAILY = 1
    WEEKLY = 7


# Whether a kind comes to the inbox, and how by mail, for who has chosen nothing.
DEFAULTS: dict[Kind, tuple[bool, Way]] = {
    Kind.COMMENT_REPLY: (True, Way.NOW),
    Kind.POST_REPLY: (True, Way.NOW),
    Kind.MENTION: (True, Way.NOW),
    Kind.FOLLOWED_POST: (True, Way.NOW),
    Kind.FOLLOWED_TAG: (True, Way.DIGEST),
    Kind.LIKE: (True, Way.NEVER),
    Kind.MODERATION: (True, Way.NOW),
    Kind.SECURITY: (True, Way.NOW),
}
# What a member may change of that. Security always comes by mail, and likes never do.
INBOX_CHOICES = frozenset(Kind) - {Kind.SECURITY, Kind.MODERATION}
MAIL_CHOICES = frozenset(Kind) - {Kind.SECURITY, Kind.LIKE}

EVENT_MAX_LENGTH = 60
NOTE_MAX_LENGTH = 500
PAGE_SIZE = 30
# The inbox counts no further.
UNREAD_MAX = 99
PURGE_BATCH = 1_000
# How many notifications one transaction mails.
MAIL_BATCH = 40
# Of how many texts the words are at hand while mails are made: each is in the mails of many.
TEXTS_AT_HAND = 200
# What was removed or hidden, and is back after a longer time, is not mailed any more.
WORTH_MAILING = timedelta(days=3)
# What a mail quotes of a text, in characters.
MAILED_MAX_LENGTH = 4_000
# What a mail about several comments quotes of each, in characters, and how many it quotes.
FOLDED_MAX = 20
FOLDED_MAX_LENGTH = 1_000
# The same of a digest.
DIGEST_MAX = 50
DIGEST_EXCERPT_MAX_LENGTH = 300
# A digest comes so much before a whole period is over, that its hour does not move from day to day.
DIGEST_EARLY = timedelta(minutes=45)
DIGEST_BATCH = 50
