"""user blocks

Revision ID: 0019
Revises: 0018
Create Date: 2026-11-23 08:05:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

OUTCOMES = "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18"


def upgrade() -> None:
    op.create_table(
        "user_blocks",
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("blocked_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("user_id <> blocked_id", name=op.f("ck_user_blocks_somebody_else")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_user_blocks_user_id_users"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["blocked_id"], ["users.id"], name=op.f("fk_user_blocks_blocked_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "blocked_id", name=op.f("pk_user_blocks")),
    )
    op.create_index("ix_user_blocks_blocked_id", "user_blocks", ["blocked_id"])
    change_outcomes(f"{OUTCOMES}, 19")


def downgrade() -> None:
    op.execute("DELETE FROM notifications WHERE outcome = 19")
    change_outcomes(OUTCOMES)
    op.drop_index("ix_user_blocks_blocked_id", table_name="user_blocks")
    op.drop_table("user_blocks")


def change_outcomes(values: str) -> None:
    with op.batch_alter_table("notifications") as table:
        table.drop_constraint(op.f("ck_notifications_outcome"), type_="check")
        table.create_check_constraint(op.f("ck_notifications_outcome"), f"outcome IN ({values})")
