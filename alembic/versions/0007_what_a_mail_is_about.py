"""what a mail is about, and who goes first

Revision ID: 0007
Revises: 0006
Create Date: 2026-11-23 02:55:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# What stands behind the only @ of nearly every address, and of any that has two.
DOMAIN = {
    "sqlite": "lower(replace(to_address, rtrim(to_address, replace(to_address, '@', '')), ''))",
    "postgresql": "lower(substring(to_address from '[^@]*$'))",
}


def upgrade() -> None:
    with op.batch_alter_table("emails") as table:
        table.add_column(sa.Column("to_domain", sa.String(253), nullable=True))
        table.add_column(sa.Column("sender_name", sa.String(100), nullable=True))
        table.add_column(sa.Column("topic", sa.String(40), nullable=True))
        table.add_column(
            sa.Column("thread_scope", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
        )
    op.execute(f"UPDATE emails SET to_domain = {DOMAIN[op.get_bind().dialect.name]}, sender_name = ''")
    with op.batch_alter_table("emails") as table:
        table.alter_column("to_domain", existing_type=sa.String(253), nullable=False)
        table.alter_column("sender_name", existing_type=sa.String(100), nullable=False)
        table.drop_constraint(op.f("ck_emails_lane"), type_="check")
        table.create_check_constraint(op.f("ck_emails_lane"), "lane IN (0, 10, 20)")


def downgrade() -> None:
    op.execute("UPDATE emails SET lane = 10 WHERE lane = 20")
    with op.batch_alter_table("emails") as table:
        table.drop_constraint(op.f("ck_emails_lane"), type_="check")
        table.create_check_constraint(op.f("ck_emails_lane"), "lane IN (0, 10)")
        for column in ("thread_scope", "topic", "sender_name", "to_domain"):
            table.drop_column(column)
