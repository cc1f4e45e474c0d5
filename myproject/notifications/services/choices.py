"""What members choose: of which kinds they are told in the inbox and by mail, and how often they get a digest."""

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.db import IN_DATABASE_ONLY, insert_for, utc_now
from myproject.notifications import constants as NOTE
from myproject.notifications.models import FOR_DIGEST, Notification, NotificationChoice, NotificationPreferences


@dataclass(frozen=True)
class Choice:
    """Whether a kind comes to the inbox, and how by mail."""

    inbox: bool
    mail: NOTE.Way


DEFAULTS = {kind: Choice(*default) for kind, default in NOTE.DEFAULTS.items()}
CHOSEN = sa.select(NotificationChoice.kind, NotificationChoice.inbox, NotificationChoice.mail)


def read_choices(db: Session, user_id: int) -> dict[NOTE.Kind, Choice]:
    """What a member chose for every kind; the default where they chose nothing."""
    rows = db.execute(CHOSEN.where(NotificationChoice.user_id == user_id))
    return DEFAULTS | {row.kind: Choice(row.inbox, row.mail) for row in rows}


def set_choice(db: Session, user_id: int, kind: NOTE.Kind, inbox: bool, mail: NOTE.Way) -> None:
    """Sets what a member chose for a kind. What is not for them to choose stays as it is."""
    default = DEFAULTS[kind]
    values = {
        "inbox": inbox if kind in NOTE.INBOX_CHOICES else default.inbox,
        "mail": mail if kind in NOTE.MAIL_CHOICES else default.mail,
    }
    db.execute(
        insert_for(db, NotificationChoice)
        .values(user_id=user_id, kind=kind, **values)
        .on_conflict_do_update(index_elements=["user_id", "kind"], set_=values)
    )


def stop_mail(db: Session, user_id: int, kinds: Iterable[NOTE.Kind]) -> None:
    """Stops mail of some kinds, at once and in the digest; the inbox goes on as it was."""
    choices = read_choices(db, user_id)
    for kind in kinds:
        set_choice(db, user_id, kind, choices[kind].inbox, NOTE.Way.NEVER)


def read_digest(db: Session, user_id: int) -> NOTE.Digest:
    """How often a member gets the digest."""
    asked = sa.select(NotificationPreferences.digest).where(NotificationPreferences.user_id == user_id)
    return NOTE.Digest(db.scalar(asked) or NOTE.Digest.OFF)


def wants_no_texts(db: Session, user_id: int) -> bool:
    """Whether mails to a member leave out the words of posts and comments."""
    asked = sa.select(NotificationPreferences.without_texts)
    return db.scalar(asked.where(NotificationPreferences.user_id == user_id)) is True


def set_without_texts(db: Session, user_id: int, on: bool) -> None:
    """Leaves the words of posts and comments out of mails to a member, or puts them in again."""
    if wants_no_texts(db, user_id) == on:
        return
    db.execute(
        insert_for(db, NotificationPreferences)
        .values(user_id=user_id, without_texts=on)
        .on_conflict_do_update(index_elements=["user_id"], set_={"without_texts": on})
    )


def set_digest(db: Session, user_id: int, digest: NOTE.Digest) -> None:
    """Sets how often a member gets the digest. Asked for anew, the first one comes when one period is over, with
    what is new since; what waits for one that is turned off is not mailed.
    """
    before = read_digest(db, user_id)
    if before == digest:
        return
    if NOTE.Digest.OFF in (before, digest):
        waits = sa.update(Notification).where(Notification.user_id == user_id, sa.text(FOR_DIGEST))
        ended = {"mail": NOTE.Mail.NONE, "outcome": NOTE.Outcome.NO_DIGEST, "decided_at": utc_now()}
        db.execute(waits.values(ended), execution_options=IN_DATABASE_ONLY)
    values = {"digest": digest, "digest_sent_at": utc_now()}
    db.execute(
        insert_for(db, NotificationPreferences)
        .values(user_id=user_id, **values)
        .on_conflict_do_update(index_elements=["user_id"], set_=values)
    )
