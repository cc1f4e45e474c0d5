"""The screens of bookmarks."""

from typing import Any

from pyramid.httpexceptions import HTTPNotFound, HTTPSeeOther
from pyramid.response import Response

from myproject.bookmarks import services
from myproject.i18n import _
from myproject.pagination import BadCursor
from myproject.posts.services.rows import PostPage
from myproject.web.request import Request
from myproject.web.templating import url


def list_bookmarks(request: Request) -> dict[str, Any]:
    """What the member keeps. `?after=` goes on where the page before ended."""
    try:
        page = services.list_bookmarks(request.dbsession, request.member.id, request.GET.get("after"))
    except BadCursor:
        raise HTTPNotFound from None
    return {"page": page}


def change_bookmark(context: PostPage, request: Request) -> Response:
    """Keeps the post or, where `on` is 0, gives it up. Leads back to the post, or to the list with `list`."""
    if request.POST.get("on") == "0":
        services.remove_bookmark(request.dbsession, request.member.id, context.id)
        request.flash(_("The bookmark is gone"))
    else:
        services.add_bookmark(request.dbsession, request.member.id, context.id)
        request.flash(_("The post is among your bookmarks"))
    if "list" in request.POST:
        return HTTPSeeOther(url(request, "bookmarks.list"))
    return HTTPSeeOther(url(request, "posts.view", id=context.id, slug=context.slug))
