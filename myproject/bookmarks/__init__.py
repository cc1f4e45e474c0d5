"""Bookmarks: posts that a member keeps at hand."""

from pyramid.config import Configurator


def includeme(config: Configurator) -> None:
    config.include(".routes")
    config.include(".subscribers")
