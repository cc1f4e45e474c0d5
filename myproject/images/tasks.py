"""Background work of the images module."""

import sqlalchemy as sa
from pyramid.config import Configurator
from pyramid.registry import Registry

from myproject.db import sessions_of, utc_now
from myproject.forms.models import KeptText
from myproject.images import constants as IMAGE
from myproject.images import services
from myproject.images.models import Image
from myproject.tasks import crontab

# A text that the site could not take shows its images when it is sent after all.
KEPT = sa.exists().where(KeptText.user_id == Image.user_id, sa.cast(KeptText.fields, sa.Text).contains(Image.name))


def purge(registry: Registry) -> None:
    """Deletes the images that are in no text, and in none that is kept for who has sent them."""
    while True:
        with sessions_of(registry).writing() as db:
            number = services.purge_orphans(db, utc_now(), KEPT)
        if number < IMAGE.PURGED_AT_ONCE:
            return


def includeme(config: Configurator) -> None:
    config.add_periodic_task(purge, crontab(hour="4", minute="10"))
