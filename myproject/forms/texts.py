"""Forms that are written by hand hold texts: a file in place of one, or what no database keeps, is refused before
their view reads it.
"""

from collections.abc import Callable
from typing import Any

from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPBadRequest
from pyramid.response import Response

from myproject.forms.view import FormView
from myproject.web.request import Request


def texts_deriver(view: Callable[..., Response], info: Any) -> Callable[..., Response]:
    """Of what a form sent, a view may take for granted that it is text, but for a `FormView`, which looks itself,
    and for what other programs send.
    """
    is_form_view = isinstance(info.original_view, type) and issubclass(info.original_view, FormView)
    if is_form_view or info.exception_only or info.options.get("require_csrf") is False:
        return view

    def with_texts(context: Any, request: Request) -> Response:
        if request.method == "POST" and not all(map(is_text, request.POST.values())):
            raise HTTPBadRequest("no text")
        return view(context, request)

    return with_texts


def is_text(value: Any) -> bool:
    """Whether a value of a form may be handed on: PostgreSQL takes no NUL."""
    return isinstance(value, str) and "\0" not in value


def includeme(config: Configurator) -> None:
    config.add_view_deriver(texts_deriver, "texts")
