"""Asking the index. One function for both databases: `search`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg
import sqlalchemy as sa
from markupsafe import Markup
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.orm import Session

from myproject.comments.models import Comment
from myproject.comments.services.visibility import PUBLISHED as COMMENT_PUBLISHED
from myproject.db import among, fetch, utc_now
from myproject.pagination import BadCursor, Page
from myproject.posts.models import Post, Tag, post_tags
from myproject.posts.services.rows import AUTHOR_COLUMNS
from myproject.posts.services.visibility import PUBLISHED
from myproject.search import constants as SEARCH
from myproject.search import errors
from myproject.search.models import SearchEntry
from myproject.search.services.excerpts import excerpt_of, found_in, mark
from myproject.search.services.queries import WRITERS, Expression, Query, expressions
from myproject.users import constants as USER
from myproject.users.models import User

CURSOR = re.compile(r"([01])-([0-9]{1,18})")
# No number of a row is as high.
BEYOND_ALL = 10**18 - 1


@dataclass(slots=True)
class Result:
    """A post or, with a `comment_id`, a comment that was found. What it shows of the text is safe HTML."""

    id: int
    post_id: int
    title: str
    slug: str
    comment_id: int | None
    body_html: str
    moment: datetime
    author_name: str | None
    author_display_name: str
    author_role: USER.Role
    author_avatar: str
    marked_title: Markup = field(default_factory=Markup)
    excerpt: Markup = field(default_factory=Markup)


BELOW, NUMBER, FEW = (sa.bindparam(name, type_=sa.BigInteger) for name in ("below", "number", "few"))


def matching_in_sqlite() -> sa.Select[Any]:
    """Selects the numbers of the entries below `:below` that match `:expression`, latest first, at most `:number`;
    and whether there may be more than these: where it can't tell, null.
    """
    # FTS5 goes through its entries in this order: it stops when it has enough.
    table = sa.table("search_index", sa.column("rowid", sa.BigInteger), sa.column("search_index"))
    fits = table.c.search_index.op("MATCH")(sa.bindparam("expression"))
    numbers = sa.select(table.c.rowid.label("id"), sa.null()).where(fits, table.c.rowid < BELOW)
    return numbers.order_by(table.c.rowid.desc()).limit(NUMBER)


def matching_in_postgresql() -> sa.Select[Any]:
    """The same. An index of words gives all that match, before they are sorted: of common words that may be
    millions. These are met soon on the way back from the latest entry, and where fewer than `:few` are, the index
    gives no more than can be sorted. PostgreSQL, asked for either, would guess wrong: it takes each beginning of a
    word for a common one.
    """

    def fits(words: Any) -> sa.ColumnElement[bool]:
        return sa.type_coerce(words, sa.Text).op("@@")(sa.cast(sa.bindparam("expression"), TSQUERY))

    number = SearchEntry.id
    latest = (
        sa.select(number, SearchEntry.words).where(number < BELOW).order_by(number.desc()).limit(SEARCH.WINDOW)
    )
    window = latest.subquery()
    near = (
        sa.select(window.c.id).where(fits(window.c.words)).order_by(window.c.id.desc()).limit(NUMBER).cte("near")
    )
    is_enough = sa.select(sa.func.count() >= FEW).select_from(near).scalar_subquery()
    # Not the column itself: no other index is to be gone along.
    place = number + sa.literal_column("0")
    found = sa.select(number).where(~is_enough, fits(SearchEntry.words), place < BELOW)
    far = found.order_by(place.desc()).limit(NUMBER)
    rest = far.subquery()
    both = sa.union_all(
        sa.select(near.c.id, sa.true().label("more")).where(is_enough), sa.select(rest.c.id, sa.null())
    ).subquery()
    return sa.select(both.c.id, both.c.more).order_by(both.c.id.desc())


MATCHING = {"sqlite": matching_in_sqlite(), "postgresql": matching_in_postgresql()}
MOMENT = sa.func.coalesce(Comment.created_at, Post.published_at, type_=Post.published_at.type)
# What everybody may see, and nothing else: whoever looks.
ROWS = (
    sa.select(
        SearchEntry.id,
        Post.id,
        Post.title,
        Post.slug,
        Comment.id,
        sa.func.substr(sa.func.coalesce(Comment.body_html, Post.body_html), 1, SEARCH.EXCERPT_SOURCE_MAX),
        MOMENT,
        *AUTHOR_COLUMNS,
    )
    .select_from(SearchEntry)
    .outerjoin(Comment, Comment.id == SearchEntry.comment_id)
    .join(Post, Post.id == sa.func.coalesce(SearchEntry.post_id, Comment.post_id))
    .join(User, User.id == sa.func.coalesce(Comment.author_id, Post.author_id))
    .where(PUBLISHED, SearchEntry.comment_id.is_(None) | COMMENT_PUBLISHED)
    .where(among(SearchEntry.id, "ids"))
    .order_by(SearchEntry.id.desc())
    .limit(SEARCH.PAGE_SIZE + 1)
)


def search(db: Session, query: Query, cursor: str | None = None) -> Page[Result]:
    """A page of what everybody may see and `query` asks for: what has the words in its title first, latest first.

    A page looks at a few thousand matches at most, and may hold less than others where most of them don't fit.
    Raises BadCursor, and TooMuch, after which the session's transaction has ended.
    """
    try:
        return find_page(db, query, cursor)
    except sa.exc.OperationalError as error:
        if not isinstance(error.orig, psycopg.errors.QueryCanceled):
            raise
        db.rollback()
        if "connection" in db.info:
            db.info["connection"].rollback()
        raise errors.TooMuch from error


def find_page(db: Session, query: Query, cursor: str | None) -> Page[Result]:
    found = CURSOR.fullmatch(cursor or f"0-{BEYOND_ALL}")
    if found is None:
        raise BadCursor(cursor)
    start, below = int(found[1]), int(found[2])
    asked = expressions(query, author_numbers(db, query), utc_now()) if query else None
    # Where `shown` leaves out more than what is not in the open, most may not fit.
    is_picky = bool(query.tags or query.before or query.after)
    few = SEARCH.CANDIDATES if is_picky else SEARCH.PAGE_SIZE + 1
    rows: list[Result] = []
    bound_time(db)
    for part, expression in enumerate(asked or ()):
        if part < start:
            continue
        for _round in range(SEARCH.ROUNDS):
            ids, may_be_more = matches(db, expression, below, SEARCH.CANDIDATES, few)
            for row in shown(db, query, ids):
                if len(rows) == SEARCH.PAGE_SIZE:
                    return Page(finish(rows, query), f"{part}-{below}")
                rows.append(row)
                below = row.id
            if not may_be_more:
                break
            below = ids[-1]
        else:
            return Page(finish(rows, query), f"{part}-{below}")
        below = BEYOND_ALL
    return Page(finish(rows, query), None)


def bound_time(db: Session) -> None:
    """Ends what takes too long: what matches too rarely among the latest entries may be much among all, and
    PostgreSQL sorts all that before it gives the first.
    """
    if dialect_of(db) == "postgresql":
        fetch(db, sa.text(f"SET LOCAL statement_timeout = {SEARCH.STATEMENT_MILLISECONDS}"))


def dialect_of(db: Session) -> str:
    return db.get_bind().dialect.name


def matches(db: Session, expression: Expression, below: int, number: int, few: int) -> tuple[Sequence[int], bool]:
    """The numbers of entries that match, latest first: `few` of them at least, where there are so many, and
    `number` at most; and whether there may be more.
    """
    dialect = dialect_of(db)
    values = {"expression": WRITERS[dialect](expression), "below": below, "number": number}
    rows = fetch(db, MATCHING[dialect], values | ({"few": few} if dialect == "postgresql" else {})).all()
    return [row[0] for row in rows], len(rows) == number or any(row[1] for row in rows)


def shown(db: Session, query: Query, ids: Sequence[int]) -> list[Result]:
    """Of these entries what is shown, a page and one more at most."""
    if not ids:
        return []
    statement = ROWS
    for name, wanted in query.tags:
        # A synonym stands for another tag.
        number = sa.select(sa.func.coalesce(Tag.synonym_of_id, Tag.id)).where(Tag.name == name).scalar_subquery()
        tagged = sa.exists().where(post_tags.c.post_id == Post.id, post_tags.c.tag_id == number)
        statement = statement.where(tagged if wanted else ~tagged)
    if query.before:
        statement = statement.where(query.before > MOMENT)
    if query.after:
        statement = statement.where(query.after <= MOMENT)
    return [Result(*row) for row in fetch(db, statement, {"ids": ids})]


def author_numbers(db: Session, query: Query) -> dict[str, int]:
    """The numbers of the members that a query names, by name."""
    names = {name for name, _wanted in query.authors}
    if not names:
        return {}
    rows: Any = fetch(db, sa.select(User.name_canonical, User.id).where(User.name_canonical.in_(names)))
    return dict(rows.all())


def finish(rows: list[Result], query: Query) -> list[Result]:
    """With the words marked, only in what is shown."""
    for row in rows:
        row.marked_title = mark(row.title, [] if row.comment_id else found_in(row.title, query.terms))
        row.excerpt = excerpt_of(row.body_html, query.terms)
    return rows
