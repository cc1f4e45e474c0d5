"""Posts and their tags."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from myproject.db import BIG_INTEGER, NEVER_AGAIN, Base, BigId, EnumInteger, UtcDateTime, one_of, utc_now
from myproject.posts import constants as POST
from myproject.users.models import User

PUBLISHED = sa.text(f"status = {int(POST.Status.PUBLISHED)}")
PINNED = sa.text("pinned_at IS NOT NULL")
WAITING = sa.text(f"status = {int(POST.Status.WAITING)}")

post_tags = sa.Table(
    "post_tags",
    Base.metadata,
    sa.Column("post_id", BIG_INTEGER, sa.ForeignKey("posts.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("tag_id", BIG_INTEGER, sa.ForeignKey("tags.id", ondelete="CASCADE"), primary_key=True),
    # When the post was published, while everybody may see it, else null: so that the list of a tag has an index of
    # its own, however many posts the tag has and the site beside it.
    sa.Column("listed_at", UtcDateTime, nullable=True),
    sa.Index("ix_post_tags_list", "tag_id", "listed_at", "post_id"),
)


class Tag(Base):
    """A tag, curated by staff. A retired one is given to no new post; a synonym stands for another one."""

    __tablename__ = "tags"
    __table_args__ = (
        sa.CheckConstraint(f"length(name) BETWEEN 1 AND {POST.TAG_MAX_LENGTH}", name="name_length"),
        sa.CheckConstraint(f"length(description) <= {POST.TAG_DESCRIPTION_MAX_LENGTH}", name="description_length"),
        sa.CheckConstraint("synonym_of_id <> id", name="synonym"),
        NEVER_AGAIN,
    )

    id: Mapped[BigId] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(POST.TAG_MAX_LENGTH), unique=True)
    description: Mapped[str] = mapped_column(sa.String(POST.TAG_DESCRIPTION_MAX_LENGTH), default="")
    retired_at: Mapped[datetime | None]
    synonym_of_id: Mapped[int | None] = mapped_column(
        BIG_INTEGER, sa.ForeignKey("tags.id", ondelete="SET NULL"), index=True
    )


class TagMute(Base):
    """A member who wants to see no posts with a tag."""

    __tablename__ = "tag_mutes"

    user_id: Mapped[int] = mapped_column(
        BIG_INTEGER, sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    tag_id: Mapped[int] = mapped_column(
        BIG_INTEGER, sa.ForeignKey("tags.id", ondelete="CASCADE"), primary_key=True, index=True
    )


class TagFollow(Base):
    """A member who wants to be told of new posts with a tag."""

    __tablename__ = "tag_follows"

    user_id: Mapped[int] = mapped_column(
        BIG_INTEGER, sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    tag_id: Mapped[int] = mapped_column(
        BIG_INTEGER, sa.ForeignKey("tags.id", ondelete="CASCADE"), primary_key=True, index=True
    )


class Post(Base):
    """A post, or the draft of one. `body` is Markdown; `body_html` is what its renderer made of it, safe to
    show.

    Of a removed post the row stays for those who may put it back, and says who removed it and why. One that was
    merged leads to the other.
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
        sa.CheckConstraint(f"length(link_url) <= {POST.LINK_MAX_LENGTH}", name="link_url_length"),
        sa.CheckConstraint("comment_count >= 0", name="comment_count"),
        sa.CheckConstraint("like_count >= 0", name="like_count"),
        sa.CheckConstraint(
            f"status <> {int(POST.Status.PUBLISHED)} OR published_at IS NOT NULL", name="published_at"
        ),
        sa.CheckConstraint(f"(status = {int(POST.Status.REMOVED)}) = (removed_at IS NOT NULL)", name="removed_at"),
        sa.CheckConstraint(
            f"status <> {int(POST.Status.HIDDEN)} OR (hidden_at IS NOT NULL AND published_at IS NOT NULL)",
            name="hidden_at",
        ),
        sa.CheckConstraint(f"length(removal_reason) <= {POST.REASON_MAX_LENGTH}", name="removal_reason_length"),
        sa.CheckConstraint(f"length(lock_reason) <= {POST.REASON_MAX_LENGTH}", name="lock_reason_length"),
        sa.Index("ix_posts_pinned", "pinned_at", sqlite_where=PINNED, postgresql_where=PINNED),
        sa.Index("ix_posts_waiting", "updated_at", "id", sqlite_where=WAITING, postgresql_where=WAITING),
        # The lists, in their order; drafts stay out of them.
        sa.Index("ix_posts_new", "published_at", "id", sqlite_where=PUBLISHED, postgresql_where=PUBLISHED),
        sa.Index("ix_posts_top", "like_count", "id", sqlite_where=PUBLISHED, postgresql_where=PUBLISHED),
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
        NEVER_AGAIN,
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
    # What the post is about, where that stands elsewhere in the web; or empty.
    link_url: Mapped[str] = mapped_column(sa.String(POST.LINK_MAX_LENGTH), default="")
    # Counted in SQL with each comment and like, so that no page counts rows.
    comment_count: Mapped[int] = mapped_column(default=0)
    like_count: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now)
    published_at: Mapped[datetime | None]
    edited_at: Mapped[datetime | None]
    last_activity_at: Mapped[datetime] = mapped_column(default=utc_now)
    # Goes up with every edit, so that an edit of an older text is noticed.
    version: Mapped[int] = mapped_column(default=1)
    pinned_at: Mapped[datetime | None]
    # Nobody but staff comments on a locked post.
    locked_at: Mapped[datetime | None]
    lock_reason: Mapped[str] = mapped_column(sa.String(POST.REASON_MAX_LENGTH), default="")
    # Kept when its author removes a hidden post: put back, it is hidden again.
    hidden_at: Mapped[datetime | None]
    removed_at: Mapped[datetime | None] = mapped_column(index=True)
    removed_by_id: Mapped[int | None] = mapped_column(
        BIG_INTEGER, sa.ForeignKey("users.id", ondelete="SET NULL"), index=True
    )
    removal_reason: Mapped[str] = mapped_column(sa.String(POST.REASON_MAX_LENGTH), default="")
    merged_into_id: Mapped[int | None] = mapped_column(
        BIG_INTEGER, sa.ForeignKey("posts.id", ondelete="SET NULL"), index=True
    )

    author: Mapped[User] = relationship(foreign_keys=author_id)
    tags: Mapped[list[Tag]] = relationship(secondary=post_tags, order_by=Tag.name)


class PostRevision(Base):
    """A text that a post had, until `editor_id` replaced it at `created_at`. What is withheld is for the post's
    author and staff alone.
    """

    __tablename__ = "post_revisions"
    __table_args__ = (
        sa.UniqueConstraint("post_id", "version"),
        sa.CheckConstraint(f"length(link_url) <= {POST.LINK_MAX_LENGTH}", name="link_url_length"),
        sa.CheckConstraint(f"length(reason) <= {POST.REASON_MAX_LENGTH}", name="reason_length"),
    )

    id: Mapped[BigId] = mapped_column(primary_key=True)
    post_id: Mapped[int] = mapped_column(BIG_INTEGER, sa.ForeignKey("posts.id", ondelete="CASCADE"))
    version: Mapped[int]
    title: Mapped[str] = mapped_column(sa.String(POST.TITLE_MAX_LENGTH))
    body: Mapped[str] = mapped_column(sa.Text)
    link_url: Mapped[str] = mapped_column(sa.String(POST.LINK_MAX_LENGTH), default="")
    tags: Mapped[list[str]] = mapped_column(sa.JSON, default=list)
    editor_id: Mapped[int | None] = mapped_column(
        BIG_INTEGER, sa.ForeignKey("users.id", ondelete="SET NULL"), index=True
    )
    reason: Mapped[str] = mapped_column(sa.String(POST.REASON_MAX_LENGTH), default="")
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    withheld_at: Mapped[datetime | None]


class OfMember:
    """What a member has with a post: one row, or none."""

    user_id: Mapped[int] = mapped_column(
        BIG_INTEGER, sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    post_id: Mapped[int] = mapped_column(
        BIG_INTEGER, sa.ForeignKey("posts.id", ondelete="CASCADE"), primary_key=True, index=True
    )


class PostLike(OfMember, Base):
    __tablename__ = "post_likes"

    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class PostAttention(OfMember, Base):
    __tablename__ = "post_attention"
    __table_args__ = (sa.CheckConstraint(one_of("attention", POST.Attention), name="attention"),)

    attention: Mapped[POST.Attention] = mapped_column(EnumInteger(POST.Attention))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class PostVisit(OfMember, Base):
    """When a member saw a post the last time, and from when on its comments are new to them."""

    __tablename__ = "post_visits"

    seen_at: Mapped[datetime] = mapped_column(default=utc_now)
    # What is newer than this is new to them, until the visit that began since then has ended.
    new_since: Mapped[datetime] = mapped_column(default=utc_now)


class TopPost(Base):
    """A published post that somebody likes, among those of the last day, week, month or year: with an index that
    has the order of that list, however many posts there are. Changed with each like; a task takes out what has
    become too old.
    """

    __tablename__ = "top_posts"
    __table_args__ = (
        sa.CheckConstraint(one_of("span", POST.Span), name="span"),
        sa.Index("ix_top_posts_list", "span", "like_count", "post_id"),
        sa.Index("ix_top_posts_published_at", "span", "published_at"),
    )

    post_id: Mapped[int] = mapped_column(
        BIG_INTEGER, sa.ForeignKey("posts.id", ondelete="CASCADE"), primary_key=True
    )
    span: Mapped[POST.Span] = mapped_column(EnumInteger(POST.Span), primary_key=True)
    like_count: Mapped[int]
    published_at: Mapped[datetime]
