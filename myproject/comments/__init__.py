"""Comments: a tree under each post, replies, permalinks, and the mail that says somebody answered."""

from pyramid.config import Configurator


def includeme(config: Configurator) -> None:
    config.include(".routes")
    config.include(".subscribers")
    config.include(".tasks")
