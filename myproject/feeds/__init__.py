"""What programs read: feeds, the source of a post, the site map, what search engines are told of a post."""

from pyramid.config import Configurator


def includeme(config: Configurator) -> None:
    config.include(".routes")
