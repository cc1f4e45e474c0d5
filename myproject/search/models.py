"""The index of search: for each post and comment its words, in the form that both databases search quickly."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import TypeDecorator, TypeEngine

from myproject.db import BIG_INTEGER, Base, BigId
from myproject.search import constants as SEARCH


class Words(TypeDecorator[Sequence[str]]):
    """A list of lexemes, each of letters, digits, marks and `=^|`, in their order.

    In PostgreSQL a tsvector, written as such: none of its parsers and dictionaries has a part in it. In SQLite
    they stand with blanks between, for a tokenizer of FTS5 that knows nothing but blanks. So both find the same.
    """

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[str]:
        kind: TypeEngine[str] = TSVECTOR() if dialect.name == "postgresql" else sa.Text()
        return dialect.type_descriptor(kind)

    def process_bind_param(self, value: Sequence[str] | None, dialect: Dialect) -> str | None:
        if value is None or dialect.name != "postgresql":
            return None if value is None else " ".join(value)
        places: dict[str, list[str]] = {}
        for place, word in enumerate(value[: SEARCH.WORDS_MAX], 1):
            places.setdefault(word, []).append(str(place))
        # PostgreSQL keeps 256 places of a word.
        return " ".join(f"'{word}':{','.join(at[:256])}" for word, at in places.items())


class SearchEntry(Base):
    """A post or a comment in the index. Whether somebody may see it is not known here, and asked of its own row.

    Numbers go up as texts come into the open, so that by number is by time.
    """

    __tablename__ = "search_entries"
    __table_args__ = (
        sa.CheckConstraint("(post_id IS NULL) <> (comment_id IS NULL)", name="one_thing"),
        sa.Index("ix_search_entries_words", "words", postgresql_using="gin").ddl_if(dialect="postgresql"),
    )

    id: Mapped[BigId] = mapped_column(primary_key=True)
    post_id: Mapped[int | None] = mapped_column(
        BIG_INTEGER, sa.ForeignKey("posts.id", ondelete="CASCADE"), unique=True
    )
    comment_id: Mapped[int | None] = mapped_column(
        BIG_INTEGER, sa.ForeignKey("comments.id", ondelete="CASCADE"), unique=True
    )
    words: Mapped[Sequence[str]] = mapped_column(Words)


# FTS5 (https://sqlite.org/fts5.html) over the words of that table, which its triggers keep in step. To the
# tokenizer `ascii` every character beyond ASCII belongs to a word.
FULL_TEXT = """CREATE VIRTUAL TABLE search_index USING fts5(
    words, content='search_entries', content_rowid='id', prefix='3 4', tokenize="ascii tokenchars '=^|'"
)"""
FORGET = "INSERT INTO search_index (search_index, rowid, words) VALUES ('delete', old.id, old.words)"
LEARN = "INSERT INTO search_index (rowid, words) VALUES (new.id, new.words)"
TRIGGERS = (
    f"CREATE TRIGGER search_entries_added AFTER INSERT ON search_entries BEGIN {LEARN}; END",
    f"CREATE TRIGGER search_entries_gone AFTER DELETE ON search_entries BEGIN {FORGET}; END",
    f"CREATE TRIGGER search_entries_changed AFTER UPDATE OF words ON search_entries BEGIN {FORGET}; {LEARN}; END",
)
for statement in (FULL_TEXT, *TRIGGERS):
    event.listen(
        SearchEntry.__table__,
        "after_create",
        sa.DDL(statement.replace("%", "%%")).execute_if(dialect="sqlite"),
    )
