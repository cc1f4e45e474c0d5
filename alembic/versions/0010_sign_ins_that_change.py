"""the validator of a session, and when somebody last signed in

Revision ID: 0010
Revises: 0009
Create Date: 2026-11-23 03:00:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
EPOCH = "1970-01-01 00:00:00"


def listed(values: range) -> str:
    return ", ".join(str(value) for value in values)


def limit(table: str, column: str, values: range) -> None:
    """Holds the column of an enum to these values."""
    with op.batch_alter_table(table) as batch:
        batch.drop_constraint(op.f(f"ck_{table}_{column}"), type_="check")
        batch.create_check_constraint(op.f(f"ck_{table}_{column}"), f"{column} IN ({listed(values)})")


def upgrade() -> None:
    with op.batch_alter_table("user_sessions") as batch:
        batch.add_column(sa.Column("validator_number", sa.Integer(), nullable=False, server_default="0"))
        batch.add_column(sa.Column("validator_mark", sa.String(16), nullable=False, server_default=""))
        batch.add_column(sa.Column("validator_since", MOMENT, nullable=False, server_default=EPOCH))
    with op.batch_alter_table("user_sessions") as batch:
        for column in ("validator_number", "validator_mark", "validator_since"):
            batch.alter_column(column, server_default=None)
    with op.batch_alter_table("users") as batch:
        batch.add_column(sa.Column("signed_in_at", MOMENT, nullable=True))
    limit("security_log", "event", range(1, 29))
    limit("sign_in_steps", "step", range(1, 8))


def downgrade() -> None:
    op.execute("DELETE FROM sign_in_steps WHERE step > 6")
    op.execute("DELETE FROM security_log WHERE event > 25")
    limit("sign_in_steps", "step", range(1, 7))
    limit("security_log", "event", range(1, 26))
    with op.batch_alter_table("users") as batch:
        batch.drop_column("signed_in_at")
    with op.batch_alter_table("user_sessions") as batch:
        for column in ("validator_since", "validator_mark", "validator_number"):
            batch.drop_column(column)
