"""What the users module tells the floor."""

from pyramid.config import Configurator

from myproject.users.services import avatars, export, profiles


def includeme(config: Configurator) -> None:
    config.add_file_owner(avatars.used_avatars)
    config.add_file_owner(export.used_exports)
    config.add_known("members", profiles.find_mentioned)
    config.add_rendered(profiles.RENDERED)
