"""Whole pages for guests, from the cache, each with its ETag.

A view is cacheable where it says which tags its page is made from: `guest_cache=lambda request: ("posts",)`.
A cached page is served while nothing with those tags has changed (see `cache.touch`), to requests that carry
neither a sign-in nor a flash message. Such a page is the same for everyone: it holds no form token and sets
no cookie.
"""

import hashlib
from collections.abc import Callable
from typing import Any

from pyramid.config import Configurator
from pyramid.response import Response
from pyramid.tweens import EXCVIEW

from myproject.cache import Cache
from myproject.i18n import LANGUAGES
from myproject.security.cookies import cookies_of
from myproject.settings import settings_of
from myproject.web.request import Request

# Guests' browsers and proxies ask again each time; the ETag makes the answer cheap.
CACHE_CONTROL = "public, max-age=0, must-revalidate"
# With one language nobody's choice makes a difference, and a cache in between may keep one page for all.
VARY = "Cookie, Accept-Language" if len(LANGUAGES) > 1 else "Cookie"
LONGEST_KEY = 500

Tags = Callable[[Request], tuple[str, ...]]


def pagecache_tween_factory(handler: Callable[[Any], Response], registry: Any) -> Callable[[Any], Response]:
    cache: Cache = registry["cache"]
    seconds = settings_of(registry).cache_guest_seconds
    jar = cookies_of(registry)
    private = (jar.name("session"), jar.name("flash"))

    def pagecache_tween(request: Request) -> Response:
        environ = request.environ
        if not seconds or request.method not in ("GET", "HEAD"):
            return handler(request)
        cookies = environ.get("HTTP_COOKIE", "")
        if cookies and any(name in cookies for name in private):
            return handler(request)
        key = f"page:{request.locale_name}:{environ.get('PATH_INFO', '')}?{environ.get('QUERY_STRING', '')}"
        if len(key) > LONGEST_KEY:
            return handler(request)
        page = cache.get(key, seconds)
        if page is not None and cache.latest_change(page["tags"]) <= page["number"]:
            return answer(request, page)
        number = cache.change_number()
        response = handler(request)
        tags = request.__dict__.get("guest_cache_tags")
        # Callbacks would set cookies: who asks for one has made a page of their own.
        if tags is None or response.status_int != 200 or request.response_callbacks:
            return response
        body = response.text
        page = {
            "tags": list(tags),
            "number": number,
            "etag": hashlib.sha256(body.encode()).hexdigest()[:32],
            "type": response.content_type,
            "body": body,
        }
        if number >= 0:
            cache.set(key, page)
        return answer(request, page)

    return pagecache_tween


def answer(request: Request, page: dict[str, Any]) -> Response:
    """The cached page, or 304 where the browser has it."""
    etag = f'"{page["etag"]}"'
    headers = [("Cache-Control", CACHE_CONTROL), ("Vary", VARY), ("ETag", etag)]
    if etag in request.environ.get("HTTP_IF_NONE_MATCH", ""):
        return Response(status=304, headerlist=headers)
    body = page["body"].encode()
    headers += [("Content-Type", f"{page['type']}; charset=UTF-8"), ("Content-Length", str(len(body)))]
    return Response(body=b"" if request.method == "HEAD" else body, headerlist=headers)


def guest_cache_deriver(view: Callable[..., Response], info: Any) -> Callable[..., Response]:
    tags: Tags | None = info.options.get("guest_cache")
    if tags is None:
        return view

    def cacheable(context: Any, request: Request) -> Response:
        if request.identity is None:
            request.__dict__["guest_cache_tags"] = tags(request)
        return view(context, request)

    return cacheable


guest_cache_deriver.options = ("guest_cache",)  # type: ignore[attr-defined]


def includeme(config: Configurator) -> None:
    config.add_view_deriver(guest_cache_deriver, "guest_cache")
    config.add_tween(
        "myproject.web.pagecache.pagecache_tween_factory",
        under="myproject.web.static.static_tween_factory",
        over=EXCVIEW,
    )
