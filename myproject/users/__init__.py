"""Members: registration, signing in and out, verified addresses, passwords, profiles."""

from pyramid.config import Configurator


def includeme(config: Configurator) -> None:
    config.include(".identify")
    config.include(".tasks")
    config.include(".routes")
    config.include(".subscribers")
