"""routes of mail

Revision ID: 0013
Revises: 0012
Create Date: 2026-11-23 03:15:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "mail_routes",
        sa.Column("domain", sa.String(253), nullable=False),
        sa.Column("opens_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.String(500), nullable=True),
        sa.PrimaryKeyConstraint("domain", name=op.f("pk_mail_routes")),
    )


def downgrade() -> None:
    op.drop_table("mail_routes")
