"""Parts of pages that are the same for everybody who reads in one language and time zone, from the cache.

What a page says to one member alone (their name, their links) stands outside of its fragments.
"""

from collections.abc import Callable
from typing import Any

from markupsafe import Markup
from pyramid.renderers import render

from myproject.cache import Cache, Turns
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
) -> Markup:
    """The part `name` of a page, made by `template` from `values()` where it is not cached or something with
    `tags` has changed since.
    """
    cache: Cache = request.registry["cache"]
    seconds = request.site.cache_guest_seconds
    key = f"fragment:{request.locale_name}:{request.time_zone}:{name}"
    if not (keep and seconds):
        return Markup(render(template, values(), request=request))  # noqa: S704 - what the template made
    made = cache.get_made(key, seconds)
    if made is None:
        with TURNS.turn(key):
            made = cache.get_made(key, seconds)
            if made is None:
                # From before the request's first look at the database: what it reads may be that old.
                number: int = request.dbsession.info["change_number"]
                text = render(template, values(), request=request)
                cache.keep_made(key, text.encode(), tags=tags, number=number)
                return Markup(text)  # noqa: S704
    return Markup(made[1].decode())  # noqa: S704
