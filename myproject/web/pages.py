"""The site's own standing pages: about, terms, privacy, rules."""

from pyramid.config import Configurator

from myproject.security.permissions import Permission
from myproject.web.request import Request

NAMES = ("about", "terms", "privacy", "rules")


def show(request: Request) -> dict[str, str]:
    return {}


def includeme(config: Configurator) -> None:
    for name in NAMES:
        config.add_route(f"site.{name}", f"/{name}/")
        config.add_view(
            show,
            route_name=f"site.{name}",
            request_method="GET",
            permission=Permission.SITE_VIEW,
            renderer=f"myproject:templates/site/{name}.html",
            guest_cache=lambda request: ("site",),
        )
