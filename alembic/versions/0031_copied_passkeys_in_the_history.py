"""copied passkeys, in the history of an account

Revision ID: 0031
Revises: 0030
Create Date: 2026-11-23 17:05:00.000000
"""

from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

EVENT = "ck_security_log_event"
BEFORE = ", ".join(str(number) for number in range(1, 33))


def upgrade() -> None:
    change_events(f"{BEFORE}, 33")


def downgrade() -> None:
    op.execute("DELETE FROM security_log WHERE event > 32")
    change_events(BEFORE)


def change_events(values: str) -> None:
    with op.batch_alter_table("security_log") as batch:
        batch.drop_constraint(op.f(EVENT), type_="check")
        batch.create_check_constraint(op.f(EVENT), f"event IN ({values})")
