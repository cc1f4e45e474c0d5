"""What was discussed already: posts with a title alike, and posts with the same link."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.db import among, fetch, utc_now
from myproject.posts.models import Post
from myproject.posts.services.visibility import PUBLISHED
from myproject.search import constants as SEARCH
from myproject.search.models import SearchEntry
from myproject.search.services.finding import BEYOND_ALL, matches
from myproject.search.services.indexing import link_digests
from myproject.search.services.queries import Expression, Term
from myproject.search.services.words import EVERY, IN_TITLE, link_mark, words_of

ROWS = (
    sa.select(Post.id, Post.title, Post.slug, Post.published_at, Post.author_id)
    .join(SearchEntry, SearchEntry.post_id == Post.id)
    .where(PUBLISHED, among(SearchEntry.id, "ids"))
    .order_by(SearchEntry.id.desc())
)


@dataclass(frozen=True)
class Hint:
    """A post to look at first. `same_link`: it has a link of the new one, else a title like it."""

    id: int
    title: str
    slug: str
    same_link: bool


def find_hints(db: Session, title: str, body_html: str, author_id: int) -> list[Hint]:
    """Posts that everybody may see with a link of a new one within the last thirty days, the first of them before
    the latest, then those with a title alike, a few at most. Of those with a title alike, what `author_id`, who
    writes, wrote is left out: they know it.
    """
    since = utc_now() - SEARCH.SAME_LINK_PERIOD
    links = [Term((link_mark(digest),)) for digest in link_digests(body_html)]
    linked = [row for row in posts_with_some(db, links, SEARCH.CANDIDATES) if row.published_at >= since]
    # Where a link is posted again and again, the talk about it began at the first.
    linked = [*linked[-1:], *linked[:-1]]
    words = set(words_of(title))
    # The longest say most, and the fewest posts have them.
    asked = sorted(words, key=lambda word: (-len(word), word))[: SEARCH.SIMILAR_WORDS]
    titled = posts_with_some(db, [Term((IN_TITLE + word,)) for word in asked], SEARCH.SIMILAR_CANDIDATES)
    scored = [(alike(words, set(words_of(row.title))), row) for row in titled]
    close = sorted((pair for pair in scored if pair[0] >= SEARCH.SIMILAR_ENOUGH), key=lambda pair: -pair[0])
    hints: dict[int, Hint] = {}
    for row, same_link in [*((row, True) for row in linked), *((row, False) for _score, row in close)]:
        if same_link or row.author_id != author_id:
            hints.setdefault(row.id, Hint(row.id, row.title, row.slug, same_link))
    return list(hints.values())[: SEARCH.SIMILAR_MAX]


def posts_with_some(db: Session, terms: Sequence[Term], number: int) -> Sequence[Any]:
    """The latest posts whose entries have one of the terms."""
    if not terms:
        return []
    ids, _more = matches(db, Expression((Term((EVERY,)),), (tuple(terms),)), BEYOND_ALL, number, number)
    return fetch(db, ROWS, {"ids": ids}).all() if ids else []


def alike(words: set[str], others: set[str]) -> float:
    """The share of words that two titles have in common (Jaccard's index), from 0 to 1."""
    return len(words & others) / len(words | others) if words else 0.0
