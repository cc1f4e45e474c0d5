"""Addresses of moderation, each with its views."""

from pyramid.config import Configurator


def includeme(config: Configurator) -> None:
    pass
