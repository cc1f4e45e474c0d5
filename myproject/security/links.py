"""Links in mails that need no sign-in and never end: what one may do stands in it, signed for one purpose.

They are for what their reader may do as often as they like, and nobody is harmed by. What works once or for a time
has a row, and a random token (`tokens`).
"""

import hashlib
from typing import Any

from itsdangerous import BadData, URLSafeSerializer

from myproject.security.keys import KeyRing


def make_link_token(keys: KeyRing, purpose: str, value: Any) -> str:
    """Characters that may stand in an address and hold a small JSON value. It can be read by anybody, but made by
    nobody else. Without the time, so that a mail that is sent again has the same link.
    """
    return str(_serializer(keys, purpose).dumps(value))


def read_link_token(keys: KeyRing, purpose: str, token: str) -> Any:
    """The value of a token; None where the site has not made it, or made it for another purpose."""
    try:
        return _serializer(keys, purpose).loads(token)
    except (BadData, ValueError, TypeError):
        return None


def _serializer(keys: KeyRing, purpose: str) -> URLSafeSerializer:
    """The newest key signs, all verify; itsdangerous wants the oldest first."""
    return URLSafeSerializer(
        list(reversed(keys.derive(purpose))), salt=purpose, signer_kwargs={"digest_method": hashlib.sha256}
    )
