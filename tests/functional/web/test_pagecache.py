"""Pages for guests come from the cache while they are right, and are nobody's own."""

import gzip
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager

import pytest
from pyramid.router import Router
from sqlalchemy.orm import Session
from webob import Request, Response

from myproject.audit import COMMAND_LINE
from myproject.cache import Cache
from myproject.posts.models import Post
from myproject.posts.services.writing import edit_post, render
from myproject.users import constants as USER
from myproject.users.models import User
from myproject.users.services import roles
from tests.conftest import Client, form_with
from tests.factories import make_comment, make_post, make_user, sign_in

pytestmark = pytest.mark.one_database

QueryCounter = Callable[..., AbstractContextManager[list[str]]]


@pytest.fixture
def ann(db: Session) -> User:
    """A member with a post and a comment."""
    user = make_user(db, "ann")
    make_comment(db, make_post(db, user, "Of tea"), user, "With milk")
    db.commit()
    return user


def raw(client: Client, path: str, **headers: str) -> Response:
    """An answer as it is sent: WebTest's own are unpacked. Without the client's cookies."""
    environ = client.extra_environ | {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    return Request.blank(path, environ).get_response(client.app)


def cookies_of(client: Client) -> str:
    return "; ".join(f"{name}={value}" for name, value in client.cookies.items())


PAGES = ["/", "/?sort=active", "/posts/1/of-tea/", "/@ann/", "/about/", "/terms/"]
PAGES += ["/posts/1/history/", "/comments/1/history/"]


@pytest.mark.parametrize("path", PAGES)
def test_the_second_guest_is_answered_without_a_query(
    make_client: Callable[..., Client], ann: User, query_counter: QueryCounter, path: str
) -> None:
    first = make_client().get(path)
    with query_counter() as statements:
        second = make_client().get(path)
    assert statements == []
    assert second.body == first.body
    assert second.headers["ETag"] == first.headers["ETag"]
    assert second.headers["Cache-Control"] == "public, max-age=0, must-revalidate"
    assert "Cookie" in second.headers["Vary"]


def test_a_permalink_leads_the_second_guest_without_a_query_and_to_where_the_comment_is_now(
    make_client: Callable[..., Client], db: Session, ann: User, query_counter: QueryCounter
) -> None:
    first = make_client().get("/comments/1/", status=303)
    with query_counter() as statements:
        second = make_client().get("/comments/1/", status=303, headers={"If-None-Match": first.headers["ETag"]})
    assert statements == []
    assert first.location == second.location == "http://localhost/posts/1/of-tea/#comment-1"
    edit_post(db, 1, 1, render("Of coffee", "Black", ()))
    db.commit()
    assert make_client().get("/comments/1/").location == "http://localhost/posts/1/of-coffee/#comment-1"


def test_the_first_guest_costs_queries(client: Client, ann: User, query_counter: QueryCounter) -> None:
    with query_counter() as statements:
        client.get("/")
    assert statements != []


def test_who_has_the_page_already_gets_no_body(client: Client, ann: User) -> None:
    etag = client.get("/").headers["ETag"]
    answer = client.get("/", headers={"If-None-Match": etag}, status=304)
    assert answer.body == b""
    assert answer.headers["ETag"] == etag
    client.get("/", headers={"If-None-Match": '"another"'}, status=200)


def test_asking_for_the_headers_alone_keeps_no_empty_page(make_client: Callable[..., Client], ann: User) -> None:
    assert make_client().head("/").body == b""
    assert "Of tea" in make_client().get("/")
    assert make_client().head("/").headers["ETag"] == make_client().get("/").headers["ETag"]


def test_other_queries_are_other_pages(make_client: Callable[..., Client], db: Session, ann: User) -> None:
    make_post(db, ann, "Of coffee")
    make_comment(db, make_post(db, ann, "Of cocoa"), ann)
    for _ in range(2):
        active = make_client().get("/?sort=active").text
        new = make_client().get("/").text
        assert active != new


def test_an_error_is_not_kept(client: Client, db: Session) -> None:
    client.get("/posts/1/", status=404)
    client.get("/@ann/", status=404)
    make_post(db, make_user(db, "ann"), "Of tea")
    client.get("/posts/1/", status=301)
    client.get("/@ann/", status=200)


# Compressed


def test_a_kept_page_is_compressed_for_who_takes_that(
    make_client: Callable[..., Client], ann: User, query_counter: QueryCounter
) -> None:
    plain = raw(make_client(), "/")
    first = raw(make_client(), "/", accept_encoding="gzip, br")
    with query_counter() as statements:
        packed = raw(make_client(), "/", accept_encoding="br, gzip;q=0.5")
    assert statements == []
    assert packed.headers["Content-Encoding"] == first.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert packed.headers["ETag"] != plain.headers["ETag"]
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert "Accept-Encoding" in plain.headers["Vary"]
    fresh = raw(make_client(), "/", accept_encoding="gzip", if_none_match=packed.headers["ETag"])
    assert fresh.status_int == 304
    assert "Content-Encoding" not in fresh.headers


@pytest.mark.parametrize("header", ["", "identity", "gzip;q=0", "br", "x;;;", "gzip, " * 100])
def test_a_kept_page_is_plain_for_others(make_client: Callable[..., Client], ann: User, header: str) -> None:
    for _ in range(2):
        answer = raw(make_client(), "/", accept_encoding=header)
        assert "Content-Encoding" not in answer.headers
        assert "Of tea" in answer.text


def test_a_members_page_is_never_compressed(client: Client, ann: User) -> None:
    sign_in(client, ann)
    client.get("/")
    for path in PAGES:
        answer = raw(client, path, accept_encoding="gzip", cookie=cookies_of(client))
        assert "Sign out" in answer.text
        assert "Content-Encoding" not in answer.headers


def test_of_many_guests_at_once_one_makes_the_page(
    app: Router, client: Client, ann: User, query_counter: QueryCounter
) -> None:
    with query_counter() as one:
        client.get("/")
    cache: Cache = app.registry["cache"]
    cache.touch(["posts"])
    start = threading.Barrier(8)

    def ask(_: int) -> bytes:
        start.wait()
        return raw(client, "/").body

    with query_counter() as statements, ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(ask, range(8)))) == 1
    assert len(statements) <= len(one)


# What ends a page


def test_a_new_post_is_on_the_next_front_page(client: Client, db: Session, ann: User) -> None:
    assert "Of coffee" not in client.get("/")
    make_post(db, ann, "Of coffee")
    assert "Of coffee" in client.get("/")


def test_a_post_published_in_the_browser_is_on_the_next_front_page(
    make_client: Callable[..., Client], client: Client, ann: User
) -> None:
    guest = make_client()
    guest.get("/")
    guest.get("/@ann/")
    sign_in(client, ann)
    form = form_with(client.get("/posts/new/"), "title")
    form["title"], form["body"] = "Of coffee", "Black."
    form.submit("publish", status=303)
    assert "Of coffee" in guest.get("/")
    assert "Of coffee" in guest.get("/@ann/")


def test_a_new_comment_is_on_the_posts_page_and_in_the_lists_count(client: Client, db: Session, ann: User) -> None:
    before = client.get("/").text
    assert "With lemon" not in client.get("/posts/1/of-tea/")
    make_comment(db, db.get_one(Post, 1), ann, "With lemon")
    assert "With lemon" in client.get("/posts/1/of-tea/")
    assert client.get("/").text != before


def test_an_edited_post_is_shown_as_it_is_now(
    make_client: Callable[..., Client], client: Client, ann: User
) -> None:
    guest = make_client()
    guest.get("/")
    guest.get("/posts/1/of-tea/")
    sign_in(client, ann)
    form = form_with(client.get("/posts/1/edit/"), "title")
    form["title"] = "Of green tea"
    form.submit("save", status=303)
    assert "Of green tea" in guest.get("/")
    assert guest.get("/posts/1/of-tea/", status=301).location.endswith("/posts/1/of-green-tea/")


@pytest.mark.parametrize("path", ["/", "/posts/1/of-tea/", "/@ann/"])
def test_a_new_name_is_shown_at_once(
    make_client: Callable[..., Client], client: Client, ann: User, path: str
) -> None:
    guest = make_client()
    guest.get(path)
    sign_in(client, ann)
    form = form_with(client.get("/users/me/edit/"), "display_name")
    form["display_name"] = "Ann of the Teas"
    form.submit(status=303)
    assert "Ann of the Teas" in guest.get(path)


def test_the_profile_of_a_shut_account_is_gone_at_once(client: Client, db: Session, ann: User) -> None:
    client.get("/@ann/", status=200)
    roles.change_status(db, COMMAND_LINE, ann.id, USER.Status.INACTIVE, "spam")
    client.get("/@ann/", status=404)


@pytest.mark.parametrize("path", ["/", "/@ann/"])
def test_a_new_role_is_shown_at_once(client: Client, db: Session, ann: User, path: str) -> None:
    assert not client.get(path).html.select(".badge-staff")
    roles.change_role(db, COMMAND_LINE, ann.id, USER.Role.STAFF, "helps out")
    assert client.get(path).html.select(".badge-staff")


def test_what_was_rolled_back_does_not_end_a_page(
    client: Client, db: Session, ann: User, query_counter: QueryCounter
) -> None:
    client.get("/")
    make_post(db, ann, "Of coffee")
    db.rollback()
    with query_counter() as statements:
        client.get("/")
    assert statements == []


# Nobody's own


@pytest.mark.parametrize("path", PAGES)
def test_a_members_page_is_not_shown_to_guests(
    make_client: Callable[..., Client], client: Client, ann: User, path: str
) -> None:
    sign_in(client, ann)
    own = client.get(path)
    assert "Sign out" in own
    assert "ETag" not in own.headers
    guests = make_client().get(path)
    assert "Sign out" not in guests
    assert "csrf_token" not in guests


@pytest.mark.parametrize("path", PAGES)
def test_a_guests_page_is_not_shown_to_members(
    make_client: Callable[..., Client], client: Client, ann: User, path: str
) -> None:
    make_client().get(path)
    sign_in(client, ann)
    assert "Sign out" in client.get(path)


def test_a_guests_message_is_for_that_guest_alone(make_client: Callable[..., Client], db: Session) -> None:
    make_user(db, "ann")
    client = make_client()
    client.login("ann")
    left = client.logout().follow()
    assert "You have signed out" in left
    assert "You have signed out" not in make_client().get("/")
    assert "You have signed out" not in client.get("/")


def test_a_guest_with_a_form_open_shares_the_page_and_gets_no_cookie(
    make_client: Callable[..., Client], ann: User, query_counter: QueryCounter
) -> None:
    client = make_client()
    client.get("/users/login/")
    assert "guest" in client.cookies
    page = client.get("/")
    assert "Set-Cookie" not in page.headers
    with query_counter() as statements:
        make_client().get("/")
    assert statements == []


def test_a_session_that_ended_shows_a_page_of_its_own(client: Client, ann: User) -> None:
    client.set_cookie("session", "x" * 43)
    page = client.get("/")
    assert "Sign out" not in page
    assert "Of tea" in page


def test_pages_with_a_form_are_never_shared(make_client: Callable[..., Client]) -> None:
    for path in ("/users/login/", "/users/register/", "/users/lost-password/"):
        first, second = make_client().get(path), make_client().get(path)
        assert first.headers["Cache-Control"] == "no-store"
        assert first.forms[0]["csrf_token"].value != second.forms[0]["csrf_token"].value


def test_without_the_cache_pages_are_made_anew(
    make_app: Callable[..., Router], make_client: Callable[..., Client], db: Session, ann: User
) -> None:
    app = make_app(cache_guest_seconds=0)
    page = make_client(app).get("/")
    assert page.headers["Cache-Control"] == "no-store"
    assert "Of tea" in page
