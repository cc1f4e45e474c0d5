"""Background work of the images module."""

from pyramid.config import Configurator
from pyramid.registry import Registry

from myproject.db import sessions_of, utc_now
from myproject.images import constants as IMAGE
from myproject.images import services
from myproject.tasks import crontab


def purge(registry: Registry) -> None:
    """Deletes the images that are in no text."""
    while True:
        with sessions_of(registry).writing() as db:
            number = services.purge_orphans(db, utc_now())
        if number < IMAGE.PURGED_AT_ONCE:
            return


def includeme(config: Configurator) -> None:
    config.add_periodic_task(purge, crontab(hour="4", minute="10"))
