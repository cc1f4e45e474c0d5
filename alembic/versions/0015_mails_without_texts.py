"""who wants mails without the words of posts and comments

Revision ID: 0015
Revises: 0014
Create Date: 2026-11-23 03:40:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("notification_preferences") as table:
        table.add_column(sa.Column("without_texts", sa.Boolean(), nullable=True))
    op.execute("UPDATE notification_preferences SET without_texts = FALSE")
    with op.batch_alter_table("notification_preferences") as table:
        table.alter_column("without_texts", existing_type=sa.Boolean(), nullable=False)


def downgrade() -> None:
    with op.batch_alter_table("notification_preferences") as table:
        table.drop_column("without_texts")
