"""What is dangerous asks for a fresh sign-in: the password or passkey once more, where the last time is long ago
(OWASP ASVS 5.0: 7.5.1, 7.5.3).

A view says for how many minutes a proof is enough: `fresh=USER.REAUTH_MINUTES`. Pyramid checks the form's token
and the permission before this, so that only a member's own form gets here.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPSeeOther
from pyramid.response import Response

from myproject.db import utc_now
from myproject.forms.ended import Ended, expired_form
from myproject.transactions import is_unsafe
from myproject.users import constants as USER
from myproject.web.request import Request
from myproject.web.templating import url


def is_fresh(request: Request, minutes: int = USER.REAUTH_MINUTES) -> bool:
    """Whether the member has proved who they are within the last `minutes`."""
    return request.member.authenticated_at > utc_now() - timedelta(minutes=minutes)


def fresh_deriver(view: Callable[..., Response], info: Any) -> Callable[..., Response]:
    minutes = info.options.get("fresh")
    if minutes is None:
        return view

    def fresh(context: Any, request: Request) -> Response:
        if is_fresh(request, minutes):
            return view(context, request)
        if is_unsafe(request):
            # Nothing typed is lost: the page carries it until they have signed in afresh.
            return expired_form(request, Ended.FRESHNESS)
        return HTTPSeeOther(url(request, "users.reauth") + "?next=" + quote(request.path_qs, safe="/"))

    return fresh


fresh_deriver.options = ("fresh",)  # type: ignore[attr-defined]


def includeme(config: Configurator) -> None:
    config.add_view_deriver(fresh_deriver, "fresh")
