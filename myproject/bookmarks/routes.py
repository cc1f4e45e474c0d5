"""Addresses of bookmarks, each with its views."""

from pyramid.config import Configurator

from myproject.bookmarks import views
from myproject.posts.routes import post_of
from myproject.security.permissions import Permission


def includeme(config: Configurator) -> None:
    config.add_route("bookmarks.list", "/bookmarks/")
    config.add_view(
        views.list_bookmarks,
        route_name="bookmarks.list",
        request_method="GET",
        permission=Permission.BOOKMARK_WRITE,
        renderer="myproject:templates/bookmarks/list.html",
    )

    config.add_route("bookmarks.change", "/posts/{id:[0-9]{1,18}}/bookmark/", factory=post_of)
    config.add_view(
        views.change_bookmark,
        route_name="bookmarks.change",
        request_method="POST",
        permission=Permission.BOOKMARK_WRITE,
    )
