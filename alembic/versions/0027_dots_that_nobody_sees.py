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
# Letters with a dot of their own (Soft_Dotted).
DOTTED_LETTERS = "ij\u012f\u0249\u0268\u029d\u03f3\u0456\u0458\u1d96\u1e2d\u1ecb\U0001df1a"
# Marks that stand elsewhere than above a letter may be between it and its dot.
MARKS = "".join(mark for mark in map(chr, range(0x300, 0x20000)) if 0 < unicodedata.combining(mark) < 230)
ELSEWHERE = f"([{MARKS}]*)"
WITH_DOT = re.compile(f"(.){ELSEWHERE}{DOT}", re.DOTALL)
DOTTED = re.compile(f"([{DOTTED_LETTERS}]){ELSEWHERE}{DOT}")
SHOWS_NOTHING: dict[int, str | None] = dict.fromkeys(
    [0x034F, 0x17B4, 0x17B5, *range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)]
)
# How looks have some other marks: a breve and a dot, and an ogonek.
AS_IN_LOOKS: dict[int, str | None] = {0x0310: "\u0306\u0307", 0x0345: "\u0328"}
# An iota stands in no look but for the ogonek, and the hooks like it, which look like the small iota below.
IOTA, DOTLESS_J = "\N{GREEK SMALL LETTER IOTA}", "\N{LATIN SMALL LETTER DOTLESS J}"
LOOKS = str.maketrans({IOTA: "\N{COMBINING OGONEK}", DOTLESS_J: "j"})


def upgrade() -> None:
    """The ogonek stands in a look as the mark it is, and the dotless j as a j, as the dotless i does as an i.

    Of two names that look the same without these dots, the one that has had its look so far keeps it; the other
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
    """The rows, oldest first, whose look may be another now, as (id, name, name_skeleton)."""
    found = sa.or_(*(rows.c.name_skeleton.contains(letter) for letter in (DOT, IOTA, DOTLESS_J)))
    statement = sa.select(rows.c.id, name, rows.c.name_skeleton).where(found)
    return list(op.get_bind().execute(statement.order_by(rows.c.id)))


def undotted(skeleton: str, name: str) -> str:
    """A look without the dots. It has a capital I as an l, and a dotted one is to look like a small i: whether it
    is one, the letter of the name tells that has the same dot.
    """
    skeleton = unicodedata.normalize("NFD", skeleton.translate(LOOKS))
    shown = unicodedata.normalize("NFKD", name).translate(SHOWS_NOTHING | AS_IN_LOOKS)
    decomposed = unicodedata.normalize("NFD", shown)
    letters = (match[1] for match in WITH_DOT.finditer(decomposed))

    def seen(match: re.Match[str]) -> str:
        was_i = next(letters, "") in ("i", "I")
        return f"i{match[2]}" if was_i and match[1] == "l" else match[0]

    return DOTTED.sub(r"\1\2", WITH_DOT.sub(seen, skeleton))
