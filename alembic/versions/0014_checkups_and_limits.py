"""looks of the mail doctor, and limits that outlive a restart

Revision ID: 0014
Revises: 0013
Create Date: 2026-11-23 03:15:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "mail_checkups",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("probe", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("findings", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("asked_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail_checkups")),
    )
    op.create_table(
        "limit_windows",
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("tries", sa.JSON(), nullable=False),
        sa.Column("ends_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_limit_windows")),
    )
    op.create_index("ix_limit_windows_ends_at", "limit_windows", ["ends_at"])


def downgrade() -> None:
    op.drop_table("limit_windows")
    op.drop_table("mail_checkups")
