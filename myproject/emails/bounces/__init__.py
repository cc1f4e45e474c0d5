"""Mail that comes back: what it says, how it reaches the site, and whether to believe it."""

from pyramid.config import Configurator


def includeme(config: Configurator) -> None:
    config.include(".watching")
