"""Images: pictures that members put into their posts and comments."""

from pyramid.config import Configurator


def includeme(config: Configurator) -> None:
    config.include(".routes")
    config.include(".tasks")
    config.include(".subscribers")
