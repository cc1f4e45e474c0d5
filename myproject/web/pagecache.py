"""Whole pages for guests, from the cache, each with its ETag.

A view is cacheable where it says which tags its page is made from: `guest_cache=lambda request: ("posts",)`. A
cached page is served while nothing with those tags has changed (see `cache.touch`), to requests that carry neither
a sign-in nor a flash message. Such a page is the same for everyone: it holds no form token and sets no cookie.
Where no view is reached, for an address leads elsewhere or what was there is removed, the context says the same by
`keep_for_guests`.

They are kept compressed for who takes that. Pages of members never are: compressed, the length of a page that
holds both a secret and somebody else's words tells of the secret (BREACH).

The cache is Pyramid's execution policy, around the one there is: a page that is found costs no request object, no
tween and no routing.
"""

import gzip
import hashlib
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any
from urllib.parse import urljoin

from pyramid.config import Configurator
from pyramid.interfaces import IExecutionPolicy
from pyramid.response import Response
from webob.acceptparse import AcceptEncodingValidHeader, create_accept_encoding_header

from myproject.cache import Cache, Turns
from myproject.i18n import LANGUAGES, language_for
from myproject.security.cookies import cookies_of
from myproject.settings import settings_of
from myproject.web.request import Request

# Guests' browsers and proxies ask again each time; the ETag makes the answer cheap.
CACHE_CONTROL = "public, max-age=0, must-revalidate"
# With one language nobody's choice makes a difference, and a cache in between may keep one page for all.
VARY = "Accept-Encoding, Cookie, Accept-Language" if len(LANGUAGES) > 1 else "Accept-Encoding, Cookie"
LONGEST_KEY = 500
# Pages, where addresses lead, and what is said of what is hidden or was removed.
KEPT = frozenset({200, 301, 303, 404, 410})
# They tell of one answer, not of the page.
NOT_KEPT = frozenset({"x-request-id", "date"})
OF_THE_BODY = frozenset({"content-type", "content-length", "content-encoding"})

Tags = Callable[[Request], tuple[str, ...]]
WsgiResponse = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class PageCache:
    """An execution policy that answers guests' requests from `cache`, and the others by the policy `inner`."""

    def __init__(self, registry: Any, inner: Callable[[dict[str, Any], Any], WsgiResponse]) -> None:
        self.inner = inner
        self.cache: Cache = registry["cache"]
        self.seconds = settings_of(registry).cache_guest_seconds
        cookies = cookies_of(registry)
        self.private = (cookies.name("session") + "=", cookies.name("flash") + "=")
        self.turns = Turns()

    def __call__(self, environ: dict[str, Any], router: Any) -> WsgiResponse:
        key = self.key(environ)
        if key is None:
            return self.inner(environ, router)
        made = self.cache.get_made(key, self.seconds)
        if made is not None:
            return answer(made[0]["status"], made[0]["headers"], made[1])
        with self.turns.turn(key):
            made = self.cache.get_made(key, self.seconds)
            if made is None:
                return self.make(key, environ, router)
            return answer(made[0]["status"], made[0]["headers"], made[1])

    def make(self, key: str, environ: dict[str, Any], router: Any) -> WsgiResponse:
        """The answer of the site, kept under `key` where it may be."""
        number = self.cache.change_number()
        response: Any = self.inner(environ, router)
        tags = getattr(response, "guest_cache_tags", None)
        if tags is None or response.status_int not in KEPT or "Set-Cookie" in response.headers:
            return response
        body: bytes = response.body
        if body and takes_gzip(environ):
            body = gzip.compress(body, mtime=0)
            response.headers.update({"Content-Encoding": "gzip", "Content-Length": str(len(body))})
        response.headers.update(
            {"Cache-Control": CACHE_CONTROL, "Vary": VARY, "ETag": f'"{hashlib.sha256(body).hexdigest()[:32]}"'}
        )
        headers = [(name, value) for name, value in response.headerlist if name.lower() not in NOT_KEPT]
        self.cache.keep_made(key, body, tags=tags, number=number, status=response.status, headers=headers)
        return answer(response.status, headers, body)

    def key(self, environ: dict[str, Any]) -> str | None:
        """Under which the page for a request is kept; None where the cache has no part in it."""
        if not self.seconds or environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return None
        cookies = environ.get("HTTP_COOKIE", "")
        if cookies and any(name in cookies for name in self.private):
            return None
        # An unknown host is refused, so that nothing is kept under it.
        parts = (
            "gzip" if takes_gzip(environ) else "plain",
            language_for(environ.get("HTTP_ACCEPT_LANGUAGE")),
            environ.get("HTTP_HOST", ""),
            environ.get("SCRIPT_NAME", ""),
            environ.get("PATH_INFO", ""),
            environ.get("QUERY_STRING", ""),
        )
        key = "page:" + " ".join(parts)
        return key if len(key) <= LONGEST_KEY else None


@lru_cache
def accepts_gzip(header: str) -> bool:
    """Whether an `Accept-Encoding` asks for it (RFC 9110, 12.5.3); one that can't be read does not."""
    accepted = create_accept_encoding_header(header)
    return isinstance(accepted, AcceptEncodingValidHeader) and bool(accepted.acceptable_offers(["gzip"]))


def takes_gzip(environ: dict[str, Any]) -> bool:
    header = environ.get("HTTP_ACCEPT_ENCODING", "")
    return len(header) <= LONGEST_KEY and accepts_gzip(header)


def answer(status: str, headers: Iterable[Iterable[str]], body: bytes) -> WsgiResponse:
    """What was kept, with its headers: a page, 304 where the browser has it, or another answer, which no condition
    of the browser's changes (RFC 9110, 13.2.1).
    """
    given = [(name, value) for name, value in headers]
    etag = next(value for name, value in given if name == "ETag")
    modified = next((value for name, value in given if name == "Last-Modified"), None)

    def whole(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        # One that was kept may be asked for by http and by https.
        site = f"{environ['wsgi.url_scheme']}://{environ['HTTP_HOST']}"
        start_response(
            status, [(name, urljoin(site, value) if name == "Location" else value) for name, value in given]
        )
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def page(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        known = environ.get("HTTP_IF_NONE_MATCH")
        # Readers of feeds may know no more than the time, and give it back as they got it.
        same_time = known is None and modified is not None and environ.get("HTTP_IF_MODIFIED_SINCE") == modified
        if same_time or etag in (known or ""):
            start_response("304 Not Modified", [pair for pair in given if pair[0].lower() not in OF_THE_BODY])
            return []
        start_response("200 OK", given)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    return page if status.startswith("200") else whole


def keep_for_guests(request: Request, *tags: str) -> None:
    """Lets what a guest is answered be kept, made from things with `tags`, though no view makes it. To be called
    right before it is raised.
    """

    def note(request: Request, response: Response) -> None:
        response.guest_cache_tags = tags

    if request.identity is None:
        request.add_response_callback(note)


def guest_cache_deriver(view: Callable[..., Response], info: Any) -> Callable[..., Response]:
    tags: Tags | None = info.options.get("guest_cache")
    if tags is None:
        return view

    def cacheable(context: Any, request: Request) -> Response:
        response = view(context, request)
        if request.identity is None:
            response.guest_cache_tags = tags(request)
        return response

    return cacheable


guest_cache_deriver.options = ("guest_cache",)  # type: ignore[attr-defined]


def includeme(config: Configurator) -> None:
    config.add_view_deriver(guest_cache_deriver, "guest_cache")

    def wrap_policy() -> None:
        registry = config.registry
        inner = registry.getUtility(IExecutionPolicy)
        registry.registerUtility(PageCache(registry, inner), IExecutionPolicy)

    # After pyramid_retry has set its policy.
    config.action("web.pagecache", wrap_policy, order=10_000)
