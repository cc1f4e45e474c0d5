"""older texts that are withheld

Revision ID: 0032
Revises: 0031
Create Date: 2026-11-23 20:20:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

# What authors changed while it was hidden, as its case says, and what they had changed before.
WITHHELD = """
    UPDATE {what}_revisions SET withheld_at = created_at WHERE EXISTS (
        SELECT 1 FROM moderation_cases
        WHERE moderation_cases.{what}_id = {what}_revisions.{what}_id
        AND {what}_revisions.created_at <= moderation_cases.changed_at
    )
"""


def upgrade() -> None:
    for what in ("post", "comment"):
        op.add_column(f"{what}_revisions", sa.Column("withheld_at", sa.DateTime(timezone=True), nullable=True))
        op.execute(WITHHELD.format(what=what))


def downgrade() -> None:
    for what in ("post", "comment"):
        op.drop_column(f"{what}_revisions", "withheld_at")
