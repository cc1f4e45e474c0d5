"""Addresses of passkeys: the list and its forms, and the pairs that the script asks and answers at."""

from pyramid.config import Configurator

from myproject.security.permissions import Permission
from myproject.users import constants as USER
from myproject.users.views import passkeys


def includeme(config: Configurator) -> None:
    config.add_route("users.passkeys", "/users/me/security/passkeys/")
    config.add_view(
        passkeys.show_list,
        route_name="users.passkeys",
        request_method="GET",
        permission=Permission.ACCOUNT_EDIT,
        fresh=USER.REAUTH_MINUTES,
        renderer="myproject:templates/users/passkeys.html",
    )
    for name, view in (("rename", passkeys.RenamePasskey), ("remove", passkeys.RemovePasskey)):
        config.add_route(f"users.passkeys.{name}", f"/users/passkeys/{{id:[0-9]{{1,18}}}}/{name}/")
        config.add_form_view(
            view,
            route_name=f"users.passkeys.{name}",
            permission=Permission.ACCOUNT_EDIT,
            fresh=USER.REAUTH_MINUTES,
        )

    # For the script, which is told where to go instead of being sent there. Each pair has the permission of the
    # page that it serves.
    for name, ask, answer, permission in (
        ("add", passkeys.ask_to_add, passkeys.add, Permission.ACCOUNT_EDIT),
        ("sign_in", passkeys.ask_to_sign_in, passkeys.sign_in, Permission.ACCOUNT_ENTER),
        ("reauth", passkeys.ask_to_prove, passkeys.prove_again, Permission.ACCOUNT_PROTECT),
        (
            "second_factor",
            passkeys.ask_for_second_factor,
            passkeys.show_second_factor,
            Permission.ACCOUNT_ENTER,
        ),
    ):
        route, path = f"users.passkeys.{name}", f"/users/passkeys/{name.replace('_', '-')}/"
        config.add_route(f"{route}.options", f"{path}options/")
        config.add_route(route, path)
        for route_name, half in ((f"{route}.options", ask), (route, answer)):
            config.add_view(
                half,
                route_name=route_name,
                request_method="POST",
                permission=permission,
                before_terms=name != "add",
            )
