"""Keeping the index: an entry is written in the transaction in which its post or comment is.

What stands in the index is what was in the open once. Who may see it now is asked when somebody searches, so that
removing and putting back is nothing to the index. A text that was emptied, or is gone, is gone from it too.
"""

import hashlib
import heapq
import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.comments import constants as COMMENT
from myproject.comments.models import Comment
from myproject.db import Sessions, publish
from myproject.personal_data import Person
from myproject.posts import constants as POST
from myproject.posts.models import Post
from myproject.posts.services.links import with_link
from myproject.search import constants as SEARCH
from myproject.search.models import SearchEntry
from myproject.search.services.words import EVERY, GAP, IN_TITLE, author_mark, link_mark, words_of, year_mark

HREF = re.compile(r'<a [^>]*?href="(https?://[^"]{1,2000})"', re.I)
LINKS_MAX = 50
# Says where a reader came from, not what is there.
TRACKING = re.compile(r"utm_\w+|fbclid|gclid|ref", re.I)


@dataclass(frozen=True)
class WordsErased:
    """Event: words of a member who has gone leave the index, in this transaction."""

    db: Session


def entry_words(
    title: str, body: str, body_html: str, author_id: int, moment: datetime | None, *, is_post: bool
) -> list[str]:
    """What of a text goes into the index: what is known of it, its title, its words."""
    words = [EVERY, author_mark(author_id)]
    if moment is not None:
        words.append(year_mark(moment.astimezone(UTC).year))
    if is_post:
        words += (link_mark(digest) for digest in link_digests(body_html))
    in_title = words_of(title)
    # Gaps, so that no phrase goes on from one part to the next.
    return [*words, GAP, *(IN_TITLE + word for word in in_title), GAP, *in_title, GAP, *words_of(body)]


def link_digests(body_html: str) -> list[str]:
    """The links of a rendered text to other sites, the first fifty, each as 16 hexadecimal digits."""
    links = dict.fromkeys(html.unescape(found) for found in HREF.findall(body_html)[:LINKS_MAX])
    return [link_digest(link) for link in links]


def link_digest(link: str) -> str:
    """The same for addresses that lead to the same: without scheme, `www.`, fragment and words of tracking."""
    try:
        parts = urlsplit(link)
    except ValueError:
        return hashlib.sha256(link.encode(errors="replace")).hexdigest()[:16]
    query = urlencode([pair for pair in parse_qsl(parts.query) if not TRACKING.fullmatch(pair[0])])
    plain = f"{parts.netloc.lower().removeprefix('www.')}{parts.path.rstrip('/')}?{query}"
    return hashlib.sha256(plain.encode(errors="replace")).hexdigest()[:16]


def index_post(connection: sa.Connection, post: Post) -> None:
    """Writes a post's entry, on the connection of the transaction in which the post is written."""
    if post.title and post.body:
        if post.status == POST.Status.PUBLISHED:
            whole = with_link(post.link_url, post.body_html)
            words = entry_words(post.title, post.body, whole, post.author_id, post.published_at, is_post=True)
            keep(connection, SearchEntry.post_id, post.id, words)
    else:
        forget(connection, SearchEntry.post_id, post.id)


def index_comment(connection: sa.Connection, comment: Comment) -> None:
    """The same for a comment; for a hidden one too, as many come back by one statement. What nobody may see, no
    search finds.
    """
    if comment.body:
        if comment.status in (COMMENT.Status.PUBLISHED, COMMENT.Status.HIDDEN):
            words = entry_words(
                "", comment.body, comment.body_html, comment.author_id, comment.created_at, is_post=False
            )
            keep(connection, SearchEntry.comment_id, comment.id, words)
    else:
        forget(connection, SearchEntry.comment_id, comment.id)


def keep(
    connection: sa.Connection, column: sa.orm.InstrumentedAttribute[int | None], number: int, words: list[str]
) -> None:
    # The row of the post or comment is locked by now: nobody else writes this entry meanwhile.
    changed = connection.execute(sa.update(SearchEntry).where(column == number).values(words=words))
    if changed.rowcount == 0:
        connection.execute(sa.insert(SearchEntry).values({column.key: number, "words": words}))


def forget(connection: sa.Connection, column: sa.orm.InstrumentedAttribute[int | None], number: int) -> None:
    connection.execute(sa.delete(SearchEntry).where(column == number))


def erase_entries(db: Session, person: Person, removing: bool) -> None:
    """Forgets the words of a member's posts and comments where they go, whether their rows do or are emptied; and
    tells that words go, these or those of removed texts.
    """
    if removing:
        posts = sa.select(Post.id).where(Post.author_id == person.id)
        comments = sa.select(Comment.id).where(Comment.author_id == person.id)
        for which in (SearchEntry.post_id.in_(posts), SearchEntry.comment_id.in_(comments)):
            db.execute(sa.delete(SearchEntry).where(which), execution_options={"synchronize_session": False})
    publish(db, WordsErased(db))


def forget_purged(db: Session) -> None:
    """Forgets the words of removed texts that were emptied in bulk, past the flush that writes the index."""
    posts = sa.select(Post.id).where(Post.removed_at.is_not(None), Post.body == "")
    comments = sa.select(Comment.id).where(Comment.removed_at.is_not(None), Comment.body == "")
    for which in (SearchEntry.post_id.in_(posts), SearchEntry.comment_id.in_(comments)):
        db.execute(sa.delete(SearchEntry).where(which), execution_options={"synchronize_session": False})


def export_nothing(db: Session, person: Person) -> Iterator[tuple[str, Iterator[str]]]:
    """The index holds nothing of a member that their posts and comments don't."""
    yield from ()


def reindex(sessions: Sessions, *, anew: bool = False) -> Iterator[int]:
    """Writes all entries again, oldest text first, in small transactions while the site runs; gives how many it
    has written so far. `anew` empties the index first: then numbers are in the order of time again.
    """
    if anew:
        with sessions.writing() as db:
            db.execute(sa.delete(SearchEntry))
    done = 0
    batch: list[tuple[type[Post] | type[Comment], int]] = []
    for _moment, kind, number in heapq.merge(numbers(sessions, Post), numbers(sessions, Comment)):
        batch.append((Post if kind == "Post" else Comment, number))
        if len(batch) == SEARCH.REINDEX_BATCH:
            done += write_batch(sessions, batch)
            yield done
            batch = []
    yield done + write_batch(sessions, batch)


def numbers(sessions: Sessions, model: type[Post] | type[Comment]) -> Iterator[tuple[Any, str, int]]:
    """(moment, name of the model, number) of what came into the open, oldest first, read page by page."""
    moment = Post.published_at if model is Post else Comment.created_at
    statement = sa.select(moment, model.id).where(moment.is_not(None)).order_by(moment, model.id).limit(1000)
    after: sa.ColumnElement[bool] = sa.true()
    while True:
        with sessions.reading() as db:
            rows = db.execute(statement.where(after)).all()
        for when, number in rows:
            yield when, model.__name__, number
        if not rows:
            return
        when, number = rows[-1]
        after = sa.tuple_(moment, model.id) > sa.tuple_(sa.literal(when, moment.type), sa.literal(number))


def write_batch(sessions: Sessions, batch: list[tuple[type[Post] | type[Comment], int]]) -> int:
    with sessions.writing() as db:
        connection = db.connection()
        for model, number in batch:
            # Locked, as whoever writes the text has it.
            row = db.get(model, number, with_for_update=True)
            if isinstance(row, Post):
                index_post(connection, row)
            elif isinstance(row, Comment):
                index_comment(connection, row)
    return len(batch)
