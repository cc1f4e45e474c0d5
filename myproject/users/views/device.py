"""Browsers that a member has signed in with before: while strangers use up the tries of an account, its owner's
own browser still has tries of its own (OWASP ASVS 5.0: 6.3.1). A sign-in from any other is told by mail.

The cookie is signed. It holds whose it is, a random id to count tries by, and a fingerprint of the password's
hash, so that it ends with the password. It signs nobody in.
"""

import hashlib

from itsdangerous import BadData, URLSafeTimedSerializer

from myproject.security.cookies import cookies_of
from myproject.security.keys import keys_of
from myproject.security.tokens import make_token
from myproject.users import constants as USER
from myproject.users.models import User
from myproject.users.services.sign_ins import Credentials
from myproject.web.request import Request

DEVICE_COOKIE = "device"
SECONDS_OF_A_DAY = 86_400


def signer_of(request: Request) -> URLSafeTimedSerializer:
    return keys_of(request.registry).signer("device")


def fingerprint(password_hash: str | None) -> str:
    return hashlib.sha256((password_hash or "").encode()).hexdigest()[:16]


def remember_device(request: Request, user: User) -> None:
    """Notes in the browser that `user` has signed in with it."""
    value = signer_of(request).dumps([user.id, make_token(), fingerprint(user.password)])
    life = USER.DEVICE_DAYS * SECONDS_OF_A_DAY
    cookies_of(request.registry).set(request, DEVICE_COOKIE, str(value), life)


def device_of(request: Request, credentials: Credentials | None) -> str:
    """The id of the browser, where it was signed in to this account before, since its present password was set;
    else the empty string.
    """
    user_id, device, password = noted_device(request)
    if credentials is None or (user_id, password) != (credentials.id, fingerprint(credentials.password)):
        return ""
    return device


def is_known_device(request: Request, user_id: int) -> bool:
    """Whether the browser was signed in to this account before, with whatever password."""
    return noted_device(request)[0] == user_id


def noted_device(request: Request) -> tuple[int, str, str]:
    """What `remember_device` has noted in the browser: whose it is, its id, the password's fingerprint. Zero and
    empty strings where there is nothing of ours.
    """
    value = cookies_of(request.registry).get(request, DEVICE_COOKIE)
    try:
        user_id, device, password = signer_of(request).loads(value, max_age=USER.DEVICE_DAYS * SECONDS_OF_A_DAY)
    except (BadData, ValueError, TypeError):
        return 0, "", ""
    return user_id, str(device), password
