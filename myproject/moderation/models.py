"""Cases of texts that members have reported, with the reports, and with those who vouch for a text."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from myproject.db import BIG_INTEGER, NEVER_AGAIN, Base, BigId, EnumInteger, one_of, utc_now
from myproject.moderation import constants as MODERATION
from myproject.posts import constants as POST

OPEN = sa.text(f"state = {int(MODERATION.State.OPEN)}")


class Case(Base):
    """One post or comment that was reported, or vouched for while it was hidden: a row for good, which is opened
    again with each new report.

    `flag_count` are the reports that count and that nobody has answered, `vouch_count` those who vouch for it.
    """

    __tablename__ = "moderation_cases"
    __table_args__ = (
        sa.CheckConstraint(one_of("state", MODERATION.State), name="state"),
        sa.CheckConstraint(one_of("decision", MODERATION.Decision), name="decision"),
        sa.CheckConstraint("(post_id IS NULL) <> (comment_id IS NULL)", name="one_text"),
        sa.CheckConstraint(f"length(reason) <= {POST.REASON_MAX_LENGTH}", name="reason_length"),
        sa.UniqueConstraint("post_id"),
        sa.UniqueConstraint("comment_id"),
        sa.Index("ix_moderation_cases_queue", "queued_at", "id", sqlite_where=OPEN, postgresql_where=OPEN),
        sa.Index("ix_moderation_cases_author_id", "author_id", "decision"),
        NEVER_AGAIN,
    )

    id: Mapped[BigId] = mapped_column(primary_key=True)
    post_id: Mapped[int | None] = mapped_column(BIG_INTEGER, sa.ForeignKey("posts.id", ondelete="CASCADE"))
    comment_id: Mapped[int | None] = mapped_column(BIG_INTEGER, sa.ForeignKey("comments.id", ondelete="CASCADE"))
    author_id: Mapped[int] = mapped_column(BIG_INTEGER, sa.ForeignKey("users.id", ondelete="RESTRICT"))
    state: Mapped[MODERATION.State] = mapped_column(EnumInteger(MODERATION.State))
    queued_at: Mapped[datetime] = mapped_column(default=utc_now)
    flag_count: Mapped[int] = mapped_column(default=0)
    vouch_count: Mapped[int] = mapped_column(default=0)
    # When its author has changed the hidden text.
    changed_at: Mapped[datetime | None]
    decision: Mapped[MODERATION.Decision | None] = mapped_column(EnumInteger(MODERATION.Decision))
    decided_at: Mapped[datetime | None]
    decided_by_id: Mapped[int | None] = mapped_column(
        BIG_INTEGER, sa.ForeignKey("users.id", ondelete="SET NULL"), index=True
    )
    reason: Mapped[str] = mapped_column(sa.String(POST.REASON_MAX_LENGTH), default="")


class Flag(Base):
    """One member's report of a text, as it was at `version`. Those of members without texts of their own don't
    count: they hide nothing.
    """

    __tablename__ = "flags"
    __table_args__ = (
        sa.CheckConstraint(one_of("reason", MODERATION.Reason), name="reason"),
        sa.CheckConstraint(one_of("outcome", MODERATION.Outcome), name="outcome"),
        sa.CheckConstraint(f"length(note) <= {MODERATION.NOTE_MAX_LENGTH}", name="note_length"),
        sa.UniqueConstraint("case_id", "user_id"),
    )

    id: Mapped[BigId] = mapped_column(primary_key=True)
    case_id: Mapped[int] = mapped_column(BIG_INTEGER, sa.ForeignKey("moderation_cases.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(BIG_INTEGER, sa.ForeignKey("users.id", ondelete="CASCADE"), index=True)
    reason: Mapped[MODERATION.Reason] = mapped_column(EnumInteger(MODERATION.Reason))
    note: Mapped[str] = mapped_column(sa.String(MODERATION.NOTE_MAX_LENGTH), default="")
    version: Mapped[int]
    counts: Mapped[bool]
    outcome: Mapped[MODERATION.Outcome] = mapped_column(
        EnumInteger(MODERATION.Outcome), default=MODERATION.Outcome.OPEN
    )
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class Vouch(Base):
    """A reader who thinks that a hidden text should not be."""

    __tablename__ = "vouches"

    case_id: Mapped[int] = mapped_column(
        BIG_INTEGER, sa.ForeignKey("moderation_cases.id", ondelete="CASCADE"), primary_key=True
    )
    user_id: Mapped[int] = mapped_column(
        BIG_INTEGER, sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
