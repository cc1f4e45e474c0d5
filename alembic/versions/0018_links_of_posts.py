"""links of posts

Revision ID: 0018
Revises: 0017
Create Date: 2026-11-23 04:25:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

TABLES = ("posts", "post_revisions")


def upgrade() -> None:
    for name in TABLES:
        with op.batch_alter_table(name) as table:
            table.add_column(sa.Column("link_url", sa.String(length=500), nullable=False, server_default=""))
        with op.batch_alter_table(name) as table:
            table.alter_column("link_url", server_default=None)
            table.create_check_constraint(op.f(f"ck_{name}_link_url_length"), "length(link_url) <= 500")


def downgrade() -> None:
    for name in TABLES:
        with op.batch_alter_table(name) as table:
            table.drop_constraint(op.f(f"ck_{name}_link_url_length"), type_="check")
        with op.batch_alter_table(name) as table:
            table.drop_column("link_url")
