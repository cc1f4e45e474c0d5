"""What the users module tells the floor."""

from pyramid.config import Configurator

from myproject.emails.services.suppression import SuppressionChanged
from myproject.users.services import accounts, avatars, export, profiles


def note_suppression(event: SuppressionChanged) -> None:
    accounts.renew_cached(event.db, event.address)


def includeme(config: Configurator) -> None:
    config.add_file_owner(avatars.used_avatars)
    config.add_file_owner(export.used_exports)
    config.add_known("members", profiles.find_mentioned)
    config.add_rendered(profiles.RENDERED)
    config.add_subscriber(note_suppression, SuppressionChanged)
