"""Addresses of passkeys: the list and its forms, and the pairs that the script asks and answers at."""

from pyramid.config import Configurator

from myproject.security.permissions import Permission
from myproject.users.views import passkeys


def includeme(config: Configurator) -> None:
    config.add_route("users.passkeys", "/users/me/security/passkeys/")
    config.add_view(
        passkeys.show_list,
        route_name="users.passkeys",
        request_method="GET",
        permission=Permission.ACCOUNT_EDIT,
        fresh=True,
        renderer="myproject:templates/users/passkeys.html",
    )
    for name, view in (("rename", passkeys.RenamePasskey), ("remove", passkeys.RemovePasskey)):
        config.add_route(f"users.passkeys.{name}", f"/users/passkeys/{{id:[0-9]{{1,18}}}}/{name}/")
        config.add_form_view(
            view, route_name=f"users.passkeys.{name}", permission=Permission.ACCOUNT_EDIT, fresh=True
        )

    # For the script, which is told where to go instead of being sent there.
    for name, ask, answer, permission in (
        ("add", passkeys.ask_to_add, passkeys.add, Permission.ACCOUNT_EDIT),
        ("sign_in", passkeys.ask_to_sign_in, passkeys.sign_in, Permission.ACCOUNT_ENTER),
    ):
        path = f"/users/passkeys/{name.replace('_', '-')}/"
        config.add_route(f"users.passkeys.{name}.options", f"{path}options/")
        config.add_view(
            ask, route_name=f"users.passkeys.{name}.options", request_method="POST", permission=permission
        )
        config.add_route(f"users.passkeys.{name}", path)
        config.add_view(answer, route_name=f"users.passkeys.{name}", request_method="POST", permission=permission)
