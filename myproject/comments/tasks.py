"""Background work of the comments module, and of the posts they stand on."""

from datetime import timedelta

from pyramid.config import Configurator
from pyramid.registry import Registry

from myproject.comments.models import Comment
from myproject.comments.services import purging
from myproject.db import sessions_of, utc_now
from myproject.posts.models import Post
from myproject.posts.services import removal as posts
from myproject.settings import settings_of
from myproject.tasks import crontab


def purge_removed(registry: Registry) -> None:
    """Empties what was removed so long ago that nobody may restore it, in transactions that keep no writer
    waiting.
    """
    before = utc_now() - timedelta(days=settings_of(registry).retention_removed_days)
    for purge, old in (
        (purging.purge_removed, Comment.removed_at < before),
        (posts.purge_removed, Post.removed_at < before),
    ):
        found = 1
        while found:
            with sessions_of(registry).writing() as db:
                found = purge(db, old)


def includeme(config: Configurator) -> None:
    config.add_periodic_task(purge_removed, crontab(hour="4", minute="10"))
