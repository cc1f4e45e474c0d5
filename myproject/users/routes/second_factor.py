"""Addresses of the second factor: showing it at a sign-in, setting it up, turning it off."""

from pyramid.config import Configurator

from myproject.security.permissions import Permission
from myproject.users import constants as USER
from myproject.users.views import lost_second_factor, second_factor
from myproject.users.views.mailed_links import add_mailed_link


def includeme(config: Configurator) -> None:
    config.add_route("users.second_factor", "/users/login/second-factor/")
    config.add_form_view(
        second_factor.ShowSecondFactor, route_name="users.second_factor", permission=Permission.ACCOUNT_ENTER
    )

    config.add_route("users.second_factor.lost", "/users/login/second-factor/lost/")
    config.add_form_view(
        lost_second_factor.LostSecondFactor,
        route_name="users.second_factor.lost",
        permission=Permission.ACCOUNT_ENTER,
    )
    for name, link in (("reset", lost_second_factor.ResetLink), ("keep", lost_second_factor.KeepLink)):
        route_name, path = f"users.second_factor.{name}", f"/users/second-factor/{name}/"
        add_mailed_link(config, link, route_name=route_name, path=path)

    config.add_route("users.second_factor.settings", "/users/me/security/second-factor/")
    config.add_view(
        second_factor.show_settings,
        route_name="users.second_factor.settings",
        request_method="GET",
        permission=Permission.ACCOUNT_PROTECT,
        renderer="myproject:templates/users/second_factor_settings.html",
        fresh=USER.REAUTH_MINUTES,
    )

    config.add_route("users.second_factor.add", "/users/me/security/second-factor/authenticator/")
    config.add_form_view(
        second_factor.AddAuthenticator,
        route_name="users.second_factor.add",
        permission=Permission.ACCOUNT_PROTECT,
        fresh=USER.REAUTH_MINUTES,
    )

    for name, address, view in (
        ("users.second_factor.begin", "begin", second_factor.begin_adding),
        ("users.second_factor.codes", "codes", second_factor.renew_codes),
        ("users.second_factor.off", "off", second_factor.turn_off),
        ("users.second_factor.stay", "stay", lost_second_factor.keep),
    ):
        config.add_route(name, f"/users/me/security/second-factor/{address}/")
        config.add_view(
            view,
            route_name=name,
            request_method="POST",
            permission=Permission.ACCOUNT_PROTECT,
            fresh=USER.REAUTH_MINUTES,
        )
