"""search

Revision ID: 0005
Revises: 0004
Create Date: 2026-11-23 00:30:12.301584
"""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

BIG_INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
FORGET = "INSERT INTO search_index (search_index, rowid, words) VALUES ('delete', old.id, old.words)"
LEARN = "INSERT INTO search_index (rowid, words) VALUES (new.id, new.words)"


def upgrade() -> None:
    """After this, `myproject reindex` puts what was written before into the index."""
    op.create_table(
        "search_entries",
        sa.Column("id", BIG_INTEGER, nullable=False),
        sa.Column("post_id", BIG_INTEGER, nullable=True),
        sa.Column("comment_id", BIG_INTEGER, nullable=True),
        sa.Column("words", sa.Text().with_variant(postgresql.TSVECTOR(), "postgresql"), nullable=False),
        sa.CheckConstraint("(post_id IS NULL) <> (comment_id IS NULL)", name=op.f("ck_search_entries_one_thing")),
        sa.ForeignKeyConstraint(
            ["post_id"], ["posts.id"], name=op.f("fk_search_entries_post_id_posts"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["comment_id"], ["comments.id"], name=op.f("fk_search_entries_comment_id_comments"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_search_entries")),
        sa.UniqueConstraint("post_id", name=op.f("uq_search_entries_post_id")),
        sa.UniqueConstraint("comment_id", name=op.f("uq_search_entries_comment_id")),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.create_index("ix_search_entries_words", "search_entries", ["words"], postgresql_using="gin")
        return
    op.execute(
        "CREATE VIRTUAL TABLE search_index USING fts5(words, content='search_entries', content_rowid='id',"
        " prefix='3 4', tokenize=\"ascii tokenchars '=^|'\")"
    )
    op.execute(f"CREATE TRIGGER search_entries_added AFTER INSERT ON search_entries BEGIN {LEARN}; END")
    op.execute(f"CREATE TRIGGER search_entries_gone AFTER DELETE ON search_entries BEGIN {FORGET}; END")
    op.execute(
        "CREATE TRIGGER search_entries_changed AFTER UPDATE OF words ON search_entries"
        f" BEGIN {FORGET}; {LEARN}; END"
    )


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE search_index")
    op.drop_table("search_entries")
