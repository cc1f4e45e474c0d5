"""Background work of notifications: mailing what members are told of, their digests, clearing what is old."""

import logging
from datetime import datetime, timedelta
from functools import lru_cache

from pyramid.config import Configurator
from pyramid.registry import Registry
from sqlalchemy.orm import Session

from myproject.db import sessions_of, utc_now
from myproject.emails.services.outbox import queue_mail
from myproject.notifications import constants as NOTE
from myproject.notifications import mails
from myproject.notifications.services import digests, inbox, mailing, purging, why
from myproject.notifications.services.telling import MailWaits
from myproject.settings import settings_of
from myproject.tasks import crontab, enqueue, in_batches
from myproject.text import plain_text

log = logging.getLogger(__name__)


def read_post(
    registry: Registry,
    user_id: int,
    post_id: int,
    up_to: int,
    comment_ids: list[int] | None = None,
    itself: bool = True,
) -> None:
    """Marks what a member was told of a post as read (see `inbox.read_post`), as far as it was there when they
    read that (`up_to`).
    """
    with sessions_of(registry).writing() as db:
        inbox.read_post(db, user_id, post_id, up_to, comment_ids, itself=itself)


def read_comment(registry: Registry, user_id: int, comment_id: int, up_to: int) -> None:
    """The same of a comment that stands on no page any more."""
    with sessions_of(registry).writing() as db:
        inbox.read_comment(db, user_id, comment_id, up_to)


def mail_due(registry: Registry) -> None:
    """Mails everything whose window has ended, in transactions that keep no writer waiting; each minute, for
    nothing else tells that one has.
    """
    sessions, words, is_more = sessions_of(registry), make_words(), True
    while is_more:
        with sessions.reading() as db:
            texts = mailing.read_due_texts(db)
        for html in texts:
            words(html)
        with sessions.writing() as db:
            bundles, is_more = mailing.claim_due(db)
            for bundle in bundles:
                mail_bundle(db, bundle, words)


def make_words() -> mails.Words:
    """What makes words of a text's HTML, once: that takes milliseconds, so it is done before the transaction in
    which the text is mailed, and not anew for each who gets it.
    """
    return lru_cache(NOTE.TEXTS_AT_HAND)(plain_text)


def mail_bundle(db: Session, bundle: mailing.Bundle, words: mails.Words) -> None:
    """Queues the mail about some notifications of one member."""
    try:
        mail = mails.about(bundle, why.reason_of(bundle), words)
    except Exception:
        # Whatever is wrong with it, it must not hold up the others.
        log.exception("notifications: can't write the mail about %s", [row.id for row in bundle])
        mailing.put_off(db, bundle)
    else:
        mailing.note_mailed(db, bundle, queue_mail(db, mail))


def send_digests(registry: Registry) -> None:
    """Makes the digests that are due. Of two workers that do this at once, one makes a member's."""
    sessions, words, now, is_more = sessions_of(registry), make_words(), utc_now(), True
    while is_more:
        with sessions.reading() as db:
            due = digests.list_due(db, now)
        for each in due:
            with sessions.reading() as db:
                texts = digests.read_texts(db, each)
            for html in texts:
                words(html)
            with sessions.writing() as db:
                send_digest(db, each, now, words)
        is_more = bool(due)


def send_digest(db: Session, due: digests.DueDigest, now: datetime, words: mails.Words) -> None:
    """Makes one member's digest, unless somebody else has."""
    rows = digests.collect(db, due) if digests.claim(db, due, now) else []
    if not rows:
        return
    try:
        mail = mails.digest(rows, why.DIGEST_REASONS[due.digest], words)
    except Exception:
        # The next one tries again.
        log.exception("notifications: can't write the digest of member %s", due.user_id)
    else:
        digests.note_digested(db, rows, queue_mail(db, mail))


def purge(registry: Registry) -> None:
    """Deletes notifications after `retention.notifications_days`."""
    older_than = timedelta(days=settings_of(registry).retention_notifications_days)
    in_batches(registry, lambda db: purging.purge_notifications(db, older_than))


def mail_soon(event: MailWaits) -> None:
    """Without a window, mail goes at once."""
    if settings_of(event.db.info["registry"]).notifications_window == 0:
        enqueue(event.db, mail_due)


def includeme(config: Configurator) -> None:
    config.add_task(read_post)
    config.add_task(read_comment)
    config.add_task(mail_due)
    config.add_periodic_task(mail_due, crontab())
    config.add_periodic_task(send_digests, crontab(minute="*/15"))
    config.add_periodic_task(purge, crontab(minute="40", hour="3"))
    config.add_subscriber(mail_soon, MailWaits)
