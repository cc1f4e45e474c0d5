"""comments that were refused

Revision ID: 0025
Revises: 0024
Create Date: 2026-11-23 12:40:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("comments", sa.Column("refused_at", sa.DateTime(timezone=True), nullable=True))
    # What waited when staff removed it, as their audit says, and was not put back since: that stood in the open,
    # whoever removed it then.
    op.execute(
        "UPDATE comments SET refused_at = removed_at WHERE removed_at IS NOT NULL AND EXISTS ("
        "SELECT 1 FROM audit_entries WHERE action = 'comment.remove' AND CAST(before AS TEXT) LIKE '%\"WAITING\"%'"
        " AND id = (SELECT MAX(id) FROM audit_entries WHERE target_type = 'comments' AND target_id = comments.id"
        " AND action IN ('comment.remove', 'comment.restore')))"
    )


def downgrade() -> None:
    op.drop_column("comments", "refused_at")
