"""mails that ended in the outbox

Revision ID: 0024
Revises: 0023
Create Date: 2026-11-23 12:45:00.000000
"""

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

OUTCOMES = "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19"


def upgrade() -> None:
    change_outcomes(f"{OUTCOMES}, 20, 21, 22, 23")


def downgrade() -> None:
    # What was said of them before: that they were mailed.
    op.execute("UPDATE notifications SET mail = 2, outcome = 1 WHERE outcome > 19")
    change_outcomes(OUTCOMES)


def change_outcomes(values: str) -> None:
    with op.batch_alter_table("notifications") as table:
        table.drop_constraint(op.f("ck_notifications_outcome"), type_="check")
        table.create_check_constraint(op.f("ck_notifications_outcome"), f"outcome IN ({values})")
