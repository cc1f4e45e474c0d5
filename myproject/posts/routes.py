"""Addresses of posts, each with its views."""

import re

from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPNotFound

from myproject.db import reading
from myproject.posts import constants as POST
from myproject.posts.services import pages, rows
from myproject.posts.views import lists, page, write
from myproject.security.permissions import Permission
from myproject.web.request import Request


def post_of(request: Request) -> rows.PostPage:
    """The context of `/posts/ID/...`: the post, where the visitor may see it. Raises HTTPNotFound."""
    with reading(request) as db:
        post = pages.find_post(db, int(request.matchdict["id"]), request.identity)
    if post is None:
        raise HTTPNotFound
    return post


def includeme(config: Configurator) -> None:
    config.add_route("posts.list", "/")
    config.add_view(
        lists.list_posts,
        route_name="posts.list",
        request_method="GET",
        permission=Permission.POST_LIST,
        renderer="myproject:templates/posts/list.html",
        guest_cache=lambda request: ("site", "posts"),
    )

    config.add_route("posts.new", "/posts/new/")
    config.add_form_view(write.WritePost, route_name="posts.new", permission=Permission.POST_WRITE)

    config.add_route("posts.drafts", "/drafts/")
    config.add_view(
        lists.list_drafts,
        route_name="posts.drafts",
        request_method="GET",
        permission=Permission.POST_WRITE,
        renderer="myproject:templates/posts/drafts.html",
    )

    config.add_route("posts.edit", "/posts/{id:[0-9]{1,18}}/edit/", factory=post_of)
    config.add_form_view(write.EditPost, route_name="posts.edit", permission=Permission.POST_EDIT)

    # The words that other addresses have in the slug's place, of this module or of one above.
    reserved = "|".join(sorted(re.escape(slug) for slug in POST.RESERVED_SLUGS))
    config.add_route(
        "posts.view", f"/posts/{{id:[0-9]{{1,18}}}}/{{slug:(?!(?:{reserved})/)[^/]+}}/", factory=post_of
    )
    config.add_view(
        page.show_post,
        route_name="posts.view",
        request_method="GET",
        permission=Permission.POST_VIEW,
        renderer="myproject:templates/posts/view.html",
        guest_cache=lambda request: ("site", f"post:{request.context.id}"),
    )

    config.add_route("posts.short", "/posts/{id:[0-9]{1,18}}/", factory=post_of)
    config.add_view(
        page.redirect_to_post,
        route_name="posts.short",
        request_method="GET",
        permission=Permission.POST_VIEW,
    )
