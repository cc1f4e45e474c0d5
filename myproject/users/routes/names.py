"""The address of changing one's nickname."""

from pyramid.config import Configurator

from myproject.security.permissions import Permission
from myproject.users import constants as USER
from myproject.users.views import names


def includeme(config: Configurator) -> None:
    config.add_route("users.name", "/users/me/name/")
    config.add_form_view(
        names.Rename, route_name="users.name", permission=Permission.ACCOUNT_EDIT, fresh=USER.REAUTH_MINUTES
    )
