"""Addresses of what guards an account: fresh sign-ins, the address, sessions, history."""

from pyramid.config import Configurator

from myproject.security.permissions import Permission
from myproject.users import constants as USER
from myproject.users.views import addresses, reauth, security, sessions
from myproject.users.views.mailed_links import add_mailed_link


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
        addresses.ChangeEmail,
        route_name="users.email",
        permission=Permission.ACCOUNT_EDIT,
        fresh=USER.REAUTH_MINUTES,
    )

    add_mailed_link(config, addresses.ConfirmEmail, route_name="users.email.confirm", path="/users/email/confirm/")
    add_mailed_link(config, addresses.UndoEmail, route_name="users.email.undo", path="/users/email/undo/")

    config.add_route("users.sessions", "/users/me/sessions/")
    config.add_view(
        sessions.SessionList,
        attr="get",
        route_name="users.sessions",
        request_method="GET",
        permission=Permission.ACCOUNT_EDIT,
        renderer="myproject:templates/users/sessions.html",
        fresh=USER.REAUTH_MINUTES,
    )
    config.add_view(
        sessions.SessionList,
        attr="post",
        route_name="users.sessions",
        request_method="POST",
        permission=Permission.ACCOUNT_EDIT,
        fresh=USER.REAUTH_MINUTES,
    )

    config.add_route("users.history", "/users/me/security/history/")
    config.add_view(
        security.show_history,
        route_name="users.history",
        request_method="GET",
        permission=Permission.ACCOUNT_EDIT,
        renderer="myproject:templates/users/history.html",
    )

    # Its address is the one thing here that is not ours to choose.
    config.add_route("users.well_known_change_password", "/.well-known/change-password")
    config.add_view(
        security.change_password_address,
        route_name="users.well_known_change_password",
        request_method="GET",
        permission=Permission.SITE_VIEW,
    )
