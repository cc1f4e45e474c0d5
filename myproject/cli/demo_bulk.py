"""Rows to measure with: posts and comments of the demo's members, with its words, by the million.

They are written past the services, whose invariants they keep (`tests/functional/cli/test_demo.py` compares):
counts, paths, the lists of tags and of tops, the index of search.
"""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.comments.models import Comment, CommentLike
from myproject.comments.services.writing import path_of
from myproject.db import Base, Sessions, utc_now
from myproject.posts import constants as POST
from myproject.posts.models import Post, PostLike, TopPost, post_tags
from myproject.posts.services.tags import find_or_make_tags
from myproject.posts.services.writing import Text
from myproject.search.models import SearchEntry
from myproject.search.services.indexing import entry_words
from myproject.text import RENDERER_VERSION, slugify

SEED = 1
SPAN = timedelta(days=100)  # over which posts are spread; all active members joined before
POSTS_AT_ONCE = 1_000  # in one transaction, so that the site can write in between
SHARE_OF_REPLIES = 0.6
SHARE_LIKED = 0.3

Row = dict[str, Any]


@dataclass(frozen=True)
class Source:
    """What rows are made of: posts' texts, comments' (body, HTML), and the numbers of members."""

    texts: Sequence[Text]
    bodies: Sequence[tuple[str, str]]
    authors: Sequence[int]


@dataclass(frozen=True)
class Thread:
    """When a post was published, when its comments were written, and which (by position) each one answers."""

    published_at: datetime
    moments: Sequence[datetime]
    parents: Sequence[int | None]


def add_bulk(sessions: Sessions, source: Source, post_count: int, comment_count: int) -> Iterator[int]:
    """Adds posts and comments, oldest first, in many transactions; gives after each how many posts it has added.

    Some posts get many comments and most get few, as it is on real sites.
    """
    now = utc_now()
    rng = random.Random(SEED)  # noqa: S311 - of rows that nobody reads
    weights = [rng.paretovariate(1.5) for _ in range(post_count)]
    thread_sizes = Counter(rng.choices(range(post_count), weights, k=comment_count))
    for start in range(0, post_count, POSTS_AT_ONCE):
        numbers = range(start, min(start + POSTS_AT_ONCE, post_count))
        threads = [
            grow_thread(rng, now - SPAN * (1 - number / post_count), now, thread_sizes[number])
            for number in numbers
        ]
        with sessions.writing() as db:
            add_threads(db, rng, source, numbers, threads, now)
        yield numbers.stop


def grow_thread(rng: random.Random, published_at: datetime, now: datetime, size: int) -> Thread:
    # The third power: most comments come soon.
    moments = sorted(published_at + (now - published_at) * rng.uniform(0.01, 1) ** 3 for _ in range(size))
    parents = [
        rng.randrange(position) if position and rng.random() < SHARE_OF_REPLIES else None
        for position in range(size)
    ]
    return Thread(published_at, moments, parents)


def add_threads(
    db: Session,
    rng: random.Random,
    source: Source,
    numbers: Sequence[int],
    threads: Sequence[Thread],
    now: datetime,
) -> None:
    """Writes posts with their tags, comments and likes. `numbers` stand in the titles."""
    texts = [rng.choice(source.texts) for _ in numbers]
    tags = {
        tag.name: tag.id for tag in find_or_make_tags(db, sorted({name for text in texts for name in text.tags}))
    }
    posts, labels, post_likes, tops = [], [], [], []
    comments: list[Row] = []
    comment_likes: list[Row] = []
    comment_ids = iter(take_numbers(db, Comment, sum(len(thread.moments) for thread in threads)))
    for id, number, text, thread in zip(
        take_numbers(db, Post, len(numbers)), numbers, texts, threads, strict=True
    ):
        author_id, published_at = rng.choice(source.authors), thread.published_at
        fans = choose_fans(rng, source.authors, author_id)
        posts.append(
            {
                "id": id,
                "author_id": author_id,
                "status": POST.Status.PUBLISHED,
                "title": f"{text.title[: POST.TITLE_MAX_LENGTH - 20]} ({number + 1})",
                "slug": f"{slugify(text.title)[: POST.SLUG_MAX_LENGTH - 20]}-{number + 1}",
                "body": text.body,
                "body_html": text.body_html,
                "body_renderer": RENDERER_VERSION,
                "excerpt": text.excerpt,
                "comment_count": len(thread.moments),
                "like_count": len(fans),
                "created_at": published_at,
                "updated_at": published_at,
                "published_at": published_at,
                "last_activity_at": max(thread.moments, default=published_at),
            }
        )
        labels += [{"post_id": id, "tag_id": tags[name], "listed_at": published_at} for name in text.tags]
        post_likes += [{"user_id": fan, "post_id": id, "created_at": published_at} for fan in fans]
        tops += [
            {"post_id": id, "span": span, "like_count": len(fans), "published_at": published_at}
            for span in POST.Span
            if fans and published_at > now - timedelta(days=span)
        ]
        own = [next(comment_ids) for _ in thread.moments]
        for comment in make_comments(rng, source, id, thread, own):
            fans = choose_fans(rng, source.authors, comment["author_id"])
            comments.append(comment | {"like_count": len(fans)})
            comment_likes += [
                {"user_id": fan, "comment_id": comment["id"], "created_at": comment["created_at"]} for fan in fans
            ]
    insert_rows(db, Post, posts)
    insert_rows(db, post_tags, labels)
    insert_rows(db, PostLike, post_likes)
    insert_rows(db, TopPost, tops)
    insert_rows(db, Comment, comments)
    insert_rows(db, CommentLike, comment_likes)
    insert_rows(db, SearchEntry, make_entries(posts, comments))


def make_comments(
    rng: random.Random, source: Source, post_id: int, thread: Thread, ids: Sequence[int]
) -> Iterator[Row]:
    paths: list[str] = []
    for id, moment, parent in zip(ids, thread.moments, thread.parents, strict=True):
        body, body_html = rng.choice(source.bodies)
        paths.append(path_of(id, "" if parent is None else paths[parent]))
        yield {
            "id": id,
            "post_id": post_id,
            "author_id": rng.choice(source.authors),
            "parent_id": None if parent is None else ids[parent],
            "path": paths[-1],
            "body": body,
            "body_html": body_html,
            "body_renderer": RENDERER_VERSION,
            "created_at": moment,
        }


def make_entries(posts: Sequence[Row], comments: Sequence[Row]) -> list[Row]:
    """The index of search for these rows, in the order in which they were written."""
    written = [(post["created_at"], "post_id", post) for post in posts]
    written += [(comment["created_at"], "comment_id", comment) for comment in comments]
    return [
        {
            "post_id": None,
            "comment_id": None,
            column: row["id"],
            "words": entry_words(
                row.get("title", ""),
                row["body"],
                row["body_html"],
                row["author_id"],
                moment,
                is_post=column == "post_id",
            ),
        }
        for moment, column, row in sorted(written, key=itemgetter(0))
    ]


def choose_fans(rng: random.Random, members: Sequence[int], author_id: int) -> Sequence[int]:
    """Those who like something: mostly none, seldom many, never its author."""
    if rng.random() > SHARE_LIKED:
        return []
    others = [member for member in members if member != author_id]
    return rng.sample(others, min(int(rng.paretovariate(1)), len(others)))


def take_numbers(db: Session, model: type[Post] | type[Comment], count: int) -> Sequence[int]:
    """So many new row numbers, in their order, which nobody else gets."""
    if db.get_bind().dialect.name == "sqlite":
        # The transaction has the lock on writing.
        last = db.scalar(sa.select(sa.func.max(model.id))) or 0
        return range(last + 1, last + 1 + count)
    sequence = sa.func.pg_get_serial_sequence(model.__tablename__, "id")
    return sorted(db.scalars(sa.select(sa.func.nextval(sequence)).select_from(sa.func.generate_series(1, count))))


def insert_rows(db: Session, model: type[Base] | sa.Table, rows: Sequence[Row]) -> None:
    """Inserts rows that all have the same columns; on PostgreSQL by COPY, which is ten times as fast and knows no
    defaults but constant ones.
    """
    if not rows:
        return
    table: Any = model if isinstance(model, sa.Table) else model.__table__
    connection = db.connection()
    if connection.dialect.name == "sqlite":
        connection.execute(sa.insert(table), rows)
        return
    constants = {
        column.name: column.default.arg
        for column in table.columns
        if column.default is not None and column.default.is_scalar and column.name not in rows[0]
    }
    names = [*constants, *rows[0]]
    kinds = [table.columns[name].type.dialect_impl(connection.dialect) for name in names]
    convert = [kind.bind_processor(connection.dialect) or unchanged for kind in kinds]
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f"COPY {table.name} ({', '.join(names)}) FROM STDIN") as copy:
        for row in rows:
            values = [*constants.values(), *row.values()]
            copy.write_row([process(value) for process, value in zip(convert, values, strict=True)])


def unchanged(value: Any) -> Any:
    return value
