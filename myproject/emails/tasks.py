"""Sending what is in the outbox, and clearing it.

A message in the task queue says that a mail is due, not which: the worker takes the most urgent one. So a
verification passes by a thousand others that were queued before it.
"""

import logging
import os
import socket
import threading
from datetime import timedelta

from pyramid.config import Configurator
from pyramid.registry import Registry

from myproject.db import sessions_of
from myproject.emails import constants as EMAIL
from myproject.emails.message import make_message
from myproject.emails.models import Email
from myproject.emails.services.delivery import (
    claim,
    close_hopeless,
    count_due,
    mark_failed,
    mark_sent,
    purge_emails,
)
from myproject.emails.services.outbox import MailQueued
from myproject.emails.transport import DeliveryError, Transport
from myproject.settings import settings_of
from myproject.tasks import crontab, enqueue, enqueue_now

log = logging.getLogger(__name__)


def deliver(registry: Registry) -> None:
    """Sends the most urgent mail that is due, if there is one."""
    deliver_next(registry)


def deliver_next(registry: Registry) -> bool:
    """Tries to send one due mail; no transaction is open meanwhile. False where nothing was due."""
    sessions = sessions_of(registry)
    worker = f"{socket.gethostname()[:50]}:{os.getpid()}:{threading.get_ident()}"
    lease_seconds = max(EMAIL.LEASE_SECONDS, EMAIL.LEASE_STEPS * settings_of(registry).mail_timeout)
    with sessions.writing() as db:
        email = claim(db, worker, lease_seconds)
    if email is None:
        return False
    try:
        subject = send(registry, email)
    except Exception as error:
        known = isinstance(error, DeliveryError)
        reason = str(error) if known else f"{type(error).__name__}: {error}"
        log.warning("emails: %s (%s), try %s failed: %s", email.id, email.kind, email.attempts, reason)
        with sessions.writing() as db:
            mark_failed(db, email, reason, permanent=isinstance(error, DeliveryError) and error.permanent)
    else:
        with sessions.writing() as db:
            mark_sent(db, email, subject)
    return True


def send(registry: Registry, email: Email) -> str:
    """Renders a mail and hands it to the transport; gives its subject."""
    message = make_message(registry, email)
    transport: Transport = registry["mail_transport"]
    transport.send(message)
    return str(message["Subject"])


def deliver_due(registry: Registry) -> int:
    """Sends everything that is due, the most urgent first, here and now; gives how many were tried."""
    with sessions_of(registry).writing() as db:
        close_hopeless(db)
    tried = 0
    while deliver_next(registry):
        tried += 1
    return tried


def sweep(registry: Registry) -> None:
    """Sees to mails that were left: their message was lost, their next try is due, or their worker ended."""
    with sessions_of(registry).writing() as db:
        close_hopeless(db)
        waiting = count_due(db, EMAIL.SWEEP_LIMIT)
    # Each message in the queue sends one already: a slow mail server must not make it grow with every sweep.
    for _mail in range(waiting - registry["huey"].pending_count()):
        enqueue_now(registry, deliver)


def purge(registry: Registry) -> None:
    """Deletes finished mails after `retention.emails_days`, in transactions that keep no writer waiting."""
    older_than = timedelta(days=settings_of(registry).retention_emails_days)
    deleted = EMAIL.PURGE_BATCH
    while deleted == EMAIL.PURGE_BATCH:
        with sessions_of(registry).writing() as db:
            deleted = purge_emails(db, older_than)


def deliver_soon(event: MailQueued) -> None:
    enqueue(event.db, deliver)


def includeme(config: Configurator) -> None:
    config.add_task(deliver)
    config.add_periodic_task(sweep, crontab())
    config.add_periodic_task(purge, crontab(minute="17", hour="3"))
    config.add_subscriber(deliver_soon, MailQueued)
