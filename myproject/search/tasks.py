"""Background work of search."""

from pyramid.config import Configurator
from pyramid.registry import Registry

from myproject.db import sessions_of
from myproject.search.services import indexing, merging
from myproject.search.services.indexing import WordsErased
from myproject.tasks import crontab, enqueue, enqueue_if_idle


def forget_purged(registry: Registry) -> None:
    """Forgets the words of texts that were purged; each hour, so soon after a purge too."""
    with sessions_of(registry).writing() as db:
        indexing.forget_purged(db)


def merge_index(registry: Registry) -> None:
    """Lets the index forget for good what is gone from it; each night too, for what was purged, and for erasures
    whose message was lost.
    """
    if merging.begin_merge(sessions_of(registry)):
        go_on_merging(registry)


def go_on_merging(registry: Registry) -> None:
    """The rest of that; where it takes long, with other work in between."""
    if merging.go_on(sessions_of(registry)):
        enqueue_if_idle(registry, go_on_merging)
    else:
        sessions_of(registry).empty_log()


def merge_soon(event: WordsErased) -> None:
    enqueue(event.db, merge_index)


def includeme(config: Configurator) -> None:
    config.add_subscriber(merge_soon, WordsErased)
    config.add_task(merge_index)
    config.add_task(go_on_merging)
    config.add_periodic_task(forget_purged, crontab(minute="55"))
    config.add_periodic_task(merge_index, crontab(hour="5", minute="5"))
