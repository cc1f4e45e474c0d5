"""Enums and limits of the outbox. Imported as `from myproject.emails import constants as EMAIL`."""

from datetime import timedelta
from enum import IntEnum, StrEnum


class Kind(StrEnum):
    """What a mail says. The value names the folder of its templates."""

    VERIFY = "verify"
    ALREADY_REGISTERED = "already_registered"
    RESET_PASSWORD = "reset_password"  # noqa: S105 - a folder's name
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a folder's name
    LOST_SECOND_FACTOR = "lost_second_factor"
    SECOND_FACTOR_RESET = "second_factor_reset"
    SECURITY_NOTICE = "security_notice"
    EXPORT_READY = "export_ready"
    DELETION_ASKED = "deletion_asked"
    ACCOUNT_APPROVED = "account_approved"
    ACCOUNT_REFUSED = "account_refused"
    ACCOUNT_SHUT = "account_shut"
    CHANGE_EMAIL = "change_email"
    EMAIL_CHANGED = "email_changed"
    REPLY = "reply"
    TEXT_APPROVED = "text_approved"
    TEXT_REFUSED = "text_refused"
    PROBE = "probe"
    TEXT_CHANGED = "text_changed"
    MENTION = "mention"
    FOLLOWED = "followed"
    THREAD = "thread"
    DIGEST = "digest"


class Topic(StrEnum):
    """What the reader of a mail can stop by a link in it. Mail without a topic can't be turned off."""

    POST_REPLY = "post_reply"
    COMMENT_REPLY = "comment_reply"
    MENTION = "mention"
    FOLLOWED_POST = "followed_post"
    FOLLOWED_TAG = "followed_tag"
    MODERATION = "moderation"
    DIGEST = "digest"


# What the links of an earlier version name, and what they go on to stop: a link in a mail never ends.
FORMER_TOPICS: dict[str, tuple[Topic, ...]] = {
    "reply": (Topic.POST_REPLY, Topic.COMMENT_REPLY),
    "followed": (Topic.FOLLOWED_POST, Topic.FOLLOWED_TAG),
}


class State(IntEnum):
    QUEUED = 0
    SENDING = 1
    SENT = 2
    DEAD = 3
    CANCELLED = 4
    EXPIRED = 5
    SUPPRESSED = 6  # not sent: mail to the address comes back, or its reader complained


UNDER_WAY = frozenset({State.QUEUED, State.SENDING})


class Fault(StrEnum):
    """Why a mail did not go out, which says what becomes of it and of the others."""

    # None would have got further: nobody answers, TLS fails, the password is wrong.
    SERVER = "server"
    # It broke off, or the server wants nothing from this sender: perhaps of this mail alone, perhaps of all.
    BROKEN = "broken"
    # This one later: the server said so, or the site can't write it as it is.
    LATER = "later"
    # This one later, and fewer to its domain.
    SLOW = "slow"
    # This one never.
    MESSAGE = "message"
    # None ever to this address.
    RECIPIENT = "recipient"


FOR_GOOD = frozenset({Fault.MESSAGE, Fault.RECIPIENT})


class Reason(IntEnum):
    """Why mail to an address is not wanted there; the graver has the higher number."""

    SOFT = 1  # it came back, and might not next time: a full mailbox, a server that was away
    HARD = 2  # it came back for good: there is no such mailbox
    COMPLAINT = 3  # its reader called it spam


class Lane(IntEnum):
    """Who goes first when many mails wait: the lower number."""

    SECURITY = 0
    REPLY = 10
    BULK = 20


LANES = {
    Kind.VERIFY: Lane.SECURITY,
    Kind.ALREADY_REGISTERED: Lane.SECURITY,
    Kind.RESET_PASSWORD: Lane.SECURITY,
    Kind.PASSWORD_CHANGED: Lane.SECURITY,
    Kind.LOST_SECOND_FACTOR: Lane.SECURITY,
    Kind.SECOND_FACTOR_RESET: Lane.SECURITY,
    Kind.SECURITY_NOTICE: Lane.SECURITY,
    Kind.EXPORT_READY: Lane.REPLY,
    Kind.DELETION_ASKED: Lane.SECURITY,
    Kind.ACCOUNT_APPROVED: Lane.REPLY,
    Kind.ACCOUNT_REFUSED: Lane.REPLY,
    Kind.ACCOUNT_SHUT: Lane.REPLY,
    Kind.CHANGE_EMAIL: Lane.SECURITY,
    Kind.EMAIL_CHANGED: Lane.SECURITY,
    Kind.REPLY: Lane.REPLY,
    Kind.TEXT_APPROVED: Lane.REPLY,
    Kind.TEXT_REFUSED: Lane.REPLY,
    Kind.PROBE: Lane.REPLY,
    Kind.TEXT_CHANGED: Lane.REPLY,
    Kind.MENTION: Lane.REPLY,
    Kind.FOLLOWED: Lane.BULK,
    Kind.THREAD: Lane.REPLY,
    Kind.DIGEST: Lane.BULK,
}

# Mails that whoever types an address has sent there, by what counts them together for one reader: what strangers
# cause by registering with somebody's address takes no new password from them.
TYPED = {
    Kind.VERIFY: "proof",
    Kind.ALREADY_REGISTERED: "proof",
    Kind.CHANGE_EMAIL: "proof",
    Kind.RESET_PASSWORD: "reset",
}

# How long mails are worth sending whose senders don't say: a digest is followed by the next, and last week's news
# is none. Mail servers give up after so many days as well (RFC 5321, 4.5.4.1).
STALE_AFTER = {Kind.DIGEST: timedelta(days=1)} | dict.fromkeys(
    (Kind.REPLY, Kind.MENTION, Kind.FOLLOWED, Kind.THREAD), timedelta(days=5)
)

# What lets in whoever holds it, by the names that templates know it by: no page shows it, and all that such a mail
# was made of goes as soon as the mail is sent.
SECRETS: dict[str, tuple[str, ...]] = {
    Kind.VERIFY: ("token", "code"),
    Kind.RESET_PASSWORD: ("token",),
    Kind.LOST_SECOND_FACTOR: ("token",),
    Kind.SECOND_FACTOR_RESET: ("token",),
    Kind.DELETION_ASKED: ("token",),
    Kind.CHANGE_EMAIL: ("token",),
    Kind.EMAIL_CHANGED: ("token",),
}
# Stands in a preview where the secret stood, and in the path of its links as well.
MASK = "********"

# A worker keeps the lease of the mail it sends, however long that takes, and one that dies loses it soon.
LEASE_SECONDS = 40
HEARTBEAT_SECONDS = 10

# Seconds to wait after the first try that failed, the second, and so on: about a day in all. Up to JITTER of it
# more or less, so that what failed together does not come back together.
BACK_OFF_SECONDS = (60, 5 * 60, 15 * 60, 3600, 3 * 3600, 6 * 3600, 12 * 3600)
MAX_ATTEMPTS = len(BACK_OFF_SECONDS) + 1
JITTER = 0.1

# The route of a mail to the mail server, which all mails take; each domain has one of its own behind it.
SERVER_ROUTE = ""
# How long a route is closed after a failure: the first pause, doubled by each failure in a row, up to the second.
SERVER_PAUSES_SECONDS = (5, 300)
DOMAIN_PAUSES_SECONDS = (60, 3600)
# So many mails in a row must break off until that is the server's fault.
BREAKS_OF_A_SERVER = 3
# How long the others wait for the mail that finds out whether a route works again.
PROBE_SECONDS = 10
ROUTES_SHOWN = 20
ROUTE_KEPT_SECONDS = 86_400

# One mail of so many is the one that has waited longest, if that is more than PATIENCE_SECONDS, whatever its lane:
# else the lanes above could keep it waiting for ever.
FAIR_SHARE = 5
PATIENCE_SECONDS = 15 * 60

# A worker sends what is due for so long, and then lets other tasks have a turn.
RUN_SECONDS = 5
# Where more mails than this are due, another worker is asked to help.
HELP_FROM = 10
# Once the next mail is due within this time, a message wakes a worker for it; the sweep finds those after it.
WAKE_SECONDS = 90
# When a database that could not be told of a mail is asked again; together less than a lease.
SETTLE_PAUSES_SECONDS = (1, 5, 20)
PURGE_BATCH = 1_000
# How many mails an admin's change of many takes in one transaction.
CHANGE_BATCH = 500

# A day with soft bounces counts one, and counts half after each SOFT_HALF_LIFE_DAYS. At SOFT_MOST, optional mail
# stops for SOFT_DAYS: five such days in a row do it, or two a week for three weeks; one a week never does.
SOFT_MOST = 4.0
SOFT_HALF_LIFE_DAYS = 14
SOFT_DAYS = 30
# How long a soft bounce is remembered, and what a provider or a mailbox told, so that it counts once.
SOFT_KEPT_DAYS = 90
RECEIPT_DAYS = 30

# A report names its status first and returns the mail last; of a longer one the end is not read.
REPORT_MAX_BYTES = 512 * 1024
WORDS_MAX_LENGTH = 500
RECEIPT_MAX_LENGTH = 200

# A page that shows a mail's HTML part may show its inline styles, and nothing else: no script, picture or form.
PAGE_POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'unsafe-inline'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'self'",
    )
)

KIND_MAX_LENGTH = 40
LOCALE_MAX_LENGTH = 20
ADDRESS_MAX_LENGTH = 254
DOMAIN_MAX_LENGTH = 253
TOPIC_MAX_LENGTH = 40
NAME_MAX_LENGTH = 100
SUBJECT_MAX_LENGTH = 250
MESSAGE_ID_MAX_LENGTH = 320
KEY_MAX_LENGTH = 200
WORKER_MAX_LENGTH = 100
ERROR_MAX_LENGTH = 500
