"""a member's comments that are not in the open

Revision ID: 0028
Revises: 0027
Create Date: 2026-11-23 13:20:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

NOT_PUBLISHED = sa.text("status <> 1")


def upgrade() -> None:
    op.create_index(
        "ix_comments_not_in_the_open",
        "comments",
        ["author_id", "id"],
        sqlite_where=NOT_PUBLISHED,
        postgresql_where=NOT_PUBLISHED,
    )


def downgrade() -> None:
    op.drop_index("ix_comments_not_in_the_open", table_name="comments")
