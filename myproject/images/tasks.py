"""Background work of the images module."""

import sqlalchemy as sa
from pyramid.config import Configurator
from pyramid.registry import Registry

from myproject.db import utc_now
from myproject.forms.models import KeptText
from myproject.images import services
from myproject.images.models import Image
from myproject.tasks import crontab, in_batches

# A text that the site could not take shows its images when it is sent after all.
KEPT = sa.exists().where(KeptText.user_id == Image.user_id, sa.cast(KeptText.fields, sa.Text).contains(Image.name))


def purge(registry: Registry) -> None:
    """Deletes the images that are in no text, and in none that is kept for who has sent them."""
    in_batches(registry, lambda db: services.purge_orphans(db, utc_now(), KEPT))


def includeme(config: Configurator) -> None:
    config.add_periodic_task(purge, crontab(hour="4", minute="10"))
