"""Addresses of a member's data: taking them along, and leaving."""

from pyramid.config import Configurator

from myproject.security.permissions import Permission
from myproject.users import constants as USER
from myproject.users.views import data, deletion
from myproject.users.views.mailed_links import add_mailed_link


def includeme(config: Configurator) -> None:
    # Who does not accept new terms may take their data along, and leave.
    config.add_route("users.data", "/users/me/data/")
    config.add_form_view(
        data.Data,
        route_name="users.data",
        permission=Permission.ACCOUNT_EDIT,
        fresh=USER.REAUTH_MINUTES,
        before_terms=True,
    )

    config.add_route("users.data.file", "/users/me/data/export.zip")
    config.add_view(
        data.fetch,
        route_name="users.data.file",
        request_method="GET",
        permission=Permission.ACCOUNT_EDIT,
        fresh=USER.REAUTH_MINUTES,
        before_terms=True,
    )

    config.add_route("users.delete", "/users/me/delete/")
    config.add_form_view(
        deletion.DeleteAccount,
        route_name="users.delete",
        permission=Permission.ACCOUNT_EDIT,
        fresh=USER.REAUTH_MINUTES,
        before_terms=True,
    )

    config.add_route("users.delete.undo", "/users/me/delete/undo/")
    config.add_view(
        deletion.undo,
        route_name="users.delete.undo",
        request_method="POST",
        permission=Permission.ACCOUNT_EDIT,
        before_terms=True,
    )

    add_mailed_link(config, deletion.KeepLink, route_name="users.keep", path="/users/keep-account/")
