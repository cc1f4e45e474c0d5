"""Parts of pages that are the same for everybody who reads in one language and time zone, from the cache.

What a page says to one member alone (their name, their links) stands outside of its fragments, or is filled into
their marks.
"""

import time
from collections.abc import Callable
from typing import Any

from markupsafe import Markup
from pyramid.renderers import render
from pyramid.response import Response

from myproject.cache import Cache, Turns
from myproject.web.marks import Marked
from myproject.web.request import Request

TURNS = Turns()


def cached_fragment(
    request: Request,
    name: str,
    tags: tuple[str, ...],
    template: str,
    values: Callable[[], dict[str, Any]],
    *,
    keep: bool = True,
) -> Marked:
    """The part `name` of a page, made by `template` from `values()` where it is not cached or something with
    `tags` has changed since.

    The cache holds it whole, in this process or for all of them; each keeps it taken apart.
    """
    cache: Cache = request.registry["cache"]
    seconds = request.site.cache_guest_seconds
    key = f"fragment:{request.locale_name}:{request.time_zone}:{name}"
    if not (keep and seconds):
        return Marked(render(template, values(), request=request))
    marked: Marked | None = cache.recall(key) or find_shared(cache, key, seconds)
    if marked is None:
        with TURNS.turn(key):
            marked = find_shared(cache, key, seconds)
            if marked is None:
                # From before the request's first look at the database: what it reads may be that old.
                number: int = request.dbsession.info["change_number"]
                text = render(template, values(), request=request)
                cache.keep_made(key, text.encode(), tags=tags, number=number, at=time.time())
                marked = Marked(text)
                cache.keep(key, marked, seconds, tags=tags, number=number, size=len(text))
    return marked


def find_shared(cache: Cache, key: str, seconds: int) -> Marked | None:
    """The part that another process has made, or this one; taken apart, and kept for its many readers."""
    made = cache.get_made(key, seconds)
    return None if made is None else cache.attempt(lambda: take_apart(cache, key, seconds, *made), None)


def take_apart(cache: Cache, key: str, seconds: int, head: dict[str, Any], body: bytes) -> Marked:
    marked = Marked(body.decode())
    # It says "a minute ago": no older for being handed on.
    left = head["at"] + seconds - time.time()
    cache.keep(key, marked, left, tags=head["tags"], number=head["number"], size=len(body))
    return marked


def place(request: Request, filled: bytes) -> Markup:
    """What a template writes where a filled part is to stand. The part itself comes in when the page is bytes: of
    a long text, all the copies that templates make take longer than everything else.
    """
    parts: list[bytes] | None = getattr(request, "placed_parts", None)
    if parts is None:
        parts = request.placed_parts = []
        request.add_response_callback(put_parts)
    parts.append(filled)
    return Markup(f"<!--placed {len(parts)}-->")  # noqa: S704 - a number


def put_parts(request: Request, response: Response) -> None:
    body = response.body
    for number, part in enumerate(request.placed_parts, 1):
        # An answer that is another page than the one that asked has no such place.
        before, mark, after = body.partition(b"<!--placed %d-->" % number)
        body = b"".join((before, part, after)) if mark else body
    response.body = body
