"""Addresses for programs, each with its view."""

from collections.abc import Callable
from typing import Any

from pyramid.config import Configurator

from myproject.feeds import views
from myproject.posts.routes import post_of
from myproject.security.permissions import Permission
from myproject.users.routes.accounts import profile_of
from myproject.web.request import Request


def of_site(request: Request) -> tuple[str, ...]:
    return ("site", "posts")


def of_search(request: Request) -> tuple[str, ...]:
    return ("site", "posts", "search")


def of_post(request: Request) -> tuple[str, ...]:
    return ("site", f"post:{request.context.id}")


def of_author(request: Request) -> tuple[str, ...]:
    return ("site", "posts", f"user:{request.context.id}")


Tags = Callable[[Request], tuple[str, ...]]
ID = "{id:[0-9]{1,18}}"
# Name, address, view, permission, what it shows, and who loads its context.
ROUTES: tuple[tuple[str, str, Callable[..., Any], Permission, Tags, Callable[..., Any] | None], ...] = (
    ("site", "/feed.atom", views.site_feed, Permission.POST_LIST, of_site, None),
    ("tag", "/tags/{tag}/feed.atom", views.tag_feed, Permission.POST_LIST, of_site, None),
    ("search", "/search/feed.atom", views.search_feed, Permission.POST_LIST, of_search, None),
    ("author", "/@{name}/feed.atom", views.author_feed, Permission.PROFILE_VIEW, of_author, profile_of),
    (
        "author.comments",
        "/@{name}/comments/feed.atom",
        views.commenter_feed,
        Permission.POST_LIST,
        of_author,
        profile_of,
    ),
    ("post", f"/posts/{ID}/feed.atom", views.post_feed, Permission.POST_VIEW, of_post, post_of),
    ("source", f"/posts/{ID}/source.md", views.post_source, Permission.POST_VIEW, of_post, post_of),
    ("source.json", f"/posts/{ID}/source.json", views.post_json, Permission.POST_VIEW, of_post, post_of),
    ("sitemaps", "/sitemap.xml", views.sitemap_index, Permission.POST_LIST, of_site, None),
    ("sitemap", "/sitemaps/{part:[0-9]+}.xml", views.sitemap_part, Permission.POST_LIST, of_site, None),
)


def includeme(config: Configurator) -> None:
    for name, address, view, permission, tags, factory in ROUTES:
        config.add_route(f"feeds.{name}", address, factory=factory)
        config.add_view(
            view, route_name=f"feeds.{name}", request_method="GET", permission=permission, guest_cache=tags
        )
