"""Background work of search."""

from pyramid.config import Configurator
from pyramid.registry import Registry

from myproject.db import sessions_of
from myproject.search.services import indexing
from myproject.tasks import crontab


def forget_purged(registry: Registry) -> None:
    """Forgets the words of texts that were purged; each hour, so soon after a purge too."""
    with sessions_of(registry).writing() as db:
        indexing.forget_purged(db)


def includeme(config: Configurator) -> None:
    config.add_periodic_task(forget_purged, crontab(minute="55"))
