"""Posts and their tags."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from myproject.db import BIG_INTEGER, Base, BigId, EnumInteger, one_of, utc_now
from myproject.posts import constants as POST
from myproject.users.models import User

PUBLISHED = sa.text(f"status = {int(POST.Status.PUBLISHED)}")

post_tags = sa.Table(
    "post_tags",
    Base.metadata,
    sa.Column("post_id", BIG_INTEGER, sa.ForeignKey("posts.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("tag_id", BIG_INTEGER, sa.ForeignKey("tags.id", ondelete="CASCADE"), primary_key=True, index=True),
)


class Tag(Base):
    __tablename__ = "tags"
    __table_args__ = (sa.CheckConstraint(f"length(name) BETWEEN 1 AND {POST.TAG_MAX_LENGTH}", name="name_length"),)

    id: Mapped[BigId] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(POST.TAG_MAX_LENGTH), unique=True)


class Post(Base):
    """A post, or the draft of one. `body` is Markdown; `body_html` is what its renderer made of it, safe to
    show.
    """

    __tablename__ = "posts"
    __table_args__ = (
        sa.CheckConstraint(one_of("status", POST.Status), name="status"),
        sa.CheckConstraint(
            f"length(title) BETWEEN {POST.TITLE_MIN_LENGTH} AND {POST.TITLE_MAX_LENGTH}", name="title_length"
        ),
        sa.CheckConstraint(f"length(slug) BETWEEN 1 AND {POST.SLUG_MAX_LENGTH}", name="slug_length"),
        sa.CheckConstraint(f"length(body) <= {POST.BODY_MAX_BYTES}", name="body_length"),
        sa.CheckConstraint(f"length(excerpt) <= {POST.EXCERPT_MAX_LENGTH}", name="excerpt_length"),
        sa.CheckConstraint("comment_count >= 0", name="comment_count"),
        sa.CheckConstraint(
            f"status <> {int(POST.Status.PUBLISHED)} OR published_at IS NOT NULL", name="published_at"
        ),
        # The lists, in their order; drafts stay out of them.
        sa.Index("ix_posts_new", "published_at", "id", sqlite_where=PUBLISHED, postgresql_where=PUBLISHED),
        sa.Index("ix_posts_active", "last_activity_at", "id", sqlite_where=PUBLISHED, postgresql_where=PUBLISHED),
        sa.Index(
            "ix_posts_author_new",
            "author_id",
            "published_at",
            "id",
            sqlite_where=PUBLISHED,
            postgresql_where=PUBLISHED,
        ),
        sa.Index("ix_posts_author_drafts", "author_id", "status", "updated_at"),
    )

    id: Mapped[BigId] = mapped_column(primary_key=True)
    author_id: Mapped[int] = mapped_column(BIG_INTEGER, sa.ForeignKey("users.id", ondelete="RESTRICT"))
    status: Mapped[POST.Status] = mapped_column(EnumInteger(POST.Status))
    title: Mapped[str] = mapped_column(sa.String(POST.TITLE_MAX_LENGTH))
    slug: Mapped[str] = mapped_column(sa.String(POST.SLUG_MAX_LENGTH))
    body: Mapped[str] = mapped_column(sa.Text)
    body_html: Mapped[str] = mapped_column(sa.Text)
    body_renderer: Mapped[int]
    excerpt: Mapped[str] = mapped_column(sa.String(POST.EXCERPT_MAX_LENGTH))
    # Counted in SQL with each comment, so that no page counts rows.
    comment_count: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now)
    published_at: Mapped[datetime | None]
    edited_at: Mapped[datetime | None]
    last_activity_at: Mapped[datetime] = mapped_column(default=utc_now)
    # Goes up with every edit, so that an edit of an older text is noticed.
    version: Mapped[int] = mapped_column(default=1)

    author: Mapped[User] = relationship()
    tags: Mapped[list[Tag]] = relationship(secondary=post_tags, order_by=Tag.name)
