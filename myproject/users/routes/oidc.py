"""Addresses of signing in, registering and connecting by way of a third party."""

from pyramid.config import Configurator

from myproject.security.permissions import Permission
from myproject.users import constants as USER
from myproject.users.views import oidc


def includeme(config: Configurator) -> None:
    provider = "/users/oidc/{provider:[a-z0-9_-]{1,40}}/"
    for name, view, method, permission in (
        ("start", oidc.start, "POST", Permission.ACCOUNT_ENTER),
        ("callback", oidc.come_back, "GET", Permission.ACCOUNT_ENTER),
        ("prove", oidc.prove, "POST", Permission.ACCOUNT_PROTECT),
    ):
        config.add_route(f"users.oidc.{name}", f"{provider}{name}/", factory=oidc.client_for)
        config.add_view(
            view,
            route_name=f"users.oidc.{name}",
            request_method=method,
            permission=permission,
            before_terms=name == "prove",
        )

    config.add_route("users.oidc.register", f"{provider}register/", factory=oidc.client_for)
    config.add_form_view(
        oidc.RegisterByProvider, route_name="users.oidc.register", permission=Permission.ACCOUNT_ENTER
    )

    config.add_route("users.connections", "/users/me/connections/")
    config.add_view(
        oidc.Connections,
        attr="get",
        route_name="users.connections",
        request_method="GET",
        permission=Permission.ACCOUNT_EDIT,
        renderer="myproject:templates/users/connections.html",
        fresh=USER.REAUTH_MINUTES,
    )
    config.add_view(
        oidc.Connections,
        attr="post",
        route_name="users.connections",
        request_method="POST",
        permission=Permission.ACCOUNT_EDIT,
        fresh=USER.REAUTH_MINUTES,
    )
