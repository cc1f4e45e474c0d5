"""The inbox."""

from typing import Any

from pyramid.httpexceptions import HTTPBadRequest, HTTPNotFound, HTTPSeeOther
from pyramid.response import Response

from myproject.i18n import _
from myproject.notifications.services import inbox
from myproject.pagination import row_number
from myproject.web.request import Request
from myproject.web.returning import inbox_address


def after_of(request: Request) -> int | None:
    """The number of `?after=`, behind which a page begins; None without one. Raises HTTPNotFound."""
    after = request.GET.get("after")
    number = row_number(after) if after is not None else None
    if after is not None and not number:
        raise HTTPNotFound
    return number


def show_inbox(request: Request) -> dict[str, Any]:
    """What the member was told of, latest first, or what of that is unread with `?show=unread`. `?after=` goes on
    where the page before ended.
    """
    after, only_unread = after_of(request), request.GET.get("show") == "unread"
    page = inbox.list_inbox(request.dbsession, request.member.id, after, only_unread=only_unread)
    return {"page": page, "after": after, "only_unread": only_unread}


def mark_read(request: Request) -> Response:
    """Marks one notification as read (`id`), or all up to the latest that the page showed (`up_to`)."""
    number, up_to = (row_number(str(request.POST.get(name, ""))) for name in ("id", "up_to"))
    if number is not None:
        inbox.read_one(request.dbsession, request.member.id, number)
        request.flash(_("It is marked as read"))
    elif up_to is not None:
        inbox.read_all(request.dbsession, request.member.id, up_to)
        request.flash(_("All is marked as read"))
    else:
        raise HTTPBadRequest
    return HTTPSeeOther(inbox_address(request))
