"""Bookmarks: posts that a member keeps at hand."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from myproject.db import BIG_INTEGER, Base, utc_now


class Bookmark(Base):
    """A post that a member keeps."""

    __tablename__ = "bookmarks"
    __table_args__ = (
        sa.Index("ix_bookmarks_user_new", "user_id", "created_at", "post_id"),
        sa.Index("ix_bookmarks_post_id", "post_id"),
    )

    user_id: Mapped[int] = mapped_column(
        BIG_INTEGER, sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    post_id: Mapped[int] = mapped_column(
        BIG_INTEGER, sa.ForeignKey("posts.id", ondelete="CASCADE"), primary_key=True
    )
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
