"""Background work of the moderation module."""

from pyramid.config import Configurator
from pyramid.registry import Registry

from myproject.comments.services import hiding
from myproject.db import sessions_of
from myproject.tasks import crontab


def show_after_bans(registry: Registry) -> None:
    """Puts back what was hidden with bans that have ended by themselves, of each member in a transaction of their
    own.
    """
    with sessions_of(registry).reading() as db:
        due = hiding.find_hidden_after_bans(db)
    for user_id in due:
        with sessions_of(registry).writing() as db:
            hiding.show_after_bans(db, user_id)


def includeme(config: Configurator) -> None:
    config.add_periodic_task(show_after_bans, crontab(minute="*/10"))
