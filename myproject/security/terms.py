"""A new version of the terms is shown once, before anything else that needs an account.

What everybody may see stays open. A view that has to stay within reach as well, such as to leave, says
`before_terms=True`.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPSeeOther
from pyramid.response import Response

from myproject.forms.ended import Ended, expired_form
from myproject.security.permissions import is_for_members
from myproject.transactions import is_unsafe
from myproject.web.request import Request
from myproject.web.templating import url


def terms_due(accepted: str, present: str) -> bool:
    """Whether somebody who accepted one version has to accept the present one; a site without a version asks
    nobody.
    """
    return bool(present) and accepted != present


def terms_address(request: Request, target: str) -> str:
    """Where the present terms are accepted, on the way to `target`, a path of ours."""
    return url(request, "users.terms") + "?next=" + quote(target, safe="/")


def terms_deriver(view: Callable[..., Response], info: Any) -> Callable[..., Response]:
    if info.options.get("before_terms") or not is_for_members(info.options.get("permission")):
        return view

    def after_terms(context: Any, request: Request) -> Response:
        member = request.identity
        if member is None or not terms_due(member.terms_version, request.site.site_terms_version):
            return view(context, request)
        if is_unsafe(request):
            # Nothing typed is lost: the page carries it until they have accepted.
            return expired_form(request, Ended.TERMS)
        return HTTPSeeOther(terms_address(request, request.path_qs))

    return after_terms


terms_deriver.options = ("before_terms",)  # type: ignore[attr-defined]


def includeme(config: Configurator) -> None:
    # Before a fresh sign-in is asked for: that would be for nothing.
    config.add_view_deriver(terms_deriver, "terms", under="decorated_view", over="fresh")
