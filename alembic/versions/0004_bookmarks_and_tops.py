"""bookmarks, and the tops of the last day, week, month and year

Revision ID: 0004
Revises: 0003
Create Date: 2026-11-23 00:30:12.318240
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "bookmarks",
        sa.Column("user_id", NUMBER, nullable=False),
        sa.Column("post_id", NUMBER, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["post_id"], ["posts.id"], name=op.f("fk_bookmarks_post_id_posts"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_bookmarks_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "post_id", name=op.f("pk_bookmarks")),
    )
    op.create_index("ix_bookmarks_user_new", "bookmarks", ["user_id", "created_at", "post_id"])
    op.create_index("ix_bookmarks_post_id", "bookmarks", ["post_id"])
    op.create_table(
        "top_posts",
        sa.Column("post_id", NUMBER, nullable=False),
        sa.Column("span", sa.SmallInteger(), nullable=False),
        sa.Column("like_count", sa.Integer(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("span IN (1, 7, 30, 365)", name=op.f("ck_top_posts_span")),
        sa.ForeignKeyConstraint(
            ["post_id"], ["posts.id"], name=op.f("fk_top_posts_post_id_posts"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("post_id", "span", name=op.f("pk_top_posts")),
    )
    op.create_index("ix_top_posts_list", "top_posts", ["span", "like_count", "post_id"])
    op.create_index("ix_top_posts_published_at", "top_posts", ["span", "published_at"])


def downgrade() -> None:
    op.drop_table("top_posts")
    op.drop_table("bookmarks")
