"""Enums and limits of members. Imported as `from myproject.users import constants as USER`."""

from enum import IntEnum, StrEnum


class Role(IntEnum):
    ADMIN = 0
    STAFF = 1
    USER = 2


class Status(IntEnum):
    INACTIVE = 0
    NEW = 1
    ACTIVE = 2


class Theme(StrEnum):
    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


class TokenPurpose(IntEnum):
    """What a link in a mail may do. A token of one purpose is nothing for another."""

    VERIFY_EMAIL = 1
    RESET_PASSWORD = 2
    CHANGE_EMAIL = 3
    UNDO_EMAIL = 4
    KEEP_ACCOUNT = 5
    RESET_SECOND_FACTOR = 6
    KEEP_SECOND_FACTOR = 7


class Step(IntEnum):
    """What a browser has begun and not ended yet. A step of one kind is nothing for another."""

    SECOND_FACTOR = 1
    PROVIDER = 2  # at the third party, who will send the browser back
    PROVIDER_REGISTRATION = 3  # known to the third party, new here
    PASSKEY_SIGN_IN = 4
    PASSKEY_ADDING = 5
    AUTHENTICATOR_ADDING = 6
    FIRST_ADMIN = 7  # nobody runs the site yet


class Way(IntEnum):
    """How a session began."""

    PASSWORD = 1
    PASSKEY = 2
    PROVIDER = 3
    REGISTRATION = 4


class Approval(IntEnum):
    NONE = 0  # needs none
    WAITING = 1
    GIVEN = 2
    REFUSED = 3


# Of whom the site shows something, and who may sign in.
ADMITTED = (Approval.NONE, Approval.GIVEN)


class Deletion(IntEnum):
    """What an owner who leaves has asked for."""

    NONE = 0
    KEEP_POSTS = 1
    REMOVE_POSTS = 2


class SecurityEvent(IntEnum):
    """What the owner of an account sees of its history."""

    REGISTERED = 1
    SIGNED_IN = 2
    SIGN_IN_FAILED = 3
    SESSIONS_ENDED = 4
    PASSWORD_CHANGED = 5
    PASSWORD_RESET = 6
    EMAIL_CHANGE_ASKED = 7
    EMAIL_CHANGED = 8
    EMAIL_CHANGE_UNDONE = 9
    NAME_CHANGED = 10
    SECOND_FACTOR_ON = 11
    SECOND_FACTOR_OFF = 12
    RECOVERY_CODES_MADE = 13
    RECOVERY_CODE_USED = 14
    PASSKEY_ADDED = 15
    PASSKEY_REMOVED = 16
    PROVIDER_CONNECTED = 17
    PROVIDER_REMOVED = 18
    TERMS_ACCEPTED = 19
    EXPORT_ASKED = 20
    DELETION_ASKED = 21
    DELETION_UNDONE = 22
    ROLE_CHANGED = 23
    STATUS_CHANGED = 24
    SESSIONS_SHUT = 25
    SESSION_COPIED = 26
    SECOND_FACTOR_RESET_ASKED = 27
    SECOND_FACTOR_RESET_CANCELLED = 28
    ADDRESS_VERIFIED = 29
    ADDRESS_CORRECTED = 30
    PASSWORD_RESET_ASKED = 31
    PASSWORD_RESET_STARTED = 32  # by an admin
    PASSKEY_COPIED = 33


# Those whose detail is an address that the member had or typed.
ADDRESS_EVENTS = frozenset(
    {
        SecurityEvent.EMAIL_CHANGE_ASKED,
        SecurityEvent.EMAIL_CHANGED,
        SecurityEvent.EMAIL_CHANGE_UNDONE,
        SecurityEvent.ADDRESS_VERIFIED,
        SecurityEvent.ADDRESS_CORRECTED,
    }
)


# With their number behind it, the name of a member who is gone. No nickname has a blank in it.
FORMER_MEMBER = "former member "
NAME_MIN_LENGTH = 3
NAME_MAX_LENGTH = 30
# A nickname stands in addresses: letters and digits of any script, with single ones of these between them.
NAME_JOINERS = "-_"
NAME_SKELETON_MAX_LENGTH = 120  # a letter looks like up to four others
EMAIL_MAX_LENGTH = 254
DISPLAY_NAME_MAX_LENGTH = 60
BIO_MAX_LENGTH = 2_000
WEBSITE_MAX_LENGTH = 200
LOCALE_MAX_LENGTH = 20
TIME_ZONE_MAX_LENGTH = 64
PASSWORD_MAX_LENGTH = 128
PASSWORD_HASH_MAX_LENGTH = 200
USER_AGENT_MAX_LENGTH = 200
AVATAR_SIZES = (48, 192)  # width and height in pixels
TOKEN_HASH_LENGTH = 64

VERIFY_HOURS = 24
CODE_MINUTES = 15
CODE_TRIES = 3
RESET_MINUTES = 60
SESSION_HOURS = 24  # of a sign-in that asked not to be remembered
SESSION_IDLE_HOURS = 8  # after which it ends where nobody uses it
REMEMBERED_IDLE_DAYS = 14  # and one that asked to be remembered
SESSIONS_MAX = 50  # of one member; of more the one least lately used ends
SESSION_TOUCH_MINUTES = 5  # how old `last_seen_at` may be
VALIDATOR_MINUTES = 60  # how often the cookie of a remembered session changes
# How long the one before stays good once the new one was shown: a slow upload may have begun with it.
VALIDATOR_GRACE_MINUTES = 5
REAUTH_MINUTES = 10  # how long a sign-in is fresh enough for what is dangerous
ADMIN_REAUTH_MINUTES = 60  # and for the admins' pages
STEP_MINUTES = 10
STEP_TRIES = 5
WRONG_CODES_TOLD = 3  # of the second factor, in a row, before a mail tells the owner
WRONG_CODES_TOLD_AGAIN = 10  # and before each further one
CHANGE_EMAIL_MINUTES = 60
FIRST_ADMIN_HOURS = 24
DEVICE_DAYS = 365  # how long a browser is known that somebody signed in with
DEVICE_MEMBERS = 5  # of whom one browser is remembered
UNDO_EMAIL_DAYS = 7
DELETION_DAYS = 7
EXPORT_DAYS = 7
FORMER_NAME_DAYS = 365  # nobody else gets a parked nickname for so long
RENAME_DAYS = 30
EXPORT_LOST_MINUTES = 30  # an export that is not made by then is begun anew
RECOVERY_CODES = 10
RECOVERY_CODES_FEW = 2  # so few left that the site reminds its owner to make new ones
PASSKEYS_MAX = 20
PASSKEY_NAME_MAX_LENGTH = 60
PASSKEY_COPIED_HOURS = 24  # the owner of a copied passkey is told once in so long
CREDENTIAL_ID_MAX_BYTES = 1023  # WebAuthn level 3, 4: credential ID
PROVIDER_MAX_LENGTH = 40
ISSUER_MAX_LENGTH = 300
SUBJECT_MAX_LENGTH = 255  # OpenID Connect Core, 2
INVITATION_NOTE_MAX_LENGTH = 200
INVITATION_USES_MAX = 20
INVITATION_DAYS_MAX = 30
INVITATIONS_OPEN_MAX = 10  # of one member, at a time
APPROVAL_REASON_MAX_LENGTH = 500
BAN_REASON_MAX_LENGTH = 300
BAN_DAYS_MAX = 3650
BANS_SHOWN = 20
HISTORY_PAGE_SIZE = 50
BLOCKS_PAGE_SIZE = 50

# Addresses of ours and words people would take for the site's own voice.
RESERVED_NAMES = frozenset(
    {
        *(
            "admin",
            "administrator",
            "moderation",
            "moderator",
            "official",
            "owner",
            "root",
            "staff",
            "support",
        ),
        *("anonymous", "deleted", "former-member", "null", "undefined"),
        *("api", "help", "me", "new", "security", "system", "webmaster"),
    }
)
