"""Background work of the posts module."""

from datetime import datetime, timedelta

from pyramid.config import Configurator
from pyramid.registry import Registry

from myproject.db import sessions_of, utc_now
from myproject.posts.models import Post
from myproject.posts.services import drafts, removal, tops, visits
from myproject.settings import settings_of
from myproject.tasks import crontab, in_batches


def note_visit(registry: Registry, user_id: int, post_id: int, at: str) -> None:
    """Writes down that a member saw a post; `at` is when, as ISO 8601. Reading itself writes nothing."""
    with sessions_of(registry).writing() as db:
        visits.note_visit(db, user_id, post_id, datetime.fromisoformat(at))


def purge_tops(registry: Registry) -> None:
    """Takes what is no longer of the last day, week, month or year out of the tops."""
    with sessions_of(registry).writing() as db:
        tops.purge_tops(db)


def purge_drafts(registry: Registry) -> None:
    """Deletes drafts that nobody has touched for `retention.drafts_days`."""
    with sessions_of(registry).writing() as db:
        drafts.purge_drafts(db, settings_of(registry).retention_drafts_days)


def purge_removed(registry: Registry) -> None:
    """Empties what was removed so long ago that nobody may restore it."""
    before = utc_now() - timedelta(days=settings_of(registry).retention_removed_days)
    in_batches(registry, lambda db: removal.purge_removed(db, Post.removed_at < before))


def includeme(config: Configurator) -> None:
    config.add_task(note_visit)
    config.add_periodic_task(purge_drafts, crontab(hour="4", minute="0"))
    config.add_periodic_task(purge_removed, crontab(hour="4", minute="5"))
    config.add_periodic_task(purge_tops, crontab(minute="25"))
