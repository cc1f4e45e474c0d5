"""Parts of pages that are the same for everybody who reads in one language and time zone, from the cache.

What a page says to one member alone (their name, their links) stands outside of its fragments, or is filled into
their marks.
"""

import time
from collections.abc import Callable
from typing import Any

from pyramid.renderers import render

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
