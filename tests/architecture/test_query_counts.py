"""Each kind of page asks the database at most four times, however many rows there are."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.comments.models import Comment
from myproject.comments.services.writing import path_of
from myproject.db import utc_now
from myproject.posts.models import Post
from myproject.users import constants as USER
from myproject.users.models import User
from tests.conftest import Client
from tests.factories import make_post, make_user, sign_in

MOST = 4
FEW = 5
COMMENTS = 50
TIMES = 10

Counter = Callable[..., AbstractContextManager[list[str]]]


@pytest.fixture
def ann(db: Session) -> User:
    return make_user(db, "ann")


@pytest.fixture
def post(db: Session, ann: User) -> Post:
    return make_post(db, ann, tags=["one", "two"])


@pytest.fixture
def member(client: Client, db: Session) -> Client:
    """An admin, who sees all pages, and whose identity is in the cache."""
    sign_in(client, make_user(db, "root-of-all", role=USER.Role.ADMIN))
    client.get("/about/")
    return client


@pytest.fixture
def guest(make_client: Callable[..., Client]) -> Client:
    return make_client()


def add_posts(db: Session, author: User, number: int) -> None:
    for count in range(number):
        make_post(db, author, f"Post {count}", tags=["one", f"tag-{count}"])


def add_comments(db: Session, post: Post, author: User, number: int) -> None:
    """Adds comments, every second a reply to the one before."""
    last = db.scalar(sa.select(sa.func.max(Comment.id))) or 0
    rows = []
    for count in range(last + 1, last + number + 1):
        parent = count - 1 if count % 2 == 0 else None
        values = {"body": "A word", "body_html": "<p>A word</p>", "body_renderer": 1}
        rows.append(
            values
            | {"id": count, "post_id": post.id, "author_id": author.id, "created_at": utc_now(), "version": 1}
            | {"parent_id": parent, "path": path_of(count, path_of(parent) if parent else "")}
        )
    db.execute(sa.insert(Comment), rows)
    post.comment_count += number


def count(counter: Counter, client: Client, address: str) -> int:
    """How many statements a page takes that no cache holds."""
    # What the test itself has still to write is not the page's.
    client.db.commit()
    # Every page shows something of this.
    client.app.registry["cache"].touch(["site"])
    with counter() as statements:
        page = client.get(address, status=200)
    assert len(page.body) > 1000
    assert len(statements) <= MOST, statements
    return len(statements)


def test_home(member: Client, guest: Client, db: Session, ann: User, query_counter: Counter) -> None:
    for order in ("new", "active"):
        add_posts(db, ann, FEW)
        few = [count(query_counter, each, f"/?sort={order}&few") for each in (member, guest)]
        add_posts(db, ann, FEW * TIMES - FEW)
        many = [count(query_counter, each, f"/?sort={order}&many") for each in (member, guest)]
        assert few == many
        assert few[1] < few[0]


def test_post_with_comments(
    member: Client, guest: Client, db: Session, ann: User, post: Post, query_counter: Counter
) -> None:
    address = f"/posts/{post.id}/{post.slug}/"
    add_comments(db, post, ann, COMMENTS)
    few = [count(query_counter, each, f"{address}?few") for each in (member, guest)]
    add_comments(db, post, ann, COMMENTS * TIMES - COMMENTS)
    many = [count(query_counter, each, f"{address}?many") for each in (member, guest)]
    assert few == many
    assert few[1] < few[0]


def test_profile(
    member: Client, guest: Client, db: Session, ann: User, post: Post, query_counter: Counter
) -> None:
    few = [count(query_counter, each, "/@ann/?few") for each in (member, guest)]
    add_posts(db, ann, TIMES)
    add_comments(db, post, ann, TIMES)
    many = [count(query_counter, each, "/@ann/?many") for each in (member, guest)]
    assert few == many
    assert few[1] < few[0]


def test_member_list(member: Client, db: Session, query_counter: Counter) -> None:
    few = count(query_counter, member, "/admin/users/")
    for number in range(FEW * TIMES):
        make_user(db, f"member-{number}")
    assert count(query_counter, member, "/admin/users/") == few
    assert count(query_counter, member, "/admin/users/?q=member&role=2&status=2") == few


@pytest.mark.parametrize("page", ["home", "post", "profile"])
def test_a_guest_who_comes_second_costs_no_statement(
    guest: Client, make_client: Callable[..., Client], post: Post, query_counter: Counter, page: str
) -> None:
    address = {"home": "/", "post": f"/posts/{post.id}/{post.slug}/", "profile": "/@ann/"}[page]
    guest.get(address)
    with query_counter() as statements:
        first, second = guest.get(address), make_client().get(address)
    assert statements == []
    assert first.body == second.body


@pytest.mark.parametrize("page", ["home", "post", "profile"])
def test_the_first_page_of_a_process_costs_a_member_no_more(
    client: Client, db: Session, ann: User, post: Post, query_counter: Counter, page: str
) -> None:
    address = {"home": "/", "post": f"/posts/{post.id}/{post.slug}/", "profile": "/@ann/"}[page]
    add_comments(db, post, ann, COMMENTS)
    # No admin: whether the site takes posts and comments is asked for others only.
    sign_in(client, make_user(db, "bob"))
    assert count(query_counter, client, address) <= MOST
    # Nor does a page where the process knows them, and nothing else any more; nor where all but that is known.
    client.get("/about/")
    client.app.registry["cache"].kept.clear()
    assert count(query_counter, client, address) <= MOST
    client.app.registry["cache"].empty()
    assert count(query_counter, client, address) <= MOST


def test_a_member_of_whom_no_cache_holds_anything_costs_one_statement_more(
    client: Client, db: Session, ann: User, query_counter: Counter
) -> None:
    sign_in(client, ann)
    db.commit()
    # What of their inbox is unread; who they are comes with their session.
    with query_counter() as cold:
        client.get("/users/me/")
    with query_counter() as warm:
        client.get("/users/me/")
    assert (len(cold), len(warm)) == (2, 1)
