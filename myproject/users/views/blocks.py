"""Blocking members, and those whom one has blocked."""

from typing import Any

from pyramid.httpexceptions import HTTPBadRequest, HTTPNotFound, HTTPSeeOther
from pyramid.response import Response

from myproject.i18n import _
from myproject.pagination import row_number
from myproject.text import canonical
from myproject.users.services import blocks
from myproject.users.services.profiles import Profile
from myproject.web.likes import wants_on
from myproject.web.request import Request
from myproject.web.templating import url


def change_block(context: Profile, request: Request) -> Response:
    """Blocks the member of the profile or, where `on` is 0, takes that back. Leads back to the profile. Raises
    HTTPBadRequest for any other `on`.
    """
    if wants_on(request):
        blocks.block(request.dbsession, request.member.id, context.id)
        words = _("You hear nothing more of ${name}", mapping={"name": context.title})
    else:
        blocks.unblock(request.dbsession, request.member.id, context.id)
        words = _("You hear of ${name} again", mapping={"name": context.title})
    request.flash(words)
    return HTTPSeeOther(url(request, "users.profile", name=canonical(context.name)))


def list_blocked(request: Request) -> dict[str, Any]:
    """Whom the member has blocked. `?after=` goes on behind the number of a member; HTTPNotFound for no number."""
    after = request.GET.get("after", "")
    before_id = row_number(after)
    if after and before_id is None:
        raise HTTPNotFound
    return {"blocked": blocks.list_blocked(request.dbsession, request.member.id, before_id)}


def unblock(request: Request) -> Response:
    """Takes the block of the member whom the field `member` numbers back: their profile may be shut meanwhile.
    Raises HTTPBadRequest where it is no number.
    """
    number = row_number(str(request.POST.get("member", "")))
    if number is None:
        raise HTTPBadRequest
    blocks.unblock(request.dbsession, request.member.id, number)
    request.flash(_("They are not blocked any more"))
    return HTTPSeeOther(url(request, "users.blocked"))
