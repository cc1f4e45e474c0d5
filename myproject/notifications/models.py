"""Notifications: the inbox, the queue of what is to be mailed, and the log of what was, or was not and why."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from myproject.db import BIG_INTEGER, Base, BigId, EnumInteger, one_of, utc_now
from myproject.notifications import constants as NOTE

# Written out in statements too: a database uses a partial index only where it reads the same words.
IN_INBOX = "in_inbox"
UNREAD = "in_inbox AND read_at IS NULL"
MAIL_WAITS = f"mail = {NOTE.Mail.WAITING:d}"
FOR_DIGEST = f"mail = {NOTE.Mail.DIGEST:d}"
WAS_MAILED = f"mail = {NOTE.Mail.MAILED:d}"


class Notification(Base):
    """What one member is told of one event, or why not: one event reaches one person once.

    `event` names it: `comment:42`, `post:42`, `like:post:42:2026-11-23`, `moderation:17`.
    """

    __tablename__ = "notifications"
    __table_args__ = (
        sa.UniqueConstraint("user_id", "event"),
        sa.CheckConstraint(one_of("kind", NOTE.Kind), name="kind"),
        sa.CheckConstraint(one_of("mail", NOTE.Mail), name="mail"),
        sa.CheckConstraint(one_of("outcome", NOTE.Outcome), name="outcome"),
        sa.CheckConstraint(one_of("decision", NOTE.Decision), name="decision"),
        sa.CheckConstraint(f"length(note) <= {NOTE.NOTE_MAX_LENGTH}", name="note_length"),
        sa.CheckConstraint(f"mail <> {NOTE.Mail.WAITING:d} OR mail_at IS NOT NULL", name="mail_at"),
        # For the inbox, and for the log, which has also what is not in it.
        sa.Index("ix_notifications_user_id", "user_id", "id"),
        # Every page asks for the latest of these: it holds all that they are asked for.
        sa.Index(
            "ix_notifications_unread",
            "user_id",
            "id",
            "post_id",
            sqlite_where=sa.text(UNREAD),
            postgresql_where=sa.text(UNREAD),
        ),
        sa.Index(
            "ix_notifications_mail_waits",
            "mail_at",
            "id",
            sqlite_where=sa.text(MAIL_WAITS),
            postgresql_where=sa.text(MAIL_WAITS),
        ),
        sa.Index(
            "ix_notifications_for_digest",
            "user_id",
            "id",
            sqlite_where=sa.text(FOR_DIGEST),
            postgresql_where=sa.text(FOR_DIGEST),
        ),
        # How many mails somebody got in a day.
        sa.Index(
            "ix_notifications_mailed",
            "user_id",
            "decided_at",
            sqlite_where=sa.text(WAS_MAILED),
            postgresql_where=sa.text(WAS_MAILED),
        ),
        sa.Index("ix_notifications_post_id", "post_id", "user_id"),
        sa.Index("ix_notifications_comment_id", "comment_id"),
        sa.Index(
            "ix_notifications_email_id",
            "email_id",
            sqlite_where=sa.text("email_id IS NOT NULL"),
            postgresql_where=sa.text("email_id IS NOT NULL"),
        ),
        sa.Index(
            "ix_notifications_tag_id",
            "tag_id",
            sqlite_where=sa.text("tag_id IS NOT NULL"),
            postgresql_where=sa.text("tag_id IS NOT NULL"),
        ),
    )

    id: Mapped[BigId] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(BIG_INTEGER, sa.ForeignKey("users.id", ondelete="CASCADE"))
    event: Mapped[str] = mapped_column(sa.String(NOTE.EVENT_MAX_LENGTH))
    kind: Mapped[NOTE.Kind] = mapped_column(EnumInteger(NOTE.Kind))
    post_id: Mapped[int | None] = mapped_column(BIG_INTEGER, sa.ForeignKey("posts.id", ondelete="CASCADE"))
    comment_id: Mapped[int | None] = mapped_column(BIG_INTEGER, sa.ForeignKey("comments.id", ondelete="CASCADE"))
    # Who did it: for likes, the latest of `actor_count` members. None for what staff decided.
    actor_id: Mapped[int | None] = mapped_column(BIG_INTEGER, sa.ForeignKey("users.id", ondelete="SET NULL"))
    actor_count: Mapped[int] = mapped_column(default=1)
    # The followed tag that brought it.
    tag_id: Mapped[int | None] = mapped_column(BIG_INTEGER, sa.ForeignKey("tags.id", ondelete="SET NULL"))
    # What staff decided of the member's text, and their words.
    decision: Mapped[NOTE.Decision | None] = mapped_column(EnumInteger(NOTE.Decision))
    note: Mapped[str] = mapped_column(sa.String(NOTE.NOTE_MAX_LENGTH), default="")
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    in_inbox: Mapped[bool] = mapped_column(default=True)
    read_at: Mapped[datetime | None]
    mail: Mapped[NOTE.Mail] = mapped_column(EnumInteger(NOTE.Mail), default=NOTE.Mail.NONE)
    # When the window ends within which it may be read, changed or removed, and is not mailed then.
    mail_at: Mapped[datetime | None]
    outcome: Mapped[NOTE.Outcome] = mapped_column(EnumInteger(NOTE.Outcome), default=NOTE.Outcome.WAITING)
    decided_at: Mapped[datetime] = mapped_column(default=utc_now)
    email_id: Mapped[int | None] = mapped_column(BIG_INTEGER, sa.ForeignKey("emails.id", ondelete="SET NULL"))


class NotificationChoice(Base):
    """What a member chose for a kind; without a row the default counts."""

    __tablename__ = "notification_choices"
    __table_args__ = (
        sa.CheckConstraint(one_of("kind", NOTE.Kind), name="kind"),
        sa.CheckConstraint(one_of("mail", NOTE.Way), name="mail"),
    )

    user_id: Mapped[int] = mapped_column(
        BIG_INTEGER, sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    kind: Mapped[NOTE.Kind] = mapped_column(EnumInteger(NOTE.Kind), primary_key=True)
    inbox: Mapped[bool]
    mail: Mapped[NOTE.Way] = mapped_column(EnumInteger(NOTE.Way))


class NotificationPreferences(Base):
    """How often a member gets the digest, when the last one was made, and what mails say."""

    __tablename__ = "notification_preferences"
    __table_args__ = (
        sa.CheckConstraint(one_of("digest", NOTE.Digest), name="digest"),
        sa.Index("ix_notification_preferences_digest", "digest", "digest_sent_at"),
    )

    user_id: Mapped[int] = mapped_column(
        BIG_INTEGER, sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    digest: Mapped[NOTE.Digest] = mapped_column(EnumInteger(NOTE.Digest), default=NOTE.Digest.OFF)
    digest_sent_at: Mapped[datetime | None]
    # Whether mails tell who wrote where, and nothing of what.
    without_texts: Mapped[bool] = mapped_column(default=False)
