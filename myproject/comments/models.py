"""Comments, in one tree a post."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from myproject.comments import constants as COMMENT
from myproject.db import BIG_INTEGER, Base, BigId, utc_now
from myproject.posts import constants as POST
from myproject.posts.models import Post
from myproject.users.models import User


class Comment(Base):
    """A comment on a post, or a reply to another one.

    `path` is the chain of numbers from the top of the thread, each of `SEGMENT` digits and at most `LEVELS`
    of them: sorted by it, a tree reads from top to bottom. `parent_id` says which comment is answered,
    however deep.
    """

    __tablename__ = "comments"
    __table_args__ = (
        sa.CheckConstraint(f"length(body) <= {POST.BODY_MAX_BYTES}", name="body_length"),
        sa.CheckConstraint(f"length(path) <= {COMMENT.LEVELS * COMMENT.SEGMENT}", name="path_length"),
        sa.Index("uq_comments_post_id_path", "post_id", "path", unique=True),
        sa.Index("ix_comments_author_id", "author_id", "id"),
        sa.Index("ix_comments_parent_id", "parent_id"),
    )

    id: Mapped[BigId] = mapped_column(primary_key=True)
    post_id: Mapped[int] = mapped_column(BIG_INTEGER, sa.ForeignKey("posts.id", ondelete="CASCADE"))
    author_id: Mapped[int] = mapped_column(BIG_INTEGER, sa.ForeignKey("users.id", ondelete="RESTRICT"))
    parent_id: Mapped[int | None] = mapped_column(BIG_INTEGER, sa.ForeignKey("comments.id", ondelete="CASCADE"))
    path: Mapped[str] = mapped_column(sa.String(COMMENT.LEVELS * COMMENT.SEGMENT))
    body: Mapped[str] = mapped_column(sa.Text)
    body_html: Mapped[str] = mapped_column(sa.Text)
    body_renderer: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    edited_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)

    post: Mapped[Post] = relationship()
    author: Mapped[User] = relationship()
    parent: Mapped["Comment | None"] = relationship(remote_side=[id])
