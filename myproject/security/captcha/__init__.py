"""Telling people from programs at registration: one interface, and the providers behind it, a file each."""

from pyramid.config import Configurator


def includeme(config: Configurator) -> None:
    """After `security.keys` and `security.ratelimit`."""
    config.include(".provider")
