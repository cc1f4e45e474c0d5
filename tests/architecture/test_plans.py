"""Each list is read along an index: no page's statement goes through a table that grows, or sorts one.

The statements are those that the pages run, taken down while they do; what the database says of them (EXPLAIN) is
read. A page costs the same however many posts there are, as far as plans can say; `bench/scale.py` measures it.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import cycle
from typing import Any
from urllib.parse import urljoin

import pytest
import sqlalchemy as sa
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.audit import AuditEntry
from myproject.bookmarks.services import add_bookmark
from myproject.cli.demo_bulk import Source, add_bulk
from myproject.comments import constants as COMMENT
from myproject.comments.models import Comment
from myproject.db import sessions_of, utc_now
from myproject.moderation import constants as MODERATION
from myproject.moderation.models import Case
from myproject.notifications import constants as NOTE
from myproject.notifications.models import Notification
from myproject.posts import constants as POST
from myproject.posts.models import Post, PostVisit, Tag, TopPost
from myproject.posts.services.tags import mute_tag
from myproject.posts.services.writing import render
from myproject.search import constants as SEARCH
from myproject.users import constants as USER
from myproject.users.models import User
from tests.conftest import Client
from tests.factories import make_post, make_user, sign_in

POSTS, COMMENTS = 4_000, 8_000
COMMENTS_OF_ONE = 1_000
NOTIFICATIONS, UNREAD = 1_500, 150
# What grows with a site. Everything else stays small: tags, sessions of one member.
LARGE = {
    *("users", "posts", "post_tags", "post_likes", "post_visits", "post_attention", "post_revisions", "top_posts"),
    *("comments", "comment_likes", "comment_revisions", "bookmarks", "search_entries", "audit_entries", "emails"),
    "notifications",
    *("moderation_cases", "flags", "comment_bans"),
}
# A node that handles no more rows than these does not grow: a page, its tags, the candidates of a search.
BOUND = 700
# All tags with posts: of each, posts are counted up to a number.
TAGS = ("garden", "bees", "roses", "sheds")
BOUND_OF_TAGS = (POST.TAG_COUNT_MAX + 1) * (len(TAGS) + 1)
# Common words are found among so many of the latest entries, and only what is rare by PostgreSQL's index of words,
# which gives all that match before the latest of them.
BOUND_OF_MATCHES = SEARCH.WINDOW
MATCHES = "@@"

# The front page of a member who has muted what all posts are tagged with.
OF_MUTER = "muted"
OF_MEMBERS = ("inbox", "notification settings", "drafts", "bookmarks")


@dataclass
class Statement:
    text: str
    values: Any


@pytest.fixture
def taken_down(app: Router) -> Callable[..., Any]:
    """`with taken_down() as statements:` collects the SELECTs run meanwhile, with their values."""

    @contextmanager
    def take() -> Iterator[list[Statement]]:
        engine, statements = sessions_of(app.registry).engine, []

        def remember(connection: sa.Connection, cursor: Any, text: str, values: Any, *rest: Any) -> None:
            if text.lstrip().upper().startswith(("SELECT", "WITH")):
                statements.append(Statement(text, values))

        engine.connect().close()
        sa.event.listen(engine, "before_cursor_execute", remember)
        try:
            yield statements
        finally:
            sa.event.remove(engine, "before_cursor_execute", remember)

    return take


def fill(app: Router, db: Session) -> list[int]:
    """Thousands of posts, one with a long thread, which is made last; gives the numbers of the members."""
    members = [make_user(db, f"member-{number}").id for number in range(20)]
    ann = make_user(db, "ann")
    texts = [render(title, f"Words about {title}.", [TAGS[0], title]) for title in TAGS[1:]]
    db.commit()
    source = Source(texts, [("A word.", "<p>A word.</p>")], [*members, ann.id])
    sessions = sessions_of(app.registry)
    for posts, comments in ((POSTS, COMMENTS), (1, COMMENTS_OF_ONE)):
        for _done in add_bulk(sessions, source, posts, comments):
            pass
    # Half of everything is ann's.
    for kind in (Post, Comment):
        db.execute(sa.update(kind).where(kind.id % 2 == 0).values(author_id=ann.id))
    # A year in which every post was liked.
    db.execute(sa.delete(TopPost).where(TopPost.span == POST.Span.YEAR))
    liked = sa.select(Post.id, sa.literal(int(POST.Span.YEAR)), Post.like_count + 1, Post.published_at)
    db.execute(sa.insert(TopPost).from_select(["post_id", "span", "like_count", "published_at"], liked))
    for number in range(50):
        make_post(db, ann, f"Draft {number}", publish=False)
    make_post(db, ann, "Of wasps")
    newest = db.scalars(sa.select(Post.id).order_by(Post.id.desc()).limit(300)).all()
    for post_id in newest:
        add_bookmark(db, ann.id, post_id)
    told = [
        {"user_id": user_id, "kind": NOTE.Kind.LIKE, "event": f"{number}", "post_id": newest[number % len(newest)]}
        # The oldest are unread, which is the longest way to them.
        | {"read_at": None if number < UNREAD else utc_now()}
        for user_id in (ann.id, *members)
        for number in range(NOTIFICATIONS)
    ]
    db.execute(sa.insert(Notification), told)
    db.commit()
    moderate(db)
    return members


def analyse(db: Session) -> None:
    """Has the database count what its tables and indexes hold. PostgreSQL does so by itself, SQLite never."""
    db.execute(sa.text("ANALYZE"))
    db.commit()


def moderate(db: Session) -> None:
    """Thousands of cases that staff have closed, and an audit to match; a few texts of each kind that wait."""
    posts = db.execute(sa.select(Post.id, Post.author_id).order_by(Post.id).limit(POSTS // 2)).all()
    closed, decisions = MODERATION.State.CLOSED, [MODERATION.Decision.REMOVED] + 9 * [MODERATION.Decision.KEPT]
    cases = [
        {"post_id": post.id, "author_id": post.author_id, "state": closed, "decision": decision}
        for post, decision in zip(posts, cycle(decisions), strict=False)
    ]
    db.execute(sa.insert(Case), cases)
    entry = {"actor_name": "boss", "action": "post.keep", "target_type": "posts"}
    db.execute(sa.insert(AuditEntry), [entry | {"target_id": number} for number, _author in posts])
    db.execute(sa.insert(AuditEntry), [entry | {"target_type": "emails", "target_id": 1} for _post in posts])
    some = db.scalars(sa.select(Case.id).order_by(Case.id).limit(30)).all()
    db.execute(sa.update(Case).where(Case.id.in_(some)).values(state=MODERATION.State.OPEN, decision=None))
    waiting = sa.select(Comment.id).order_by(Comment.id).limit(30).scalar_subquery()
    db.execute(sa.update(Comment).where(Comment.id.in_(waiting)).values(status=COMMENT.Status.WAITING))
    db.commit()


def lists(db: Session) -> dict[str, str]:
    """The address of each list, by what it is; but of no part of the site map, which has thousands by design."""
    longest = db.scalars(sa.select(Post).order_by(Post.comment_count.desc()).limit(1)).one()
    post = f"/posts/{longest.id}/{longest.slug}/"
    front = {sort: f"/?sort={sort}" for sort in POST.Sort}
    front |= {f"top of a {period}": f"/?sort=top&period={period}" for period in POST.Period}
    return {
        **front,
        **{f"{OF_MUTER}, {name}": f"{address}&muter" for name, address in front.items()},
        "author": "/@ann/",
        "posts of a member": "/@ann/posts/",
        "comments of a member": "/@ann/comments/",
        "drafts": "/drafts/",
        "bookmarks": "/bookmarks/",
        "all tags": "/tags/",
        "tag": "/tags/garden/",
        "inbox": "/notifications/",
        "notification settings": "/notifications/settings/",
        **{f"comments, {order}": f"{post}?order={order}" for order in COMMENT.Order},
        "search": "/search/?q=word",
        "search for what is rare": "/search/?q=wasps",
        "search for two words": "/search/?q=wasps+words+-bees",
        "search by much": "/search/?q=author:ann+tag:garden+before:2030",
        "feed": "/feed.atom",
        "feed of a tag": "/tags/garden/feed.atom",
        "feed of a member": "/@ann/feed.atom",
        "feed of a commenter": "/@ann/comments/feed.atom",
        "feed of a post": f"/posts/{longest.id}/feed.atom",
        "site maps": "/sitemap.xml",
        "log": "/moderation/log/",
        "queue": "/moderation/",
    }


def with_next(client: Client, address: str) -> Iterator[str]:
    """The address of a list and, where it goes on, that of its second page."""
    yield address
    page = client.get(address)
    if page.content_type == "text/html" and (link := page.html.find("a", rel="next")):
        yield urljoin(address, str(link["href"]))


# SQLite

# A table that stands twice in a statement has an alias, such as `comments_1`.
NUMBER_OF_ALIAS = re.compile(r"_\d+$")
# Of its virtual machine: a page of fifty comments takes some 20,000.
STEPS, GRAIN = 40_000, 100


def faults_on_sqlite(connection: sa.Connection, statement: Statement) -> Iterator[str]:
    """Whole tables in the plan, and more steps than a page takes: how many rows it sorts, SQLite does not say."""
    for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement.text}", statement.values):
        words = row.detail.split()
        if words[0] == "SCAN" and NUMBER_OF_ALIAS.sub("", words[1]) in LARGE and "INDEX" not in words:
            yield row.detail
    grains = 0

    def count() -> int:
        nonlocal grains
        grains += 1
        return 0

    driver: Any = connection.connection.driver_connection
    driver.set_progress_handler(count, GRAIN)
    connection.exec_driver_sql(statement.text, statement.values).fetchall()
    driver.set_progress_handler(None, 0)
    if grains * GRAIN > STEPS:
        yield f"{grains * GRAIN} steps"


def sorts_on_sqlite(connection: sa.Connection, statement: Statement) -> Iterator[str]:
    """What is sorted in the plan: all that there is, for a page of it."""
    for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement.text}", statement.values):
        if row.detail.startswith("USE TEMP B-TREE FOR ORDER BY"):
            yield row.detail


# PostgreSQL


def faults_on_postgresql(connection: sa.Connection, statement: Statement) -> Iterator[str]:
    """Nodes of the plan that handled more rows than a page has.

    With so few rows, to read a whole table, or all that an index finds, into memory once is thought cheaper than
    to go to an index for each row of a page. Such ways are closed, to see whether there is the one along the
    indexes, which a large table needs.
    """
    for way in ("seqscan", "bitmapscan", "hashjoin", "mergejoin", "material"):
        connection.exec_driver_sql(f"SET LOCAL enable_{way} = off")
    yield from faults_as_it_comes(connection, statement)


def faults_as_it_comes(connection: sa.Connection, statement: Statement, bound: int = BOUND) -> Iterator[str]:
    """Those of the plan that PostgreSQL takes by itself, for what has rows enough."""
    explained = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement.text}", statement.values)
    yield from faults_of(explained.scalar_one()[0]["Plan"], bound)


def faults_of(node: dict[str, Any], bound: int) -> Iterator[str]:
    handled = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
    if handled > bound:
        yield f"{node['Node Type']} {node.get('Relation Name', '')} {node.get('Index Name', '')}: {handled} rows"
    for below in node.get("Plans", ()):
        yield from faults_of(below, bound)


def test_lists_are_read_along_indexes(
    app: Router, db: Session, client: Client, make_client: Callable[..., Client], taken_down: Any, backend: str
) -> None:
    members = fill(app, db)
    ann = db.scalars(sa.select(User).where(User.name == "ann")).one()
    see_long_ago(db, ann, members[0])
    if backend == "postgresql":
        analyse(db)
    guest, staff, muter = make_client(), make_client(), make_client()
    sign_in(client, ann)
    sign_in(staff, make_user(db, "boss", role=USER.Role.STAFF))
    mel = make_user(db, "mel")
    mute_tag(db, mel.id, db.scalars(sa.select(Tag.id).where(Tag.name == "garden")).one(), on=True)
    sign_in(muter, mel)
    only = {"queue": staff, **dict.fromkeys(OF_MEMBERS, client)}
    asked: list[tuple[str, str, Statement]] = []
    for name, first in lists(db).items():
        special = muter if name.startswith(OF_MUTER) else only.get(name)
        for reader in (special,) if special else (guest, client):
            for address in with_next(reader, first):
                app.registry["cache"].touch(["site"])
                with taken_down() as statements:
                    reader.get(address)
                db.commit()
                asked += ((name, address, statement) for statement in statements)
    assert {name for name, _address, _statement in asked} == set(lists(db))
    if backend == "postgresql":
        assert list(faults_of_all(db, asked, faults_on_postgresql)) == []
        return
    assert list(faults_of_all(db, asked, faults_on_sqlite)) == []
    analyse(db)
    assert list(faults_of_all(db, asked, faults_on_sqlite)) == []


def see_long_ago(db: Session, member: User, other_id: int) -> None:
    """Of the longest thread, all comments are new to `member`; another one has seen every post."""
    longest = sa.select(Post.id).order_by(Post.comment_count.desc()).limit(1).scalar_subquery()
    long_ago = sa.literal(datetime(2000, 1, 1, tzinfo=UTC), PostVisit.seen_at.type)
    for user_id, which in ((member.id, Post.id == longest), (other_id, sa.true())):
        seen = sa.select(sa.literal(user_id), Post.id, long_ago, long_ago).where(which)
        db.execute(sa.insert(PostVisit).from_select(["user_id", "post_id", "seen_at", "new_since"], seen))
    db.commit()


def faults_of_all(
    db: Session, asked: Sequence[tuple[str, str, Statement]], faults_in: Callable[..., Iterator[str]]
) -> Iterator[tuple[str, str, list[str], str]]:
    on_postgresql = faults_in is faults_on_postgresql
    for name, address, statement in asked:
        if on_postgresql and MATCHES in statement.text:
            # A table as small as this is read as soon as gone to by its index.
            db.execute(sa.text("SET LOCAL enable_seqscan = off"))
            faults = list(faults_as_it_comes(db.connection(), statement, BOUND_OF_MATCHES))
        elif on_postgresql and name == "all tags":
            faults = list(faults_as_it_comes(db.connection(), statement, BOUND_OF_TAGS))
        else:
            faults = list(faults_in(db.connection(), statement))
        if name.startswith("feed") and not on_postgresql:
            faults += sorts_on_sqlite(db.connection(), statement)
        db.commit()
        if on_postgresql and "WITH tops" in statement.text:
            # To read all of so few members is right.
            found_here = faults_as_it_comes(db.connection(), statement)
            faults += [fault for fault in found_here if " comments " in fault]
            db.commit()
        if faults:
            yield name, address, faults, statement.text
