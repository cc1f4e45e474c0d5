"""Comments: a tree under each post, replies, permalinks."""

from pyramid.config import Configurator


def includeme(config: Configurator) -> None:
    config.include(".routes")
    config.include(".subscribers")
    config.include(".tasks")
