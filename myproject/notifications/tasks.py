"""Background work of notifications."""

from pyramid.config import Configurator
from pyramid.registry import Registry

from myproject.db import sessions_of
from myproject.notifications.services import inbox


def read_post(registry: Registry, user_id: int, post_id: int, up_to: int) -> None:
    """Marks what a member was told of a post as read, as far as it was there when they read that (`up_to`)."""
    with sessions_of(registry).writing() as db:
        inbox.read_post(db, user_id, post_id, up_to)


def includeme(config: Configurator) -> None:
    config.add_task(read_post)
