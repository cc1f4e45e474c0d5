"""latest comments of a post

Revision ID: 0023
Revises: 0022
Create Date: 2026-11-23 09:50:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

PUBLISHED = sa.text("status = 1")


def upgrade() -> None:
    op.create_index(
        "ix_comments_latest",
        "comments",
        ["post_id", "id"],
        sqlite_where=PUBLISHED,
        postgresql_where=PUBLISHED,
    )


def downgrade() -> None:
    op.drop_index("ix_comments_latest", table_name="comments")
