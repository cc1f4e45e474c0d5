"""A post and its comments."""

from typing import Any

from pyramid.httpexceptions import HTTPMovedPermanently, HTTPNotFound
from pyramid.response import Response

from myproject.comments.services.places import read_place
from myproject.comments.services.replies import answered_before
from myproject.comments.services.threads import list_comments, list_rest
from myproject.feeds.services import linked_data
from myproject.forms.view import form_by_hand
from myproject.posts import constants as POST
from myproject.posts.services import rows
from myproject.posts.services.curation import is_closed
from myproject.posts.views.mine import fill_in, find_mine
from myproject.security.permissions import may_publish
from myproject.users.services.bans import find_ban_of
from myproject.web.fragments import cached_fragment
from myproject.web.request import Request
from myproject.web.templating import url


def show_post(context: rows.PostPage, request: Request) -> dict[str, Any] | Response:
    """A post and a page of its comments (`comments.services.places`); a wrong slug leads to the right one."""
    if request.matchdict["slug"] != context.slug:
        return redirect_to_post(context, request)
    place = read_place(request.GET)
    if place is None:
        raise HTTPNotFound

    def values() -> dict[str, Any]:
        if place.thread_id is not None:
            thread = list_rest(request.dbsession, context.id, place.thread_id, place.order)
        else:
            thread = list_comments(request.dbsession, context.id, place.order, place.from_id)
        told = ""
        if context.is_published:
            site = request.site.site_url
            told = linked_data.as_script(linked_data.posting(context, thread.comments, site + address, site))
        answered = answered_before(context, thread)
        return {"post": context, "thread": thread, "answered": answered, "address": address, "linked_data": told}

    address = url(request, "posts.view", id=context.id, slug=context.slug)
    may_comment = may_publish(request.identity, request.site.users_require_verified_email)
    shared = cached_fragment(
        request,
        f"post:{context.id}:{place.query()}",
        ("site", f"post:{context.id}"),
        "myproject:templates/posts/shared.html",
        values,
        keep=context.is_published,
    )
    request.shown = shared
    mine = find_mine(request, context, shared, place.order)
    return {
        "ban": find_ban_of(request.dbsession, request.identity),
        "read_only": mine is not None and mine.read_only,
        "post": context,
        "address": address,
        "mine": mine,
        "place": place.fields(),
        "shared": fill_in(request, context, shared, mine, may_comment),
        "closed": is_closed(context, request.site.comments_close_days),
        "may_comment": may_comment,
        "body_max_bytes": POST.BODY_MAX_BYTES,
        "writing": form_by_hand(request, url(request, "comments.create", id=context.id)) if may_comment else None,
    }


def redirect_to_post(context: rows.PostPage, request: Request) -> Response:
    """`/posts/ID/` and wrong slugs lead to the post's canonical address, with what was asked of it."""
    query = f"?{request.query_string}" if request.query_string else ""
    return HTTPMovedPermanently(url(request, "posts.view", id=context.id, slug=context.slug) + query)
