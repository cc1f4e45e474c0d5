"""Mail: an outbox in the database, the workers' part in emptying it, and two ways out."""

from pyramid.config import Configurator


def includeme(config: Configurator) -> None:
    config.include(".transport")
    config.include(".message")
    config.include(".tasks")
    config.include(".bounces")
    config.include(".routes")
    config.include(".subscribers")
