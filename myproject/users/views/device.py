"""Browsers that a member has signed in with before: while strangers use up the tries of an account, its owner's
own browser still has tries of its own (OWASP ASVS 5.0: 6.3.1). A sign-in from any other is told by mail.

The cookie is signed. It holds whose it is, a random id to count tries by, and fingerprints of the password's hash
and of the second factor, so that what it gives ends with these. It signs nobody in.
"""

import hashlib
from dataclasses import astuple, dataclass

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


@dataclass(frozen=True)
class Device:
    """What the cookie says: whose browser it is, its id, the fingerprint of the password that was shown with it,
    and that of the second factor, empty where none was; and whether somebody has signed in with it, or only shown
    by a mailed link that the account is theirs. Zero and empty strings where there is no such cookie.
    """

    user_id: int = 0
    id: str = ""
    password: str = ""
    second_factor: str = ""
    signed_in: bool = True


def signer_of(request: Request) -> URLSafeTimedSerializer:
    return keys_of(request.registry).signer("device")


def fingerprint(password_hash: str | None) -> str:
    return hashlib.sha256((password_hash or "").encode()).hexdigest()[:16]


def fingerprint_of_factor(account: User | Credentials) -> str:
    """Which second factor an account has: another one each time it is turned on. Empty where it has none."""
    since = account.second_factor_at
    return "" if since is None else hashlib.sha256(since.isoformat().encode()).hexdigest()[:16]


def remember_device(request: Request, user: User, *, signed_in: bool = True) -> None:
    """Notes in the browser that `user` has signed in with it; or, without `signed_in`, that they have shown by a
    mailed link that the account is theirs: then their second factor is still to be shown there, and the first
    sign-in with it to be told.

    A browser keeps its id: to sign in once more makes no new tries.
    """
    noted = noted_device(request)
    again = noted.user_id == user.id
    second_factor = fingerprint_of_factor(user) if signed_in else noted.second_factor if again else ""
    device = Device(
        user.id,
        noted.id if again else make_token(),
        fingerprint(user.password),
        second_factor,
        signed_in or (again and noted.signed_in),
    )
    life = USER.DEVICE_DAYS * SECONDS_OF_A_DAY
    cookies_of(request.registry).set(request, DEVICE_COOKIE, str(signer_of(request).dumps(astuple(device))), life)


def device_of(request: Request, credentials: Credentials | None) -> str:
    """The id of the browser, where it was signed in to this account before, since its present password was set;
    else the empty string.
    """
    noted = noted_device(request)
    if credentials is None or (noted.user_id, noted.password) != (
        credentials.id,
        fingerprint(credentials.password),
    ):
        return ""
    return noted.id


def device_with_factor(request: Request, credentials: Credentials) -> str:
    """The same, where the second factor that the account has now was shown there too. Whoever knew the password
    may have signed in before there was one.
    """
    if noted_device(request).second_factor != fingerprint_of_factor(credentials):
        return ""
    return device_of(request, credentials)


def is_known_device(request: Request, user_id: int) -> bool:
    """Whether the browser was signed in to this account before, with whatever password."""
    noted = noted_device(request)
    return noted.user_id == user_id and noted.signed_in


def noted_device(request: Request) -> Device:
    """What `remember_device` has noted in the browser."""
    value = cookies_of(request.registry).get(request, DEVICE_COOKIE)
    try:
        noted = signer_of(request).loads(value, max_age=USER.DEVICE_DAYS * SECONDS_OF_A_DAY)
        # Older cookies have fewer values: nearly all of them were given with a sign-in.
        return Device(*noted)
    except (BadData, ValueError, TypeError):
        return Device()
