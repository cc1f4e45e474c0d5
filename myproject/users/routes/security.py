"""Addresses of what guards an account: fresh sign-ins, the address, sessions, history."""

from pyramid.config import Configurator

from myproject.security.permissions import Permission
from myproject.users.views import addresses, reauth, security


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

    config.add_route("users.email", "/users/me/email/")
    config.add_form_view(
        addresses.ChangeEmail, route_name="users.email", permission=Permission.ACCOUNT_EDIT, fresh=True
    )

    for name, view in (("confirm", addresses.ConfirmEmail), ("undo", addresses.UndoEmail)):
        config.add_route(f"users.email.{name}", f"/users/email/{name}/{{token:[A-Za-z0-9_-]{{20,100}}}}/")
        for method in ("GET", "POST"):
            config.add_view(
                view,
                attr=method.lower(),
                route_name=f"users.email.{name}",
                request_method=method,
                permission=Permission.ACCOUNT_ENTER,
            )
