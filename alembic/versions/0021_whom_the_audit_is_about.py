"""whom an entry of the audit is about, which stays when the thing is gone

Revision ID: 0021
Revises: 0020
Create Date: 2026-11-23 09:35:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

OWNERS = {
    "users": "id",
    "posts": "author_id",
    "comments": "author_id",
    "comment_bans": "user_id",
    "emails": "user_id",
    "images": "user_id",
}


def upgrade() -> None:
    about = sa.Column("about_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
    op.add_column("audit_entries", about)
    for table, owner in OWNERS.items():
        found = f"(SELECT {owner} FROM {table} WHERE {table}.id = audit_entries.target_id)"
        op.execute(f"UPDATE audit_entries SET about_id = {found} WHERE target_type = '{table}'")


def downgrade() -> None:
    op.drop_column("audit_entries", "about_id")
