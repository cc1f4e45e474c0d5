"""notifications by member

Revision ID: 0016
Revises: 0015
Create Date: 2026-11-23 03:45:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

IN_INBOX = sa.text("in_inbox")
UNREAD = sa.text("in_inbox AND read_at IS NULL")


def upgrade() -> None:
    op.drop_index("ix_notifications_inbox", "notifications")
    op.drop_index("ix_notifications_unread", "notifications")
    op.create_index("ix_notifications_user_id", "notifications", ["user_id", "id"])
    add_unread("user_id", "id", "post_id")


def downgrade() -> None:
    op.drop_index("ix_notifications_unread", "notifications")
    op.drop_index("ix_notifications_user_id", "notifications")
    add_unread("user_id", "post_id", "id")
    op.create_index(
        "ix_notifications_inbox",
        "notifications",
        ["user_id", "id"],
        sqlite_where=IN_INBOX,
        postgresql_where=IN_INBOX,
    )


def add_unread(*columns: str) -> None:
    op.create_index(
        "ix_notifications_unread",
        "notifications",
        list(columns),
        sqlite_where=UNREAD,
        postgresql_where=UNREAD,
    )
