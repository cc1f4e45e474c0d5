"""Sending what is in the outbox, and clearing it.

A message in the task queue says that mails are due, not which: the worker takes the most urgent one, and goes on
while there are more. So a verification passes by a thousand others that were queued before it.
"""

import itertools
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from pyramid.config import Configurator
from pyramid.registry import Registry
from sqlalchemy.orm import Session

from myproject.audit import Actor
from myproject.db import sessions_of
from myproject.emails import constants as EMAIL
from myproject.emails.bounces.returning import return_address
from myproject.emails.constants import Fault, State
from myproject.emails.errors import DeliveryError
from myproject.emails.message import make_message
from myproject.emails.models import Email
from myproject.emails.services import suppression
from myproject.emails.services.delivery import (
    Lease,
    claim,
    close_hopeless,
    count_due,
    mark_failed,
    mark_sent,
    mark_suppressed,
    mark_unwanted,
    purge_emails,
    renew,
    seconds_until_due,
)
from myproject.emails.services.handling import BatchChanged, Change, Verb, change_batch
from myproject.emails.services.lists import Filter
from myproject.emails.services.outbox import MailQueued
from myproject.emails.services.pacing import purge_routes
from myproject.emails.services.wanting import MailCheck, why_unwanted
from myproject.emails.transport import Connection, Transport
from myproject.settings import settings_of
from myproject.tasks import crontab, enqueue, enqueue_if_idle, in_batches

log = logging.getLogger(__name__)

# Counts what this process claims, so that each FAIR_SHARE-th is the mail that has waited for longest.
turns = itertools.count(1)


def deliver(registry: Registry) -> None:
    """Sends what is due, the most urgent first, for RUN_SECONDS, and has a worker come back for the rest."""
    with sessions_of(registry).reading() as db:
        due = count_due(db, EMAIL.HELP_FROM)
    if due == EMAIL.HELP_FROM:
        enqueue_if_idle(registry, deliver)
    if due:
        send_due(registry, EMAIL.RUN_SECONDS)
    with sessions_of(registry).reading() as db:
        seconds = seconds_until_due(db)
    if seconds is not None and seconds <= EMAIL.WAKE_SECONDS:
        enqueue_if_idle(registry, deliver, seconds=seconds)


def send_due(registry: Registry, seconds: float = float("inf")) -> int:
    """Sends what is due over one connection, begins none after so many seconds, and gives how many were tried."""
    transport: Transport = registry["mail_transport"]
    ends = time.monotonic() + seconds
    tried = 0
    with transport.connection() as connection:
        while time.monotonic() < ends and deliver_next(registry, connection):
            tried += 1
    return tried


def deliver_next(registry: Registry, connection: Connection) -> bool:
    """Tries to send one due mail; no transaction is open meanwhile. False where nothing was due."""
    worker = f"{socket.gethostname()[:50]}:{os.getpid()}:{threading.get_ident()}"
    per_minute = settings_of(registry).mail_per_domain
    is_fair_turn = next(turns) % EMAIL.FAIR_SHARE == 0
    with sessions_of(registry).writing() as db:
        lease = claim(db, worker, pace=60 / per_minute if per_minute else 0, patient=is_fair_turn)
    if lease is None:
        return False
    with keeping(registry, lease):
        settle(registry, attempt(registry, lease, connection))
    return True


def add_mail_check(config: Configurator, check: MailCheck) -> None:
    """Directive: has `check` asked right before a mail goes that its reader can stop: hours may have passed since
    it was queued, or an admin sends it again. It must not write.
    """
    config.registry["mail_checks"].append(check)


Outcome = Callable[[Session], None]


def attempt(registry: Registry, lease: Lease, connection: Connection) -> Outcome:
    """Tries to send a mail; gives what is to be written about it. Raises nothing that a mail could cause."""
    try:
        with sessions_of(registry).reading() as db:
            email = db.get(Email, lease.email_id)
            stopped = None if email is None or email.topic is None else suppression.find(db, email.to_address)
            unwanted = None if email is None else why_unwanted(db, email)
        if email is None:
            # Erased since, with the member whom it was for.
            return lambda db: None
        if unwanted is not None:
            return lambda db: mark_unwanted(db, lease, unwanted)
        if stopped is not None:
            words = stopped.words
            return lambda db: mark_suppressed(db, lease, words)
        message = make_message(registry, email)
        connection.send(message, return_address(registry, email))
    except Exception as error:
        failure = error
        if not isinstance(failure, DeliveryError):
            # A template that raises, an address that is none: a version that comes within the day may mend it.
            failure = DeliveryError(f"{type(error).__name__}: {error}", Fault.LATER)
        log.warning("emails: %s, try %s failed: %s", lease.email_id, lease.attempt, failure)
        return lambda db: mark_failed(db, lease, failure)
    subject = str(message["Subject"])
    return lambda db: mark_sent(db, email, subject)


def settle(registry: Registry, outcome: Outcome) -> None:
    """Writes what became of a mail, again and again where the database is away: else the mail would go twice."""
    for pause in (*EMAIL.SETTLE_PAUSES_SECONDS, None):
        try:
            with sessions_of(registry).writing() as db:
                outcome(db)
        except sa.exc.SQLAlchemyError:
            if pause is None:
                raise
            log.exception("emails: can't write what became of a mail")
            time.sleep(pause)
        else:
            return


@contextmanager
def keeping(registry: Registry, lease: Lease) -> Iterator[None]:
    """Renews a lease for as long as the block takes: it ends with its worker, however slow the server is."""
    done = threading.Event()

    def beat() -> None:
        while not done.wait(EMAIL.HEARTBEAT_SECONDS):
            try:
                with sessions_of(registry).writing() as db:
                    renew(db, lease)
            except sa.exc.SQLAlchemyError:
                log.exception("emails: can't renew the lease of %s", lease.email_id)

    heart = threading.Thread(target=beat, name="lease of a mail", daemon=True)
    heart.start()
    try:
        yield
    finally:
        done.set()
        heart.join()


def sweep(registry: Registry) -> None:
    """Sees to mails that were left: their message was lost, their next try is due, or their worker ended."""
    with sessions_of(registry).writing() as db:
        close_hopeless(db)
    deliver(registry)


def change_emails(
    registry: Registry, *, verb: str, wanted: dict[str, Any], up_to_id: int, actor: dict[str, Any], last_id: int
) -> None:
    """Does what an admin asked for with the mails behind `last_id`, in transactions that keep no writer waiting.
    Takes the fields of `Change` as JSON.
    """
    state = wanted["state"]
    mails = Filter(None if state is None else State(state), wanted["topic"], wanted["address"])
    asked = Change(Actor(**actor), Verb(verb), mails, up_to_id)
    last: int | None = last_id
    while last is not None:
        with sessions_of(registry).writing() as db:
            last = change_batch(db, asked, last)


def purge(registry: Registry) -> None:
    """Deletes finished mails after `retention.emails_days`, and routes that nothing goes by."""
    older_than = timedelta(days=settings_of(registry).retention_emails_days)
    in_batches(registry, lambda db: purge_emails(db, older_than))
    with sessions_of(registry).writing() as db:
        purge_routes(db)


def deliver_soon(event: MailQueued) -> None:
    enqueue(event.db, deliver)


def change_soon(event: BatchChanged) -> None:
    asked = event.change
    enqueue(
        event.db,
        change_emails,
        verb=asked.verb,
        wanted=asdict(asked.wanted),
        up_to_id=asked.up_to_id,
        actor=vars(asked.actor),
        last_id=event.last_id,
    )


def includeme(config: Configurator) -> None:
    config.registry["mail_checks"] = []
    config.add_directive("add_mail_check", add_mail_check)
    config.add_task(deliver)
    config.add_task(change_emails)
    config.add_periodic_task(sweep, crontab())
    config.add_periodic_task(purge, crontab(minute="17", hour="3"))
    config.add_subscriber(deliver_soon, MailQueued)
    config.add_subscriber(change_soon, BatchChanged)
