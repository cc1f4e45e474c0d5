"""Security headers on every answer: pages, errors, redirects, 304 and static files (OWASP ASVS 5.0: 3.4.1 to
3.4.8).
"""

import re
from collections.abc import Callable
from typing import Any

from pyramid.config import Configurator
from pyramid.interfaces import IRoutesMapper
from pyramid.response import Response
from pyramid.tweens import INGRESS

from myproject.settings import settings_of

CONTENT_SECURITY_POLICY: dict[str, tuple[str, ...]] = {
    "default-src": ("'none'",),
    "script-src": ("'self'",),
    "style-src": ("'self'",),
    "img-src": ("'self'",),
    "font-src": ("'self'",),
    "connect-src": ("'self'",),
    "manifest-src": ("'self'",),
    "object-src": ("'none'",),
    "base-uri": ("'none'",),
    "form-action": ("'self'",),
    "frame-ancestors": ("'none'",),
}

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
}
# Where the address is a secret, its path is told to nobody, nor to us with the files of the page, for the log.
# `no-referrer` would make browsers send `Origin: null` with the form of the page (Fetch, 3.2.5).
SECRET_ADDRESS = {"Referrer-Policy": "strict-origin"}
SECRET_QUESTION = "invitation="  # noqa: S105 - no secret
STRICT_TRANSPORT_SECURITY = "max-age=63072000; includeSubDomains"


def content_security_policy(hosts: tuple[str, ...] = ()) -> str:
    """The policy's text; `hosts` are origins whose scripts and frames this one page needs (a captcha's)."""
    policy = dict(CONTENT_SECURITY_POLICY)
    if hosts:
        policy |= dict.fromkeys(("script-src", "connect-src", "frame-src", "style-src"), ("'self'", *hosts))
    return "; ".join(f"{name} {' '.join(sources)}" for name, sources in policy.items())


DEFAULT_POLICY = content_security_policy()


def allow_hosts(request: Any, hosts: tuple[str, ...]) -> None:
    """Admits scripts and frames from `hosts` on the page this request answers with."""

    def callback(request: Any, response: Response) -> None:
        response.headers["Content-Security-Policy"] = content_security_policy(hosts)

    if hosts:
        request.add_response_callback(callback)


def secret_paths_of(registry: Any) -> re.Pattern[str]:
    """The addresses that hold a token: whoever has one of these may do something. No word of an address is as
    long as a token.
    """
    mapper = registry.queryUtility(IRoutesMapper)
    patterns = [route.pattern for route in mapper.get_routes()] if mapper else []
    before = [re.escape(pattern.partition("{token")[0]) for pattern in patterns if "{token" in pattern]
    return re.compile(f"(?:{'|'.join(before) or '(?!)'})[^/]{{20}}")


def is_secret(environ: dict[str, Any], paths: re.Pattern[str]) -> bool:
    """Whether the address of a request is a secret; whatever it is answered with."""
    return bool(paths.match(environ["PATH_INFO"])) or SECRET_QUESTION in environ.get("QUERY_STRING", "")


def headers_tween_factory(handler: Callable[[Any], Response], registry: Any) -> Callable[[Any], Response]:
    headers = dict(HEADERS)
    if settings_of(registry).secure:
        headers["Strict-Transport-Security"] = STRICT_TRANSPORT_SECURITY

    secret_paths = secret_paths_of(registry)

    def headers_tween(request: Any) -> Response:
        response = handler(request)
        response.headers.update(headers)
        if is_secret(request.environ, secret_paths):
            response.headers.update(SECRET_ADDRESS)
        response.headers.setdefault("Content-Security-Policy", DEFAULT_POLICY)
        # What nobody declared cacheable may be somebody's own. Cached pages and static files set theirs.
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return headers_tween


def includeme(config: Configurator) -> None:
    config.add_request_method(allow_hosts, "allow_hosts")
    config.add_tween("myproject.security.headers.headers_tween_factory", under=INGRESS)
