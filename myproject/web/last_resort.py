"""The last resort: where an error page fails itself, the answer is a page of the site too, with its headers."""

import logging
from collections.abc import Callable
from typing import Any

from pyramid.config import Configurator
from pyramid.response import Response

from myproject.web.request import Request

log = logging.getLogger(__name__)

# It needs no template, no setting and no language: one of these may be what failed.
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Something went wrong</title>
<h1>Something went wrong</h1>
<p>The mistake is ours, and it has been noted. Please go back and try again in a moment.</p>
<p><a href="/">To the front page</a></p>
</html>
"""


def last_resort_tween_factory(handler: Callable[[Request], Response], registry: Any) -> Callable[..., Response]:
    """A tween that lets nothing through but answers. What comes here was raised outside of all views, or by a view
    that shows an error; it gets the page that a view's would have got, or else `PAGE`.
    """

    def last_resort_tween(request: Request) -> Response:
        try:
            return handler(request)
        except Exception:
            try:
                response: Response = request.invoke_exception_view()
            except Exception:
                log.exception("500 %s: an error page failed", request.id)
                response = Response(PAGE, status=500, content_type="text/html", charset="utf-8")
            return response

    return last_resort_tween


def includeme(config: Configurator) -> None:
    # Only the headers stand above it.
    config.add_tween(
        "myproject.web.last_resort.last_resort_tween_factory",
        under="myproject.security.headers.headers_tween_factory",
        over="myproject.web.ingress.ingress_tween_factory",
    )
