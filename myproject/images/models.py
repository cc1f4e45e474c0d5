"""Images, and the texts that they stand in."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from myproject.db import BIG_INTEGER, NEVER_AGAIN, Base, BigId, utc_now
from myproject.images import constants as IMAGE


class Image(Base):
    """A picture that a member has sent. Its file in the storage is `NAME.webp`; who knows the name may see it."""

    __tablename__ = "images"
    __table_args__ = (
        sa.CheckConstraint(f"length(alt) <= {IMAGE.ALT_MAX_LENGTH}", name="alt_length"),
        sa.Index("ix_images_user_new", "user_id", "created_at", "id"),
        sa.Index("uq_images_source", "source", unique=True),
        NEVER_AGAIN,
    )

    id: Mapped[BigId] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(IMAGE.NAME_LENGTH), unique=True)
    user_id: Mapped[int] = mapped_column(BIG_INTEGER, sa.ForeignKey("users.id", ondelete="CASCADE"))
    # What the file that it was made of is known by, where the same file is to be the same image (`source_of`).
    source: Mapped[str | None] = mapped_column(sa.String(IMAGE.SOURCE_LENGTH))
    # The alternative text that was given with it, for the next text that it is put into.
    alt: Mapped[str] = mapped_column(sa.String(IMAGE.ALT_MAX_LENGTH), default="")
    width: Mapped[int]
    height: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    # When it was sent, or a text with it was saved.
    touched_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)


class ImageUse(Base):
    """An image that stands in the text of a post or of a comment."""

    __tablename__ = "image_uses"
    __table_args__ = (
        sa.CheckConstraint("(post_id IS NULL) <> (comment_id IS NULL)", name="one_text"),
        sa.UniqueConstraint("post_id", "image_id"),
        sa.UniqueConstraint("comment_id", "image_id"),
    )

    id: Mapped[BigId] = mapped_column(primary_key=True)
    image_id: Mapped[int] = mapped_column(BIG_INTEGER, sa.ForeignKey("images.id", ondelete="CASCADE"), index=True)
    post_id: Mapped[int | None] = mapped_column(BIG_INTEGER, sa.ForeignKey("posts.id", ondelete="CASCADE"))
    comment_id: Mapped[int | None] = mapped_column(BIG_INTEGER, sa.ForeignKey("comments.id", ondelete="CASCADE"))
