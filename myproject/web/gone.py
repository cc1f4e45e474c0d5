"""The page of something that was removed (410): who did it and why, and a way back for who may restore it. And of
what is hidden until staff have looked at it (404).
"""

from typing import Any

from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPGone, HTTPNotFound
from pyramid.renderers import render_to_response
from pyramid.response import Response

from myproject.forms.ended import ended_sign_in, refused_texts
from myproject.web.errors import not_found, route_methods
from myproject.web.request import Request


class Removed(HTTPGone):
    """Raised by the context of an address whose thing was removed. `what` is `post` or `comment`; `restore` the
    address that puts it back, empty for who may not; `merged_into` that of the post that took its place.
    """

    def __init__(
        self, what: str, *, by_author: bool, reason: str, restore: str = "", merged_into: str = ""
    ) -> None:
        super().__init__()
        self.values: dict[str, Any] = {
            "what": what,
            "by_author": by_author,
            "reason": reason,
            "restore": restore,
            "merged_into": merged_into,
        }


class Hidden(HTTPNotFound):
    """Raised by the context of an address whose text is hidden from who asks. `address` tells members more."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self.values: dict[str, Any] = {"address": address}


def show_removed(exc: Removed, request: Request) -> Response:
    return show(exc, request, "removed", 410)


def show_hidden(exc: Hidden, request: Request) -> Response:
    return show(exc, request, "hidden", 404)


def show(exc: Removed | Hidden, request: Request, template: str, status: int) -> Response:
    methods = route_methods(request, request.matched_route.name) if request.matched_route else ()
    if methods and request.method not in methods:
        # As at any other address, there or not.
        return not_found(exc, request)
    if ended := ended_sign_in(request):
        return ended
    values = refused_texts(request) | exc.values
    response = render_to_response(f"myproject:templates/errors/{template}.html", values, request=request)
    response.status_int = status
    return response


def includeme(config: Configurator) -> None:
    config.add_exception_view(show_removed, context=Removed)
    config.add_exception_view(show_hidden, context=Hidden)
