"""Role-based pages of the people who run the site."""

from pyramid.config import Configurator


def includeme(config: Configurator) -> None:
    config.include(".routes")
    config.include(".tasks")
