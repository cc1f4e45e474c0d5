"""numbers that never come again

Revision ID: 0026
Revises: 0025
Create Date: 2026-11-23 13:00:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

TABLES = (
    "comment_bans",
    "comments",
    "emails",
    "images",
    "moderation_cases",
    "posts",
    "suppressions",
    "tags",
)
ANY = "\tid INTEGER NOT NULL, "
NEXT = "\tid INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, "
# Where those of the whole table begin.
CONSTRAINT = "\tCONSTRAINT "


def key_of(table: str) -> str:
    return f"{CONSTRAINT}pk_{table} PRIMARY KEY (id), "


def upgrade() -> None:
    """PostgreSQL counts on by itself."""
    if op.get_bind().dialect.name != "sqlite":
        return
    for table in TABLES:
        make_anew(table, {ANY: NEXT, key_of(table): ""})
        # Nor those that only the audit speaks of any more.
        execute = op.get_bind().execute
        execute(sa.text("DELETE FROM sqlite_sequence WHERE name = :table"), {"table": table})
        numbers = f"SELECT id FROM {table}"  # noqa: S608 - our own words
        numbers += " UNION ALL SELECT target_id FROM audit_entries WHERE target_type = :table"
        highest = f"SELECT :table, COALESCE(MAX(id), 0) FROM ({numbers})"  # noqa: S608 - our own words
        execute(sa.text(f"INSERT INTO sqlite_sequence (name, seq) {highest}"), {"table": table})


def downgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        return
    for table in TABLES:
        make_anew(table, {NEXT: ANY, CONSTRAINT: f"{key_of(table)}\n{CONSTRAINT}"})


def make_anew(table: str, changes: dict[str, str]) -> None:
    """As https://sqlite.org/lang_altertable.html#otheralter says, word for word but for the changes: what reflects
    a table knows nothing of its indexes on expressions. Nothing else hangs on these tables: no trigger, no view;
    the full text index is of another one.
    """
    about = sa.text("SELECT type, sql FROM sqlite_master WHERE tbl_name = :table AND sql IS NOT NULL")
    found = op.get_bind().execute(about, {"table": table}).all()
    made = next(sql for kind, sql in found if kind == "table")
    for old, new in changes.items():
        assert old in made
        made = made.replace(old, new, 1)
    columns = made[made.index("(") :]
    driver_sql = op.get_bind().exec_driver_sql
    driver_sql(f"CREATE TABLE made_anew {columns}")
    driver_sql(f"INSERT INTO made_anew SELECT * FROM {table}")  # noqa: S608 - our own words
    driver_sql(f"DROP TABLE {table}")
    driver_sql(f"ALTER TABLE made_anew RENAME TO {table}")
    for kind, sql in found:
        if kind == "index":
            driver_sql(sql)
