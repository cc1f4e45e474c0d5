"""The security policy: who is it, may they, and how a sign-in begins and ends.

The cookie holds an opaque random token; its SHA-256 is a row. Each request looks the row up, together with
the member's revision, and takes the rest of the identity from the cache where it has that revision. So a
role, status or profile that changed anywhere is seen by the next request in every process, and a logout ends
the session for whoever holds the cookie. What stands behind the token changes while the sign-in is remembered:
see `validators`.
"""

from typing import Any, Protocol

from pyramid.config import Configurator
from pyramid.response import Response
from pyramid.security import Allowed, Denied
from sqlalchemy.orm import Session

from myproject.security.cookies import cookies_of
from myproject.security.identity import Identity
from myproject.security.permissions import FOR_ALL, WITHOUT_SECOND_FACTOR, permits, staff
from myproject.security.ratelimit import client_key
from myproject.security.validators import token_in, validators_of
from myproject.settings import settings_of
from myproject.settings_users import SecondFactorFor
from myproject.transactions import reading

COOKIE = "session"


class Identify(Protocol):
    """Finds who holds a session's cookie; the `users` module registers it, as it knows the rows. The browser's
    address and what it calls itself are for the owner to read, where the cookie turns out to be a copy.
    """

    def __call__(self, db: Session, cookie: str, address: str = "", user_agent: str = "") -> Identity | None: ...


class SecurityPolicy:
    def identity(self, request: Any) -> Identity | None:
        # Pyramid calls this for `request.identity`, several times a request; `signed_in_member` is reified.
        return request.signed_in_member

    def authenticated_userid(self, request: Any) -> int | None:
        identity = self.identity(request)
        return None if identity is None else identity.id

    def permits(self, request: Any, context: Any, permission: str) -> Allowed | Denied:
        if permission in FOR_ALL:
            return Allowed("granted to everybody")
        if permission not in WITHOUT_SECOND_FACTOR and lacks_second_factor(request):
            return Denied("needs a second factor first")
        if permits(permission, self.identity(request), context):
            return Allowed("granted by the table of permissions")
        if self.identity(request) is None:
            return Denied("guest")
        return Denied("not granted")

    def remember(self, request: Any, userid: Any, **kw: Any) -> list[tuple[str, str]]:
        raise NotImplementedError("users.services.sign_ins begins sessions")

    def forget(self, request: Any, **kw: Any) -> list[tuple[str, str]]:
        raise NotImplementedError("users.services.sign_ins ends sessions")


def lacks_second_factor(request: Any) -> bool:
    """Whether the member's role asks for a second factor (`users.require_second_factor`) that they have not shown:
    they have no authenticator, and no passkey has been used in this sign-in.
    """
    required = settings_of(request.registry).users_require_second_factor is SecondFactorFor.STAFF
    identity: Identity | None = request.identity if required else None
    if identity is None or not staff(identity, None):
        return False
    return not (identity.second_factor or identity.by_passkey)


def session_token(request: Any) -> str:
    """The part of the cookie that stays for as long as the session; empty where there is none."""
    return token_in(cookies_of(request.registry).get(request, COOKIE))


def signed_in_member(request: Any) -> Identity | None:
    """Who makes this request. Unsafe methods look on a session of their own, so that no write lock is held
    meanwhile.
    """
    cookie = cookies_of(request.registry).get(request, COOKIE)
    if not cookie:
        return None
    identify: Identify = request.registry["identify"]
    with reading(request) as db:
        identity = identify(db, cookie, request.client_addr, request.user_agent or "")
    if identity is not None and identity.next_validator:
        request.add_response_callback(change_cookie)
    return identity


def change_cookie(request: Any, response: Response) -> None:
    """Gives the browser the next validator with this answer; not with one that begins or ends a session, or that a
    cache in between may keep.
    """
    identity: Identity = request.signed_in_member
    if getattr(request, "session_is_other", False) or response.headers.get("Cache-Control") != "no-store":
        return
    token, network = request.session_token, client_key(request.client_addr)
    cookie = validators_of(request.registry).next(token, identity.next_validator, network)
    cookies_of(request.registry).put(response, COOKIE, cookie, identity.seconds_left or None)


def identity_if_known(request: Any) -> Identity | None:
    """The identity where it has been asked for already, else None: error pages must not need the database."""
    return request.__dict__.get("signed_in_member")


def begin_session(request: Any, token: str, max_age: int | None) -> None:
    """Gives the browser the token of a new session; `max_age` in seconds, None until it closes."""
    cookies = cookies_of(request.registry)
    request.session_is_other = True
    cookies.set(request, COOKIE, token, max_age)
    cookies.delete(request, "guest")


def end_session(request: Any) -> None:
    request.session_is_other = True
    cookies_of(request.registry).delete(request, COOKIE)


def includeme(config: Configurator) -> None:
    config.set_security_policy(SecurityPolicy())
    config.set_default_permission("denied:unless:named")
    config.add_request_method(session_token, "session_token", reify=True)
    config.add_request_method(signed_in_member, "signed_in_member", reify=True)
    config.add_request_method(identity_if_known, "identity_if_known", property=True)
