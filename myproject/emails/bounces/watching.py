"""Looking after what comes back: the mailbox is read, what a server refuses is counted, what is old fades."""

import logging

from pyramid.config import Configurator
from pyramid.registry import Registry

from myproject.db import sessions_of
from myproject.emails.bounces.believing import Outcome, take_message, take_refusal
from myproject.emails.bounces.mailbox import MailboxError, read_mailbox
from myproject.emails.services import suppression
from myproject.emails.services.delivery import Refused
from myproject.settings import settings_of
from myproject.tasks import crontab

log = logging.getLogger(__name__)


def read_bounces(registry: Registry) -> None:
    """Reads the mailbox that mail returns to, where there is one. What fails is tried again by the next run."""
    settings = settings_of(registry)
    if not settings.mail_bounces_host:
        return

    def take(data: bytes) -> bool:
        return take_message(registry, data) is not Outcome.NO_REPORT

    try:
        read = read_mailbox(settings, take)
    except MailboxError as error:
        log.warning("bounces: %s", error)
        return
    if read:
        log.info("bounces: read %s messages", read)


def fade(registry: Registry) -> None:
    with sessions_of(registry).writing() as db:
        suppression.fade(db)


def includeme(config: Configurator) -> None:
    config.add_periodic_task(read_bounces, crontab(minute="*/5"))
    config.add_periodic_task(fade, crontab(minute="41"))
    config.add_subscriber(take_refusal, Refused)
