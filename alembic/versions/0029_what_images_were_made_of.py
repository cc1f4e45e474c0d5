"""what images were made of

Revision ID: 0029
Revises: 0028
Create Date: 2026-11-23 16:50:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("images", sa.Column("source", sa.String(64), nullable=True))
    op.create_index("uq_images_source", "images", ["source"], unique=True)


def downgrade() -> None:
    op.drop_index("uq_images_source", table_name="images")
    op.drop_column("images", "source")
