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


NAME_MIN_LENGTH = 3
NAME_MAX_LENGTH = 30
# A nickname stands in addresses: letters and digits of any script, with single ones of these between them.
NAME_JOINERS = "-_"
EMAIL_MAX_LENGTH = 254
DISPLAY_NAME_MAX_LENGTH = 60
BIO_MAX_LENGTH = 2_000
WEBSITE_MAX_LENGTH = 200
LOCALE_MAX_LENGTH = 20
TIME_ZONE_MAX_LENGTH = 64
PASSWORD_MAX_LENGTH = 128
PASSWORD_HASH_MAX_LENGTH = 200
USER_AGENT_MAX_LENGTH = 200
TOKEN_HASH_LENGTH = 64

VERIFY_HOURS = 24
CODE_MINUTES = 15
CODE_TRIES = 3
RESET_MINUTES = 60
SESSION_HOURS = 24  # of a sign-in that asked not to be remembered
SESSION_TOUCH_MINUTES = 5  # how old `last_seen_at` may be

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
