"""second factors that were lost, and what waits for them to be turned off

Revision ID: 0012
Revises: 0011
Create Date: 2026-11-23 03:15:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
PURPOSE = "ck_user_tokens_purpose"


def upgrade() -> None:
    with op.batch_alter_table("user_tokens") as batch:
        batch.drop_constraint(op.f(PURPOSE), type_="check")
        batch.create_check_constraint(op.f(PURPOSE), "purpose IN (1, 2, 3, 4, 5, 6, 7)")
    op.create_table(
        "second_factor_resets",
        sa.Column("user_id", NUMBER, nullable=False, autoincrement=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("told_at", MOMENT, nullable=False),
        sa.Column("hastened_by_id", NUMBER, nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_second_factor_resets_user_id_users"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["hastened_by_id"],
            ["users.id"],
            name=op.f("fk_second_factor_resets_hastened_by_id_users"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_second_factor_resets")),
    )
    op.create_index("ix_second_factor_resets_due_at", "second_factor_resets", ["due_at"])
    op.create_index(op.f("ix_second_factor_resets_hastened_by_id"), "second_factor_resets", ["hastened_by_id"])


def downgrade() -> None:
    op.drop_table("second_factor_resets")
    op.execute("DELETE FROM user_tokens WHERE purpose > 5")
    with op.batch_alter_table("user_tokens") as batch:
        batch.drop_constraint(op.f(PURPOSE), type_="check")
        batch.create_check_constraint(op.f(PURPOSE), "purpose IN (1, 2, 3, 4, 5)")
