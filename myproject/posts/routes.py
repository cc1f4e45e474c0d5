"""Addresses of posts, each with its views."""

import re

from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPNotFound

from myproject.db import reading
from myproject.posts import constants as POST
from myproject.posts import services, views
from myproject.security.permissions import Permission
from myproject.web.request import Request


def post_of(request: Request) -> services.PostPage:
    """The context of `/posts/ID/...`: the post, where the visitor may see it. Raises HTTPNotFound."""
    with reading(request) as db:
        post = services.find_post(db, int(request.matchdict["id"]), request.identity)
    if post is None:
        raise HTTPNotFound
    return post


def includeme(config: Configurator) -> None:
    config.add_route("posts.list", "/")
    config.add_view(
        views.list_posts,
        route_name="posts.list",
        request_method="GET",
        permission=Permission.POST_LIST,
        renderer="myproject:templates/posts/list.html",
        guest_cache=lambda request: ("site", "posts"),
    )

    config.add_route("posts.new", "/posts/new/")
    config.add_form_view(views.WritePost, route_name="posts.new", permission=Permission.POST_WRITE)

    config.add_route("posts.drafts", "/drafts/")
    config.add_view(
        views.list_drafts,
        route_name="posts.drafts",
        request_method="GET",
        permission=Permission.POST_WRITE,
        renderer="myproject:templates/posts/drafts.html",
    )

    config.add_route("posts.edit", "/posts/{id:[0-9]{1,18}}/edit/", factory=post_of)
    config.add_form_view(views.EditPost, route_name="posts.edit", permission=Permission.POST_EDIT)

    # The words that other addresses have in the slug's place, of this module or of one above.
    reserved = "|".join(sorted(re.escape(slug) for slug in POST.RESERVED_SLUGS))
    config.add_route(
        "posts.view", f"/posts/{{id:[0-9]{{1,18}}}}/{{slug:(?!(?:{reserved})/)[^/]+}}/", factory=post_of
    )
    config.add_view(
        views.show_post,
        route_name="posts.view",
        request_method="GET",
        permission=Permission.POST_VIEW,
        renderer="myproject:templates/posts/view.html",
        guest_cache=lambda request: ("site", f"post:{request.context.id}"),
    )

    config.add_route("posts.short", "/posts/{id:[0-9]{1,18}}/", factory=post_of)
    config.add_view(
        views.redirect_to_post,
        route_name="posts.short",
        request_method="GET",
        permission=Permission.POST_VIEW,
    )
