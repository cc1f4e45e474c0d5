"""images

Revision ID: 0006
Revises: 0005
Create Date: 2026-11-23 00:52:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "images",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("user_id", NUMBER, nullable=False),
        sa.Column("alt", sa.String(300), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("touched_at", MOMENT, nullable=False),
        sa.CheckConstraint("length(alt) <= 300", name=op.f("ck_images_alt_length")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_images_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_images")),
        sa.UniqueConstraint("name", name=op.f("uq_images_name")),
    )
    op.create_index("ix_images_user_new", "images", ["user_id", "created_at", "id"])
    op.create_index("ix_images_touched_at", "images", ["touched_at"])
    op.create_table(
        "image_uses",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("image_id", NUMBER, nullable=False),
        sa.Column("post_id", NUMBER, nullable=True),
        sa.Column("comment_id", NUMBER, nullable=True),
        sa.CheckConstraint("(post_id IS NULL) <> (comment_id IS NULL)", name=op.f("ck_image_uses_one_text")),
        sa.ForeignKeyConstraint(
            ["image_id"], ["images.id"], name=op.f("fk_image_uses_image_id_images"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["post_id"], ["posts.id"], name=op.f("fk_image_uses_post_id_posts"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["comment_id"], ["comments.id"], name=op.f("fk_image_uses_comment_id_comments"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_image_uses")),
        sa.UniqueConstraint("post_id", "image_id", name=op.f("uq_image_uses_post_id_image_id")),
        sa.UniqueConstraint("comment_id", "image_id", name=op.f("uq_image_uses_comment_id_image_id")),
    )
    op.create_index("ix_image_uses_image_id", "image_uses", ["image_id"])


def downgrade() -> None:
    op.drop_table("image_uses")
    op.drop_table("images")
