"""Cross-site request forgery: a token tied to the sign-in, checked on every unsafe method (OWASP ASVS 5.0:
3.5.1).

A member's token is an HMAC of the session's token and of their role, so that login, logout, a changed password and
a changed role rotate it by themselves. A guest's is an HMAC of a random value in a cookie of its own, which is set
when a form is first shown.

A form that comes back because somebody has to sign in before it can be sent, in another tab, can't have the token
of a sign-in to come. It carries one for its member instead, good at its address alone, for a day, and in this
browser, which has a cookie for that.
"""

import hmac
from datetime import timedelta
from typing import Any

from itsdangerous import BadData, URLSafeTimedSerializer
from markupsafe import Markup
from pyramid.config import Configurator
from pyramid.csrf import get_csrf_token
from pyramid.interfaces import ICSRFStoragePolicy
from zope.interface import implementer

from myproject.security.cookies import CookieJar, cookies_of
from myproject.security.keys import keys_of
from myproject.security.tokens import hash_token, make_token

FIELD = "csrf_token"
RESEND_COOKIE = "resend"
RESEND_FOR = timedelta(days=1)


@implementer(ICSRFStoragePolicy)
class CsrfPolicy:
    def __init__(self, keys: list[bytes], signer: URLSafeTimedSerializer, cookies: CookieJar) -> None:
        self.keys = keys
        self.signer = signer
        self.cookies = cookies

    def seed(self, request: Any) -> str:
        """What the token is derived from: the sign-in, or else the guest's cookie. Empty where there is
        neither.
        """
        if request.identity is not None:
            return seed_of_member(request.session_token, request.identity.role)
        return str(getattr(request, "_csrf_seed", "") or self.cookies.get(request, "guest"))

    def get_csrf_token(self, request: Any) -> str:
        return (
            self.derive(self.keys[0], self.seed(request)) if self.seed(request) else self.new_csrf_token(request)
        )

    def new_csrf_token(self, request: Any) -> str:
        request._csrf_seed = make_token()
        self.cookies.set(request, "guest", request._csrf_seed)
        return self.derive(self.keys[0], request._csrf_seed)

    def check_csrf_token(self, request: Any, supplied_token: str) -> bool:
        seed = self.seed(request)
        supplied = supplied_token.encode("utf-8", "replace")
        is_right = bool(seed) and any(
            hmac.compare_digest(self.derive(key, seed).encode(), supplied) for key in self.keys
        )
        return is_right or self.is_to_resend(request, supplied_token)

    def token_to_resend(self, request: Any, user_id: int) -> str:
        """A token with which a member may send once more what was posted just now, signed in in this browser."""
        seed = self.cookies.get(request, RESEND_COOKIE) or make_token()
        self.cookies.set(request, RESEND_COOKIE, seed, int(RESEND_FOR.total_seconds()))
        return str(self.signer.dumps([user_id, request.path_qs, hash_token(seed)]))

    def is_to_resend(self, request: Any, supplied_token: str) -> bool:
        """Whether a token is that of `token_to_resend` for who is signed in, here and at this address."""
        seed = self.cookies.get(request, RESEND_COOKIE)
        if not seed or request.identity is None:
            return False
        try:
            made_for = self.signer.loads(supplied_token, max_age=int(RESEND_FOR.total_seconds()))
        except BadData:
            return False
        return bool(made_for == [request.identity.id, request.path_qs, hash_token(seed)])

    def derive(self, key: bytes, seed: str) -> str:
        return hmac.digest(key, seed.encode("utf-8", "replace"), "sha256").hex()


def seed_of_member(token: str, role: int) -> str:
    """What a member's token is derived from: the token of their session, and their role."""
    return f"{token} {role:d}"


def csrf_field(request: Any) -> Markup:
    """The hidden field that every form with an unsafe method carries."""
    return hidden(get_csrf_token(request))


def resend_field(request: Any, user_id: int) -> Markup:
    """The same of a form that comes back to a member who has to sign in before they send it again."""
    policy: CsrfPolicy = request.registry.getUtility(ICSRFStoragePolicy)
    return hidden(policy.token_to_resend(request, user_id))


def hidden(token: str) -> Markup:
    # A token is hexadecimal, or signed in letters, digits, "-", "_" and ".": nothing in it needs escaping.
    return Markup(f'<input type="hidden" name="{FIELD}" value="{token}">')  # noqa: S704


def includeme(config: Configurator) -> None:
    keys = keys_of(config.registry)
    policy = CsrfPolicy(keys.derive("csrf"), keys.signer(RESEND_COOKIE), cookies_of(config.registry))
    config.set_csrf_storage_policy(policy)
    # The origin is checked on https (Pyramid's own check); site.url is where our forms come from.
    config.set_default_csrf_options(require_csrf=True, token=FIELD, header="X-CSRF-Token")
    # A page asks for it once for each form.
    config.add_request_method(csrf_field, "csrf_markup", reify=True)
    config.add_request_method(lambda request: request.csrf_markup, "csrf_field")
