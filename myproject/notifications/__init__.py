"""Notifications: who is told what, where, and why."""

from pyramid.config import Configurator


def includeme(config: Configurator) -> None:
    config.include(".routes")
    config.include(".subscribers")
    config.include(".tasks")
