"""Background work of the comments module."""

from datetime import timedelta

from pyramid.config import Configurator
from pyramid.registry import Registry

from myproject.comments.models import Comment
from myproject.comments.services import purging
from myproject.db import utc_now
from myproject.settings import settings_of
from myproject.tasks import crontab, in_batches


def purge_removed(registry: Registry) -> None:
    """Empties what was removed so long ago that nobody may restore it."""
    before = utc_now() - timedelta(days=settings_of(registry).retention_removed_days)
    in_batches(registry, lambda db: purging.purge_removed(db, Comment.removed_at < before))


def includeme(config: Configurator) -> None:
    config.add_periodic_task(purge_removed, crontab(hour="4", minute="10"))
