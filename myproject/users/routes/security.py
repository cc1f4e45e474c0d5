"""Addresses of what guards an account: fresh sign-ins, the address, sessions, history."""

from pyramid.config import Configurator

from myproject.security.permissions import Permission
from myproject.users.views import reauth, security


def includeme(config: Configurator) -> None:
    config.add_route("users.security", "/users/me/security/")
    config.add_view(
        security.hub,
        route_name="users.security",
        request_method="GET",
        permission=Permission.ACCOUNT_EDIT,
        renderer="myproject:templates/users/security.html",
    )

    config.add_route("users.reauth", "/users/reauth/")
    config.add_form_view(
        reauth.Reauth, route_name="users.reauth", permission=Permission.ACCOUNT_PROTECT, before_terms=True
    )
