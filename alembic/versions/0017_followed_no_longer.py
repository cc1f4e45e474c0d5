"""followed no longer

Revision ID: 0017
Revises: 0016
Create Date: 2026-11-23 03:58:00.000000
"""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

OUTCOMES = "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17"


def upgrade() -> None:
    change_outcomes(f"{OUTCOMES}, 18")


def downgrade() -> None:
    op.execute("DELETE FROM notifications WHERE outcome = 18")
    change_outcomes(OUTCOMES)


def change_outcomes(values: str) -> None:
    with op.batch_alter_table("notifications") as table:
        table.drop_constraint(op.f("ck_notifications_outcome"), type_="check")
        table.create_check_constraint(op.f("ck_notifications_outcome"), f"outcome IN ({values})")
