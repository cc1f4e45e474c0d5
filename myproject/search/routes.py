"""Addresses of search, each with its view."""

from pyramid.config import Configurator

from myproject.search import views
from myproject.security.permissions import Permission


def includeme(config: Configurator) -> None:
    config.add_route("search.show", "/search/")
    config.add_view(
        views.show_results,
        route_name="search.show",
        request_method="GET",
        permission=Permission.POST_LIST,
        renderer="myproject:templates/search/show.html",
        guest_cache=lambda request: ("site", "posts", "search"),
    )

    config.add_route("search.description", "/opensearch.xml")
    config.add_view(
        views.describe,
        route_name="search.description",
        request_method="GET",
        permission=Permission.SITE_VIEW,
        guest_cache=lambda request: ("site",),
    )
