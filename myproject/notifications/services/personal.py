"""A member's notifications and choices, to take along or to erase."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.comments.models import Comment
from myproject.emails.models import Email
from myproject.notifications.models import Notification, NotificationChoice, NotificationPreferences
from myproject.notifications.services.fates import MAIL_STATE, fate_of
from myproject.notifications.services.mailing import forget_mails
from myproject.personal_data import File, Person, json_list
from myproject.posts.models import Post

TABLES = (Notification, NotificationChoice, NotificationPreferences)


def export_notifications(db: Session, person: Person) -> Iterator[File]:
    """What a member was told of, or was not and why, and what they chose."""
    rows = sa.select(
        Notification.kind,
        Notification.post_id,
        Notification.comment_id,
        Notification.note,
        Notification.created_at,
        Notification.in_inbox,
        Notification.read_at,
        Notification.mail,
        Notification.outcome,
        Notification.decided_at,
        MAIL_STATE,
    ).outerjoin(Email, Email.id == Notification.email_id)
    found = db.execute(rows.where(Notification.user_id == person.id).order_by(Notification.id))
    yield "notifications.json", json_list(map(as_told, found))
    chosen = sa.select(NotificationChoice.kind, NotificationChoice.inbox, NotificationChoice.mail)
    choices = db.execute(chosen.where(NotificationChoice.user_id == person.id).order_by(NotificationChoice.kind))
    yield (
        "notification-choices.json",
        json_list({"kind": row.kind.name, "inbox": row.inbox, "mail": row.mail.name} for row in choices),
    )
    table = NotificationPreferences
    asked = sa.select(table.digest, table.digest_sent_at, table.without_texts).where(table.user_id == person.id)
    yield (
        "notification-preferences.json",
        json_list(row._asdict() | {"digest": row.digest.name} for row in db.execute(asked)),
    )


def as_told(row: Any) -> dict[str, Any]:
    """A notification as its member takes it along, with what became of it."""
    fields = row._asdict()
    _mail, outcome = fate_of(fields.pop("mail"), row.outcome, fields.pop("state"))
    return fields | {"kind": row.kind.name, "outcome": outcome.name}


def erase_notifications(db: Session, person: Person, removing: bool) -> None:
    """Deletes what a member was told of and what they chose; also the mails to others that quote what they wrote,
    and where they are `removing`, those about their posts.
    """
    comments = sa.select(Comment.id).where(Comment.author_id == person.id)
    posts = sa.select(Post.id).where(Post.author_id == person.id)
    of_posts = Notification.post_id.in_(posts)
    about_posts = of_posts if removing else of_posts & Notification.comment_id.is_(None)
    forget_mails(db, Notification.comment_id.in_(comments) | about_posts)
    for table in TABLES:
        db.execute(sa.delete(table).where(table.user_id == person.id))
