"""Forms: deform with our own Jinja2 templates, a base schema that lets nothing odd through, one view for them
all.
"""

from pyramid.config import Configurator


def includeme(config: Configurator) -> None:
    config.include(".view")
    config.include(".kept")
    config.include(".texts")
