"""What the users module tells the floor."""

from pyramid.config import Configurator

from myproject.users.services import profiles


def includeme(config: Configurator) -> None:
    config.add_known("members", profiles.find_mentioned)
    config.add_rendered(profiles.RENDERED)
