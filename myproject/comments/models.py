"""Comments, in one tree a post."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from myproject.comments import constants as COMMENT
from myproject.db import BIG_INTEGER, NEVER_AGAIN, Base, BigId, EnumInteger, one_of, utc_now
from myproject.posts import constants as POST
from myproject.posts.models import Post
from myproject.users.models import User

TOP = sa.text("parent_id IS NULL")
PUBLISHED = sa.text(f"status = {int(COMMENT.Status.PUBLISHED)}")
NOT_PUBLISHED = sa.text(f"status <> {int(COMMENT.Status.PUBLISHED)}")
WAITING = sa.text(f"status = {int(COMMENT.Status.WAITING)}")


class Comment(Base):
    """A comment on a post, or a reply to another one.

    `path` is the chain of numbers from the top of the thread, each of `SEGMENT` digits and at most `LEVELS`
    of them: sorted by it, a tree reads from top to bottom. `parent_id` says which comment is answered,
    however deep.

    Of a removed comment the row stays for those who may put it back, and for the sake of its replies.
    """

    __tablename__ = "comments"
    __table_args__ = (
        sa.CheckConstraint(one_of("status", COMMENT.Status), name="status"),
        sa.CheckConstraint("like_count >= 0", name="like_count"),
        sa.CheckConstraint(
            f"(status = {int(COMMENT.Status.REMOVED)}) = (removed_at IS NOT NULL)", name="removed_at"
        ),
        sa.CheckConstraint(
            f"status <> {int(COMMENT.Status.HIDDEN)} OR (hidden_at IS NOT NULL AND hidden_for IS NOT NULL)",
            name="hidden_at",
        ),
        sa.CheckConstraint(one_of("hidden_for", COMMENT.HiddenFor), name="hidden_for"),
        sa.CheckConstraint(f"length(removal_reason) <= {POST.REASON_MAX_LENGTH}", name="removal_reason_length"),
        sa.CheckConstraint(f"length(body) <= {POST.BODY_MAX_BYTES}", name="body_length"),
        sa.CheckConstraint(f"length(path) <= {COMMENT.LEVELS * COMMENT.SEGMENT}", name="path_length"),
        sa.Index("uq_comments_post_id_path", "post_id", "path", unique=True),
        sa.Index("ix_comments_thread", "post_id", sa.text(f"substr(path, 1, {COMMENT.SEGMENT})"), "path"),
        # The tops of the threads of a post, in the orders that its page offers.
        sa.Index("ix_comments_new", "post_id", "id", sqlite_where=TOP, postgresql_where=TOP),
        sa.Index("ix_comments_best", "post_id", "like_count", "id", sqlite_where=TOP, postgresql_where=TOP),
        # The latest of a post, at whatever depth: its feed.
        sa.Index("ix_comments_latest", "post_id", "id", sqlite_where=PUBLISHED, postgresql_where=PUBLISHED),
        sa.Index("ix_comments_author_id", "author_id", "id"),
        # A member's own that only they and staff read.
        sa.Index(
            "ix_comments_not_in_the_open",
            "author_id",
            "id",
            sqlite_where=NOT_PUBLISHED,
            postgresql_where=NOT_PUBLISHED,
        ),
        sa.Index("ix_comments_parent_id", "parent_id"),
        sa.Index("ix_comments_waiting", "created_at", "id", sqlite_where=WAITING, postgresql_where=WAITING),
        NEVER_AGAIN,
    )

    id: Mapped[BigId] = mapped_column(primary_key=True)
    post_id: Mapped[int] = mapped_column(BIG_INTEGER, sa.ForeignKey("posts.id", ondelete="CASCADE"))
    author_id: Mapped[int] = mapped_column(BIG_INTEGER, sa.ForeignKey("users.id", ondelete="RESTRICT"))
    parent_id: Mapped[int | None] = mapped_column(BIG_INTEGER, sa.ForeignKey("comments.id", ondelete="CASCADE"))
    status: Mapped[COMMENT.Status] = mapped_column(EnumInteger(COMMENT.Status), default=COMMENT.Status.PUBLISHED)
    path: Mapped[str] = mapped_column(sa.String(COMMENT.LEVELS * COMMENT.SEGMENT))
    body: Mapped[str] = mapped_column(sa.Text)
    body_html: Mapped[str] = mapped_column(sa.Text)
    body_renderer: Mapped[int]
    like_count: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    edited_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)
    # Kept when its author removes a hidden comment: put back, it is hidden again.
    hidden_at: Mapped[datetime | None]
    hidden_for: Mapped[COMMENT.HiddenFor | None] = mapped_column(EnumInteger(COMMENT.HiddenFor))
    removed_at: Mapped[datetime | None] = mapped_column(index=True)
    removed_by_id: Mapped[int | None] = mapped_column(
        BIG_INTEGER, sa.ForeignKey("users.id", ondelete="SET NULL"), index=True
    )
    removal_reason: Mapped[str] = mapped_column(sa.String(POST.REASON_MAX_LENGTH), default="")
    # When staff removed what waited for their approval: it never was in the open.
    refused_at: Mapped[datetime | None]

    post: Mapped[Post] = relationship()
    author: Mapped[User] = relationship(foreign_keys=author_id)
    parent: Mapped["Comment | None"] = relationship(remote_side=[id])


class CommentRevision(Base):
    """A text that a comment had, until `editor_id` replaced it at `created_at`. What is withheld is for the
    comment's author and staff alone.
    """

    __tablename__ = "comment_revisions"
    __table_args__ = (
        sa.UniqueConstraint("comment_id", "version"),
        sa.CheckConstraint(f"length(reason) <= {POST.REASON_MAX_LENGTH}", name="reason_length"),
    )

    id: Mapped[BigId] = mapped_column(primary_key=True)
    comment_id: Mapped[int] = mapped_column(BIG_INTEGER, sa.ForeignKey("comments.id", ondelete="CASCADE"))
    version: Mapped[int]
    body: Mapped[str] = mapped_column(sa.Text)
    editor_id: Mapped[int | None] = mapped_column(
        BIG_INTEGER, sa.ForeignKey("users.id", ondelete="SET NULL"), index=True
    )
    reason: Mapped[str] = mapped_column(sa.String(POST.REASON_MAX_LENGTH), default="")
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    withheld_at: Mapped[datetime | None]


class CommentLike(Base):
    __tablename__ = "comment_likes"

    user_id: Mapped[int] = mapped_column(
        BIG_INTEGER, sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    comment_id: Mapped[int] = mapped_column(
        BIG_INTEGER, sa.ForeignKey("comments.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
