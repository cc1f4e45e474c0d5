"""What somebody asks for, read from their words; nothing they can type is a mistake.

    bees "queen bee" -wasps author:ada tag:garden after:2026-01 before:2026-06-15

Words and phrases in any order; `-` before one leaves out what has it. A day, month or year stands for its
beginning: `before:` is earlier, `after:` from then on.
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from myproject.search import constants as SEARCH
from myproject.search.services.words import EVERY, IN_TITLE, author_mark, words_of, year_mark
from myproject.text import canonical

PIECE = re.compile(
    r'(?P<minus>-?)(?:(?P<key>author|tag|before|after):)?(?:"(?P<quoted>[^"]*)"?|(?P<plain>[^\s"]+))', re.I
)
DATE = re.compile(r"([0-9]{4})(?:-([0-9]{1,2})(?:-([0-9]{1,2}))?)?")
EARLIEST_YEAR = 1970
MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True)
class Term:
    """Words that stand side by side. Where it is `open`, the last one may go on."""

    words: tuple[str, ...]
    open: bool = False

    def in_title(self) -> "Term":
        return Term(tuple(IN_TITLE + word for word in self.words), self.open)


@dataclass
class Query:
    """`unread` holds what was meant as a date and is none; `too_long`: not all that was typed is in it."""

    terms: list[Term] = field(default_factory=list)
    without: list[Term] = field(default_factory=list)
    authors: list[tuple[str, bool]] = field(default_factory=list)
    tags: list[tuple[str, bool]] = field(default_factory=list)
    before: datetime | None = None
    after: datetime | None = None
    unread: list[str] = field(default_factory=list)
    too_long: bool = False

    def __bool__(self) -> bool:
        asked = (self.terms, self.without, self.authors, self.tags, self.before, self.after)
        return any(part not in (None, []) for part in asked)


def parse_query(text: str, zone: str = "UTC") -> Query:
    """Reads what was typed. `zone` is the IANA name of the time zone in which days begin."""
    query = Query()
    for number, piece in enumerate(PIECE.finditer(text[: SEARCH.QUERY_MAX_LENGTH])):
        if number == SEARCH.TERMS_MAX:
            query.too_long = True
            break
        wanted, key = not piece["minus"], (piece["key"] or "").lower()
        value = piece["quoted"] if piece["quoted"] is not None else piece["plain"]
        if key in ("before", "after"):
            moment = parse_date(value, zone)
            if moment is None:
                query.unread.append(piece[0])
            # What is not before a day is from that day on.
            elif (key == "before") == wanted:
                query.before = min(moment, query.before or moment)
            else:
                query.after = max(moment, query.after or moment)
        elif key == "author":
            query.authors.append((canonical(value.removeprefix("@")), wanted))
        elif key == "tag":
            query.tags.append((canonical(value.removeprefix("#")), wanted))
        elif words := tuple(words_of(value)):
            is_open = piece["quoted"] is None and len(words) == 1 and len(words[0]) >= SEARCH.PREFIX_MIN_LENGTH
            (query.terms if wanted else query.without).append(Term(words, is_open))
    return query


def parse_date(text: str, zone: str) -> datetime | None:
    """The beginning of `2026-05-07`, `2026-05` or `2026` in a time zone; None for what is none of these."""
    found = DATE.fullmatch(text)
    try:
        # Away from both ends of what can be written, so that a time zone can't carry it over.
        year = int(found[1]) if found else 0
        if found is None or not 1 < year < 9999:
            return None
        return datetime(year, int(found[2] or 1), int(found[3] or 1), tzinfo=ZoneInfo(zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


@dataclass(frozen=True)
class Expression:
    """What an entry of the index must have: all of `every`, something of each group of `some`, none of `never`."""

    every: tuple[Term, ...] = ()
    some: tuple[tuple[Term, ...], ...] = ()
    never: tuple[Term, ...] = ()
    # Not all of these.
    unless: tuple[Term, ...] = ()


def expressions(query: Query, authors: dict[str, int], now: datetime) -> list[Expression] | None:
    """How the index is asked, best matches first: what has the words in its title, then the rest.

    `authors` are the numbers of the members who are named. None where nothing can match.
    """
    every, never = [Term((EVERY,))], list(query.without)
    for name, wanted in query.authors:
        if name in authors:
            (every if wanted else never).append(Term((author_mark(authors[name]),)))
        elif wanted:
            return None
    some: list[tuple[Term, ...]] = []
    if query.before or query.after:
        first = max(EARLIEST_YEAR, query.after.year if query.after else EARLIEST_YEAR)
        # What is before the first moment of a year is of the year before.
        last = min(now.year + 1, (query.before - MOMENT).year if query.before else now.year + 1)
        some.append(tuple(Term((year_mark(year),)) for year in range(first, last + 1)))
        if not some[0]:
            return None
    titled = tuple(term.in_title() for term in query.terms)
    if not titled:
        return [Expression(tuple(every), tuple(some), tuple(never))]
    return [
        Expression((*every, *titled), tuple(some), tuple(never)),
        Expression((*every, *query.terms), tuple(some), tuple(never), titled),
    ]


def for_postgresql(expression: Expression) -> str:
    """As a tsquery. Words hold no quote and no backslash."""

    def term(each: Term) -> str:
        *first, last = (f"'{word}'" for word in each.words)
        return f"({' <-> '.join([*first, last + (':*' if each.open else '')])})"

    parts = [term(each) for each in expression.every]
    parts += [f"({' | '.join(map(term, group))})" for group in expression.some]
    parts += [f"!{term(each)}" for each in expression.never]
    if expression.unless:
        parts.append(f"!({' & '.join(map(term, expression.unless))})")
    return " & ".join(parts)


def for_sqlite(expression: Expression) -> str:
    """As FTS5 reads it. Words hold no quote."""

    def term(each: Term) -> str:
        return f'"{" ".join(each.words)}"' + ("*" if each.open else "")

    parts = [term(each) for each in expression.every]
    parts += [f"({' OR '.join(map(term, group))})" for group in expression.some]
    text = f"({' AND '.join(parts)})"
    for each in expression.never:
        text = f"({text} NOT {term(each)})"
    if expression.unless:
        text = f"({text} NOT ({' AND '.join(map(term, expression.unless))}))"
    return text


WRITERS = {"postgresql": for_postgresql, "sqlite": for_sqlite}
