"""The list of a member's comments."""

from typing import Any

from pyramid.httpexceptions import HTTPNotFound

from myproject.comments.services import lists
from myproject.pagination import BadCursor
from myproject.users.services.profiles import Profile
from myproject.web.request import Request


def list_of_author(context: Profile, request: Request) -> dict[str, Any]:
    """What a member wrote below posts, latest first. `?after=` goes on where the page before ended."""
    after = request.GET.get("after")
    try:
        page = lists.list_of_author(request.dbsession, context.id, after)
    except BadCursor:
        raise HTTPNotFound from None
    return {"profile": context, "page": page, "first": after is None}
