"""The outbox: one row a mail. The row is the truth, and the task queue only says that there are some."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from myproject.db import BIG_INTEGER, NEVER_AGAIN, Base, BigId, EnumInteger, UtcDateTime, clock, one_of, utc_now
from myproject.emails import constants as EMAIL

# Written out in statements too: a database uses a partial index only where it reads the same words.
UNFINISHED = f"state IN ({EMAIL.State.QUEUED:d}, {EMAIL.State.SENDING:d})"


class Email(Base):
    """A mail that is to be sent, or was. `kind` is text: a worker may meet one that only newer code knows."""

    __tablename__ = "emails"
    __table_args__ = (
        sa.CheckConstraint(one_of("state", EMAIL.State), name="state"),
        sa.CheckConstraint(one_of("lane", EMAIL.Lane), name="lane"),
        sa.CheckConstraint(
            f"length(to_address) BETWEEN 3 AND {EMAIL.ADDRESS_MAX_LENGTH}", name="to_address_length"
        ),
        sa.CheckConstraint(f"length(to_name) <= {EMAIL.NAME_MAX_LENGTH}", name="to_name_length"),
        sa.CheckConstraint(
            f"state <> {EMAIL.State.SENDING:d} OR lease_until IS NOT NULL", name="sending_has_a_lease"
        ),
        sa.Index(
            "ix_emails_unfinished",
            "lane",
            "next_attempt_at",
            "id",
            sqlite_where=sa.text(UNFINISHED),
            postgresql_where=sa.text(UNFINISHED),
        ),
        sa.Index("ix_emails_state_id", "state", "id"),
        NEVER_AGAIN,
    )

    id: Mapped[BigId] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(sa.String(EMAIL.KIND_MAX_LENGTH))
    lane: Mapped[EMAIL.Lane] = mapped_column(EnumInteger(EMAIL.Lane))
    state: Mapped[EMAIL.State] = mapped_column(EnumInteger(EMAIL.State), default=EMAIL.State.QUEUED)
    user_id: Mapped[int | None] = mapped_column(
        BIG_INTEGER, sa.ForeignKey("users.id", ondelete="SET NULL"), index=True
    )
    to_address: Mapped[str] = mapped_column(sa.String(EMAIL.ADDRESS_MAX_LENGTH))
    to_name: Mapped[str] = mapped_column(sa.String(EMAIL.NAME_MAX_LENGTH), default="")
    # In lower case: what is paced, and what refuses, is mostly a domain.
    to_domain: Mapped[str] = mapped_column(sa.String(EMAIL.DOMAIN_MAX_LENGTH), default="")
    # Whose name stands in From; the site's where it is empty.
    sender_name: Mapped[str] = mapped_column(sa.String(EMAIL.NAME_MAX_LENGTH), default="")
    # What its reader can stop: `reply`, `digest`. None: mail that cannot be turned off.
    topic: Mapped[str | None] = mapped_column(sa.String(EMAIL.TOPIC_MAX_LENGTH))
    # The post that "stop mail about this post" means. No foreign key: modules below posts don't know of them.
    thread_scope: Mapped[int | None] = mapped_column(BIG_INTEGER)
    locale: Mapped[str] = mapped_column(sa.String(EMAIL.LOCALE_MAX_LENGTH), default="en")
    # What the templates need. None once a mail with a secret has been sent.
    context: Mapped[dict[str, Any] | None] = mapped_column(sa.JSON(none_as_null=True))
    # None until sent: the template writes it.
    subject: Mapped[str | None] = mapped_column(sa.String(EMAIL.SUBJECT_MAX_LENGTH))
    # With the angle brackets; the same at every try, so that receivers know a second copy.
    message_id: Mapped[str] = mapped_column(sa.String(EMAIL.MESSAGE_ID_MAX_LENGTH), unique=True)
    in_reply_to: Mapped[str | None] = mapped_column(sa.String(EMAIL.MESSAGE_ID_MAX_LENGTH))
    references: Mapped[str | None] = mapped_column("message_references", sa.Text)
    idempotency_key: Mapped[str | None] = mapped_column(sa.String(EMAIL.KEY_MAX_LENGTH), unique=True)
    # Tries begun: one that a killed worker left counts.
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[datetime] = mapped_column(default=clock())
    lease_until: Mapped[datetime | None]
    leased_by: Mapped[str | None] = mapped_column(sa.String(EMAIL.WORKER_MAX_LENGTH))
    last_error: Mapped[str | None] = mapped_column(sa.String(EMAIL.ERROR_MAX_LENGTH))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    sent_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]


class MailRoute(Base):
    """What all workers know of the way to a domain, or (`SERVER_ROUTE`) to the mail server, which all mails take.
    No row: it is open, and has been for a while.
    """

    __tablename__ = "mail_routes"

    domain: Mapped[str] = mapped_column(sa.String(EMAIL.DOMAIN_MAX_LENGTH), primary_key=True)
    # Nothing goes before.
    opens_at: Mapped[datetime]
    # In a row. Where there are any, one mail at a time goes and finds out.
    failures: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None] = mapped_column(sa.String(EMAIL.ERROR_MAX_LENGTH))


class Suppression(Base):
    """What came back from an address, in the form that `services.suppression.key` gives it. Optional mail goes
    there no more while `suppressed_at` is set.
    """

    __tablename__ = "suppressions"
    __table_args__ = (
        sa.CheckConstraint(one_of("reason", EMAIL.Reason), name="reason"),
        sa.CheckConstraint(f"length(words) <= {EMAIL.WORDS_MAX_LENGTH}", name="words_length"),
        sa.Index("ix_suppressions_suppressed_at", "suppressed_at", "id"),
        sa.Index("ix_suppressions_lifted_by_id", "lifted_by_id"),
        NEVER_AGAIN,
    )

    id: Mapped[BigId] = mapped_column(primary_key=True)
    address: Mapped[str] = mapped_column(sa.String(EMAIL.ADDRESS_MAX_LENGTH), unique=True)
    reason: Mapped[EMAIL.Reason] = mapped_column(EnumInteger(EMAIL.Reason))
    # How often anything came back, and what soft bounces weighed at the latest of them.
    count: Mapped[int] = mapped_column(default=1)
    score: Mapped[float] = mapped_column(default=0.0)
    # What the server said at last.
    words: Mapped[str] = mapped_column(sa.String(EMAIL.WORDS_MAX_LENGTH), default="")
    first_at: Mapped[datetime] = mapped_column(default=utc_now)
    last_at: Mapped[datetime] = mapped_column(default=utc_now)
    suppressed_at: Mapped[datetime | None]
    # When it ends by itself: only what is soft does.
    ends_at: Mapped[datetime | None]
    lifted_at: Mapped[datetime | None]
    # Who lifted it last; None where its owner did, by verifying the address.
    lifted_by_id: Mapped[int | None] = mapped_column(BIG_INTEGER, sa.ForeignKey("users.id", ondelete="SET NULL"))


# What stops mail at the moment `now`, which statements with this are given.
STOPPED = Suppression.suppressed_at.is_not(None) & (
    Suppression.ends_at.is_(None) | (Suppression.ends_at > sa.bindparam("now", type_=UtcDateTime()))
)


class BounceReceipt(Base):
    """What told of a bounce and was taken: a message, a signature, an event. It is not taken twice."""

    __tablename__ = "bounce_receipts"
    __table_args__ = (sa.Index("ix_bounce_receipts_created_at", "created_at"),)

    id: Mapped[BigId] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(sa.String(EMAIL.RECEIPT_MAX_LENGTH), unique=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
