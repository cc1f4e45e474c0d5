"""What forms keep for members: texts that could not be taken, and which forms were sent already."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from myproject.db import BIG_INTEGER, Base, BigId, utc_now

PATH_MAX_LENGTH = 300
HASH_LENGTH = 64


class KeptText(Base):
    """What a member typed in the form at `path` and the site could not take: its fields, until they are sent, let
    go or too old. The same form may be open twice: of each, which `form` stands for, the latest is kept.
    """

    __tablename__ = "kept_texts"
    __table_args__ = (
        sa.UniqueConstraint("user_id", "path", "form"),
        sa.Index("ix_kept_texts_created_at", "created_at"),
    )

    id: Mapped[BigId] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(BIG_INTEGER, sa.ForeignKey("users.id", ondelete="CASCADE"))
    path: Mapped[str] = mapped_column(sa.String(PATH_MAX_LENGTH))
    form: Mapped[str] = mapped_column(sa.String(HASH_LENGTH), default="")
    fields: Mapped[dict[str, Any]] = mapped_column(sa.JSON)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)

    @property
    def first_text(self) -> str:
        """The first of its fields in which something is written."""
        return next((value for name, value in self.fields.items() if name != "version" and value.strip()), "")


class Submission(Base):
    """A form that was sent and acted upon, with what it said, the number of what it made, and where it led: sent
    again, it leads there and does nothing.
    """

    __tablename__ = "submissions"
    __table_args__ = (sa.Index("ix_submissions_created_at", "created_at"),)

    token_hash: Mapped[str] = mapped_column(sa.String(HASH_LENGTH), primary_key=True)
    user_id: Mapped[int] = mapped_column(BIG_INTEGER, sa.ForeignKey("users.id", ondelete="CASCADE"), index=True)
    content_hash: Mapped[str] = mapped_column(sa.String(HASH_LENGTH))
    made_id: Mapped[int | None] = mapped_column(BIG_INTEGER)
    location: Mapped[str] = mapped_column(sa.String(PATH_MAX_LENGTH))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
