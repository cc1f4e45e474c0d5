"""Search: an index of posts and comments, what is asked of it, and the page that shows what was found."""

from pyramid.config import Configurator


def includeme(config: Configurator) -> None:
    config.include(".routes")
    config.include(".subscribers")
    config.include(".tasks")
