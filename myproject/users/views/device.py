"""Browsers that a member has signed in with before: while strangers use up the tries of an account, its owner's
own browser still has tries of its own (OWASP ASVS 5.0: 6.3.1). A sign-in from any other is told by mail.

Several members may take turns at a browser. Its cookie holds a note of each of the last few: who it is, a random
id to count tries by, and fingerprints of the password's hash and of the second factor, so that what it gives ends
with these. It signs nobody in, and is encrypted: it tells nobody who they are.
"""

import hashlib
import json
from dataclasses import astuple, dataclass, replace

from cryptography.fernet import InvalidToken
from itsdangerous import BadData

from myproject.db import utc_now
from myproject.security.cookies import cookies_of
from myproject.security.keys import KeyRing, keys_of
from myproject.security.tokens import make_token
from myproject.users import constants as USER
from myproject.users.models import User
from myproject.users.services.sign_ins import Credentials
from myproject.web.request import Request

DEVICE_COOKIE = "device"
NOTES = "device notes"
SECONDS_OF_A_DAY = 86_400


@dataclass(frozen=True)
class Device:
    """What the cookie notes of one member: who it is, the browser's id for them, the fingerprint of the password
    that was shown with it, and that of the second factor, empty where none was; whether somebody has signed in
    with it, or only shown by a mailed link that the account is theirs; and when, in seconds since 1970.
    """

    user_id: int = 0
    id: str = ""
    password: str = ""
    second_factor: str = ""
    signed_in: bool = True
    noted_at: int = 0


# What is noted of everybody else.
NOTHING = Device(signed_in=False)


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

    A browser keeps its id for each of them: to sign in once more makes no new tries.
    """
    devices = noted_devices(request)
    before = devices.pop(user.id, NOTHING)
    noted = Device(
        user.id,
        before.id or make_token(),
        fingerprint(user.password),
        fingerprint_of_factor(user) if signed_in else before.second_factor,
        signed_in or before.signed_in,
        int(utc_now().timestamp()),
    )
    # The last is who was here last.
    notes = [astuple(device) for device in [*devices.values(), noted]][-USER.DEVICE_MEMBERS :]
    value = keys_of(request.registry).box(NOTES).encrypt(json.dumps(notes).encode()).decode()
    cookies_of(request.registry).set(request, DEVICE_COOKIE, value, USER.DEVICE_DAYS * SECONDS_OF_A_DAY)


def device_of(request: Request, credentials: Credentials | None) -> str:
    """The id of the browser, where it was signed in to this account before, since its present password was set;
    else the empty string.
    """
    devices = noted_devices(request)
    if credentials is None:
        return ""
    noted = devices.get(credentials.id, NOTHING)
    return noted.id if noted.password == fingerprint(credentials.password) else ""


def device_with_factor(request: Request, credentials: Credentials) -> str:
    """The same, where the second factor that the account has now was shown there too. Whoever knew the password
    may have signed in before there was one.
    """
    noted = noted_devices(request).get(credentials.id, NOTHING)
    if noted.second_factor != fingerprint_of_factor(credentials):
        return ""
    return device_of(request, credentials)


def is_known_device(request: Request, user_id: int) -> bool:
    """Whether the browser was signed in to this account before, with whatever password."""
    return noted_devices(request).get(user_id, NOTHING).signed_in


def noted_devices(request: Request) -> dict[int, Device]:
    """What `remember_device` has noted in the browser, by member; who was here last is the last."""
    value = cookies_of(request.registry).get(request, DEVICE_COOKIE)
    since = int(utc_now().timestamp()) - USER.DEVICE_DAYS * SECONDS_OF_A_DAY
    devices = read_notes(keys_of(request.registry), value)
    return {device.user_id: device for device in devices if device.noted_at > since}


def read_notes(keys: KeyRing, value: str) -> list[Device]:
    """The notes of a cookie of ours; none of any other."""
    try:
        return [Device(*noted) for noted in json.loads(keys.box(NOTES).decrypt(value.encode()))]
    except (InvalidToken, ValueError, TypeError):
        return read_older_note(keys, value)


def read_older_note(keys: KeyRing, value: str) -> list[Device]:
    """The note of a cookie from before there could be several: signed, with its time beside it."""
    try:
        values, noted_at = keys.signer(DEVICE_COOKIE).loads(value, return_timestamp=True)
        # The oldest have fewer values: nearly all of them were given with a sign-in.
        return [replace(Device(*values), noted_at=int(noted_at.timestamp()))]
    except (BadData, ValueError, TypeError):
        return []
