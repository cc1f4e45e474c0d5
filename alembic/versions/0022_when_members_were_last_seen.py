"""when members were last seen, which outlives their sign-ins

Revision ID: 0022
Revises: 0021
Create Date: 2026-11-23 09:45:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

SEEN = "(SELECT max(last_seen_at) FROM user_sessions WHERE user_sessions.user_id = users.id)"


def upgrade() -> None:
    op.add_column("users", sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE users SET last_seen_at = signed_in_at")
    op.execute(f"UPDATE users SET last_seen_at = {SEEN} WHERE {SEEN} > last_seen_at OR last_seen_at IS NULL")


def downgrade() -> None:
    op.drop_column("users", "last_seen_at")
