"""Random tokens and typed codes. Only their hashes are stored (OWASP ASVS 5.0: 6.4.1, 11.5.1)."""

import hashlib
import re
import secrets

# No vowels, so no words; no digits to mistake for letters (RFC 8628, 6.1).
CODE_ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"
CODE_LENGTH = 8


def make_token() -> str:
    """A token of 256 random bits, as 43 characters that may stand in an address or a cookie."""
    return secrets.token_urlsafe(32)


def hash_token(token: str) -> str:
    """SHA-256 in hexadecimal: 64 characters. The token is random and long, so that one round is enough."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def make_code() -> str:
    """A code to be typed, such as `WDJB-MJHT`: 34 bits, so it needs a limit of tries and minutes."""
    letters = "".join(secrets.choice(CODE_ALPHABET) for _ in range(CODE_LENGTH))
    return f"{letters[:4]}-{letters[4:]}"


def normalise_code(typed: str) -> str:
    """The typed code as `make_code` gave it: any case, with or without dashes and blanks."""
    letters = re.sub(r"[\s\-\u2010-\u2015]", "", typed).upper()
    return f"{letters[:4]}-{letters[4:]}"
