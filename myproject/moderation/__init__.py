"""What members report, and what staff do about it: hidden texts, the queue, the log, who may not comment."""

from pyramid.config import Configurator


def includeme(config: Configurator) -> None:
    config.include(".routes")
    config.include(".subscribers")
    config.include(".tasks")
