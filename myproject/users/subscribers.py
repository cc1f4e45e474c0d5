"""What the users module tells the floor."""

import logging
import sys

from pyramid.config import Configurator
from pyramid.registry import Registry
from sqlalchemy.exc import SQLAlchemyError

from myproject.db import sessions_of
from myproject.emails.services.suppression import SuppressionChanged
from myproject.server import Started
from myproject.users import constants as USER
from myproject.users.services import accounts, avatars, blocks, export, first_admin, profiles
from myproject.web.templating import site_url

log = logging.getLogger(__name__)


def ask_for_first_admin(registry: Registry) -> str:
    """What to tell who sets the site up, with a link that makes its first admin; empty where there is one. It is a
    secret: for the terminal, and no log of ours.
    """
    with sessions_of(registry).reading() as db:
        if not first_admin.is_wanted(db):
            return ""
    with sessions_of(registry).writing() as db:
        token = first_admin.make_link(db)
    if token is None:
        return ""
    link = site_url(registry, "users.first_admin", token=token)
    return f"Nobody runs this site yet. Make yourself its admin within {USER.FIRST_ADMIN_HOURS} hours: {link}"


def greet(event: Started) -> None:
    try:
        words = ask_for_first_admin(event.registry)
    except SQLAlchemyError as error:
        # The site starts without its database too, and waits for it.
        log.warning("can't tell whether the site has an admin: %s", error)
        return
    if words:
        print(words, file=sys.stderr, flush=True)


def note_suppression(event: SuppressionChanged) -> None:
    accounts.renew_cached(event.db, event.address)


def includeme(config: Configurator) -> None:
    config.add_file_owner(avatars.used_avatars)
    config.add_file_owner(export.used_exports)
    config.add_known("members", profiles.find_mentioned)
    config.add_rendered(profiles.RENDERED)
    config.add_personal_data("blocks", export=blocks.export_blocks, erase=blocks.erase_blocks)
    config.add_subscriber(note_suppression, SuppressionChanged)
    config.add_subscriber(greet, Started)
