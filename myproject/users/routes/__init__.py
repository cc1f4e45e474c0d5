"""Addresses of the users module, a file for each group of screens."""

from pyramid.config import Configurator


def includeme(config: Configurator) -> None:
    config.include(".accounts")
    config.include(".names")
    config.include(".avatars")
    config.include(".data")
    config.include(".joining")
    config.include(".oidc")
    config.include(".passkeys")
    config.include(".security")
    config.include(".second_factor")
