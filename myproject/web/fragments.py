"""Parts of pages that are the same for everybody who reads in one language and time zone, from the cache.

What a page says to one member alone (their name, their links) stands outside of its fragments, or is filled into
their marks.
"""

import secrets
from collections.abc import Callable
from typing import Any

from pyramid.config import Configurator
from pyramid.renderers import render

from myproject.cache import BoundedDict, Cache, Turns
from myproject.web.marks import Marked
from myproject.web.request import Request

TURNS = Turns()
# Of the texts that each process keeps taken apart. The cache holds them whole: in one process or for all of them.
SIZE_TAKEN_APART = 4 * 1024 * 1024


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
    """
    cache: Cache = request.registry["cache"]
    seconds = request.site.cache_guest_seconds
    key = f"fragment:{request.locale_name}:{request.time_zone}:{name}"
    if not (keep and seconds):
        return Marked(render(template, values(), request=request))
    made = cache.get_made(key, seconds)
    if made is None:
        with TURNS.turn(key):
            made = cache.get_made(key, seconds)
            if made is None:
                # From before the request's first look at the database: what it reads may be that old.
                number: int = request.dbsession.info["change_number"]
                text = render(template, values(), request=request)
                cache.keep_made(key, text.encode(), tags=tags, number=number, id=secrets.token_hex())
                return Marked(text)
    return taken_apart(request.registry, *made)


def taken_apart(registry: Any, head: dict[str, Any], body: bytes) -> Marked:
    """A cached text, taken apart once for its many readers."""
    kept: BoundedDict[Marked] = registry["fragments"]
    marked = kept.get(head["id"])
    if marked is None:
        marked = kept[head["id"]] = Marked(body.decode())
    return marked


def includeme(config: Configurator) -> None:
    config.registry["fragments"] = BoundedDict(SIZE_TAKEN_APART)
