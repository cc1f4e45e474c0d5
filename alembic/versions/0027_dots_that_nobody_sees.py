"""how nicknames look without the dots that stand on letters with a dot

Revision ID: 0027
Revises: 0026
Create Date: 2026-11-23 13:15:00.000000
"""

import re
import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

DOT = "\N{COMBINING DOT ABOVE}"
# Marks below may stand between a letter and its dot.
BELOW = "([\u0316-\u0319\u031c-\u0333]*)"
WITH_DOT = re.compile(f"(.){BELOW}{DOT}", re.DOTALL)
DOTTED = re.compile(f"([ij]){BELOW}{DOT}")


def upgrade() -> None:
    """Of two names that look the same without these dots, the one that has had its look so far keeps it; the other
    is left without, so that it stays, too.
    """
    users = table("users", "name")
    taken = sa.select(users.c.id)
    for number, name, skeleton in dotted(users, users.c.name):
        look: str | None = undotted(skeleton, name)
        if op.get_bind().execute(taken.where(users.c.name_skeleton == look, users.c.id != number)).first():
            look = None
        op.execute(users.update().where(users.c.id == number).values(name_skeleton=look))
    # Any number of names that were given up may look the same.
    former = table("former_names", "name_canonical")
    for number, name, skeleton in dotted(former, former.c.name_canonical):
        op.execute(former.update().where(former.c.id == number).values(name_skeleton=undotted(skeleton, name)))


def downgrade() -> None:
    """A look without the dots is as good as one with them for the code before."""


def table(name: str, column: str) -> sa.TableClause:
    return sa.table(name, sa.column("id", sa.BigInteger), sa.column(column), sa.column("name_skeleton"))


def dotted(rows: sa.TableClause, name: sa.ColumnElement[str]) -> list[sa.Row[tuple[int, str, str]]]:
    """The rows, oldest first, whose look has such a dot, as (id, name, name_skeleton)."""
    statement = sa.select(rows.c.id, name, rows.c.name_skeleton).where(rows.c.name_skeleton.contains(DOT))
    return list(op.get_bind().execute(statement.order_by(rows.c.id)))


def undotted(skeleton: str, name: str) -> str:
    """A look without the dots. It has a capital I as an l, and a dotted one is to look like a small i: whether it
    is one, the letter of the name tells that has the same dot.
    """
    decomposed = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", name))
    letters = (match[1] for match in WITH_DOT.finditer(decomposed))

    def seen(match: re.Match[str]) -> str:
        was_i = next(letters, "") in ("i", "I")
        return f"i{match[2]}" if was_i and match[1] == "l" else match[0]

    return DOTTED.sub(r"\1\2", WITH_DOT.sub(seen, skeleton))
