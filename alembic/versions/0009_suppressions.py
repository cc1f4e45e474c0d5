"""suppressions

Revision ID: 0009
Revises: 0008
Create Date: 2026-11-23 03:00:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    with op.batch_alter_table("emails") as table:
        table.drop_constraint(op.f("ck_emails_state"), type_="check")
        table.create_check_constraint(op.f("ck_emails_state"), "state IN (0, 1, 2, 3, 4, 5, 6)")
    op.create_table(
        "suppressions",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("address", sa.String(254), nullable=False),
        sa.Column("reason", sa.SmallInteger(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("words", sa.String(500), nullable=False),
        sa.Column("first_at", MOMENT, nullable=False),
        sa.Column("last_at", MOMENT, nullable=False),
        sa.Column("suppressed_at", MOMENT, nullable=True),
        sa.Column("ends_at", MOMENT, nullable=True),
        sa.Column("lifted_at", MOMENT, nullable=True),
        sa.Column("lifted_by_id", NUMBER, nullable=True),
        sa.CheckConstraint("reason IN (1, 2, 3)", name=op.f("ck_suppressions_reason")),
        sa.CheckConstraint("length(words) <= 500", name=op.f("ck_suppressions_words_length")),
        sa.ForeignKeyConstraint(
            ["lifted_by_id"], ["users.id"], name=op.f("fk_suppressions_lifted_by_id_users"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suppressions")),
        sa.UniqueConstraint("address", name=op.f("uq_suppressions_address")),
    )
    op.create_index("ix_suppressions_suppressed_at", "suppressions", ["suppressed_at", "id"])
    op.create_index("ix_suppressions_lifted_by_id", "suppressions", ["lifted_by_id"])
    op.create_table(
        "bounce_receipts",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bounce_receipts")),
        sa.UniqueConstraint("key", name=op.f("uq_bounce_receipts_key")),
    )
    op.create_index("ix_bounce_receipts_created_at", "bounce_receipts", ["created_at"])


def downgrade() -> None:
    op.drop_table("bounce_receipts")
    op.drop_table("suppressions")
    # Given up is the nearest that was known.
    op.execute("UPDATE emails SET state = 4 WHERE state = 6")
    with op.batch_alter_table("emails") as table:
        table.drop_constraint(op.f("ck_emails_state"), type_="check")
        table.create_check_constraint(op.f("ck_emails_state"), "state IN (0, 1, 2, 3, 4, 5)")
