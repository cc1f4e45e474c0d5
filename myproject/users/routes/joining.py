"""Addresses of joining: waiting to be let in."""

from pyramid.config import Configurator

from myproject.security.permissions import Permission
from myproject.users.views import register


def includeme(config: Configurator) -> None:
    config.add_route("users.waiting", "/users/register/waiting/")
    config.add_view(
        register.waiting,
        route_name="users.waiting",
        request_method="GET",
        permission=Permission.ACCOUNT_ENTER,
        renderer="myproject:templates/users/waiting.html",
    )
