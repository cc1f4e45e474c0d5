"""unsent texts of forms that are open twice

Revision ID: 0030
Revises: 0029
Create Date: 2026-11-23 17:00:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

ALL_BUT_THE_LATEST = """
    DELETE FROM kept_texts WHERE EXISTS (
        SELECT 1 FROM kept_texts AS later
        WHERE later.user_id = kept_texts.user_id AND later.path = kept_texts.path
        AND (later.created_at > kept_texts.created_at
             OR later.created_at = kept_texts.created_at AND later.id > kept_texts.id)
    )
"""


def upgrade() -> None:
    with op.batch_alter_table("kept_texts") as table:
        table.add_column(sa.Column("form", sa.String(length=64), server_default="", nullable=False))
        table.drop_constraint(op.f("uq_kept_texts_user_id_path"), type_="unique")
        table.create_unique_constraint(op.f("uq_kept_texts_user_id_path_form"), ["user_id", "path", "form"])
    # It was for the rows that were there.
    with op.batch_alter_table("kept_texts") as table:
        table.alter_column("form", server_default=None)


def downgrade() -> None:
    op.execute(ALL_BUT_THE_LATEST)
    with op.batch_alter_table("kept_texts") as table:
        table.drop_constraint(op.f("uq_kept_texts_user_id_path_form"), type_="unique")
        table.create_unique_constraint(op.f("uq_kept_texts_user_id_path"), ["user_id", "path"])
        table.drop_column("form")
