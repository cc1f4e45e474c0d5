"""The front page: newest and active posts, page by page; tags; one's own drafts."""

import base64
import struct
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain

import pytest
import sqlalchemy as sa
import webtest
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.cli.demo_bulk import Source, add_bulk
from myproject.db import sessions_of, utc_now
from myproject.posts import constants as POST
from myproject.posts.models import Post, Tag
from myproject.posts.services.tags import mute_tag
from myproject.posts.services.tops import fill_tops
from myproject.posts.services.writing import publish_post, render
from myproject.users import constants as USER
from myproject.users.models import User
from tests.conftest import Client
from tests.factories import make_comment, make_post, make_user, sign_in

NUMBER = 2 * POST.PAGE_SIZE + 3
START = utc_now() - timedelta(days=2)


@pytest.fixture
def ann(db: Session) -> User:
    return make_user(db, "ann")


def titles(page: webtest.TestResponse) -> list[str]:
    return [link.get_text(strip=True) for link in page.html.select(".post-title a")]


def older(page: webtest.TestResponse) -> str | None:
    """The address behind "Older", None on the last page."""
    link = page.html.select_one("a[rel=next]")
    return None if link is None else str(link["href"])


def walk(client: Client, address: str) -> Iterator[list[str]]:
    """The titles of each page of a list."""
    following: str | None = address
    while following:
        page = client.get(following)
        yield titles(page)
        following = older(page)


def make_posts(db: Session, author: User, number: int = NUMBER) -> list[str]:
    """Titles of new posts, newest first."""
    return [make_post(db, author, f"Post {count}").title for count in range(number)][::-1]


def test_an_empty_site_says_so(client: Client) -> None:
    page = client.get("/")
    assert titles(page) == []
    assert "No posts yet" in page


@pytest.mark.parametrize("address", ["/", "/?sort=new", "/?sort=active"])
def test_pages_show_every_post_once_and_the_latest_first(
    client: Client, db: Session, ann: User, address: str
) -> None:
    made = make_posts(db, ann)
    pages = list(walk(client, address))
    assert [len(page) for page in pages] == [20, 20, 3]
    assert list(chain.from_iterable(pages)) == made


def test_posts_of_the_same_moment_are_all_shown_once(client: Client, db: Session, ann: User) -> None:
    made = make_posts(db, ann)
    db.execute(sa.update(Post).values(published_at=datetime(2026, 1, 1, tzinfo=UTC)))
    assert list(chain.from_iterable(walk(client, "/"))) == made


@pytest.mark.parametrize("address", ["/", "/?sort=active"])
def test_a_post_that_appears_meanwhile_neither_repeats_nor_skips_one(
    client: Client, db: Session, ann: User, address: str
) -> None:
    made = make_posts(db, ann)
    seen = []
    for page in walk(client, address):
        seen += page
        make_post(db, ann, "Another")
    assert seen == made


def test_a_post_that_was_answered_comes_first_among_the_active(client: Client, db: Session, ann: User) -> None:
    posts = [make_post(db, ann, title) for title in ("Old", "New")]
    assert titles(client.get("/?sort=active")) == ["New", "Old"]
    make_comment(db, posts[0], ann)
    assert titles(client.get("/?sort=active")) == ["Old", "New"]
    assert titles(client.get("/")) == ["New", "Old"]


def test_a_comment_on_a_post_shown_already_does_not_repeat_it(client: Client, db: Session, ann: User) -> None:
    posts = [make_post(db, ann, f"Post {count}") for count in range(NUMBER)]
    seen = []
    for page in walk(client, "/?sort=active"):
        seen += page
        make_comment(db, posts[-1], ann)
    assert sorted(seen) == sorted(post.title for post in posts)


def cursor(microseconds: int, number: int) -> str:
    return base64.urlsafe_b64encode(struct.pack(">qq", microseconds, number)).decode().rstrip("=")


BAD_CURSORS = {
    "empty": "",
    "a word": "garbage",
    "too short": cursor(0, 1)[:-4],
    "too long": cursor(0, 1) + "AAAA",
    "other letters": "!" * 22,
    "no ASCII": "%C3%A9" * 22,
    "after all time": cursor(2**63 - 1, 2**63 - 1),
    "before all time": cursor(-(2**63), -(2**63)),
    "an injection": "'%20OR%201=1--",
}


@pytest.mark.parametrize("after", BAD_CURSORS.values(), ids=BAD_CURSORS)
def test_a_cursor_that_is_none_of_ours_is_not_found(client: Client, after: str) -> None:
    client.get(f"/?after={after}", status=404)
    client.get(f"/?sort=active&after={after}", status=404)


def test_a_cursor_of_another_time_shows_what_stands_after_it(client: Client, db: Session, ann: User) -> None:
    make_post(db, ann)
    late, early = (datetime(year, 1, 1, tzinfo=UTC) for year in (9999, 1))
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    after = {
        year: cursor((moment - epoch) // timedelta(microseconds=1), 2**63 - 1)
        for year, moment in (("late", late), ("early", early))
    }
    assert titles(client.get(f"/?after={after['late']}")) == ["A post"]
    assert titles(client.get(f"/?after={after['early']}")) == []


def test_an_order_that_there_is_not_is_not_found(client: Client) -> None:
    client.get("/?sort=best", status=404)
    client.get("/?sort=", status=404)


def test_a_list_shows_author_excerpt_tags_and_how_many_comments(client: Client, db: Session, ann: User) -> None:
    ann.display_name = "Ann of the Mill"
    post = make_post(db, ann, "A title", body="# Head\n\nSome **text**.", tags=["mill", "water"])
    make_comment(db, post, ann)
    item = client.get("/").html.select_one(".post-item")
    assert item.select_one(".byline a").get_text() == "Ann of the Mill"
    assert item.select_one(".byline a")["href"] == "/@ann/"
    assert item.select_one(".post-excerpt").get_text() == "Head Some text."
    assert [tag.get_text() for tag in item.select(".tag")] == ["mill", "water"]
    assert item.select_one(".comment-count strong").get_text() == "1"


def test_markup_in_a_title_is_text(client: Client, db: Session, ann: User) -> None:
    title = "<script>alert(1)</script> & <b>"
    make_post(db, ann, title)
    page = client.get("/")
    assert titles(page) == [title]
    assert "<script>alert" not in page


def test_a_members_page_of_the_list_is_not_given_to_guests(
    client: Client, make_client: Callable[..., Client], db: Session, ann: User
) -> None:
    sign_in(client, ann)
    member, guest = client.get("/"), make_client().get("/")
    assert "Sign out" in member
    assert member.headers["Cache-Control"] == "no-store"
    assert "Sign out" not in guest
    assert "Sign out" not in make_client().get("/")


# Drafts


def test_a_draft_is_in_no_list_of_posts(client: Client, db: Session, ann: User) -> None:
    make_post(db, ann, "Hidden", publish=False)
    make_post(db, ann, "Open")
    sign_in(client, ann)
    for address in ("/", "/?sort=active", "/@ann/"):
        page = client.get(address)
        assert "Open" in page
        assert "Hidden" not in page


@pytest.mark.parametrize("role", list(USER.Role))
def test_nobody_but_its_author_sees_a_draft(client: Client, db: Session, ann: User, role: USER.Role) -> None:
    draft = make_post(db, ann, "Unseen", publish=False)
    sign_in(client, make_user(db, "eve", role=role))
    for address in (f"/posts/{draft.id}/", f"/posts/{draft.id}/unseen/", f"/posts/{draft.id}/edit/"):
        assert "Unseen" not in client.get(address, status=404)
    assert "Unseen" not in client.get("/drafts/")


def test_a_guest_sees_no_draft(client: Client, db: Session, ann: User) -> None:
    draft = make_post(db, ann, "Unseen", publish=False)
    for address in (f"/posts/{draft.id}/", f"/posts/{draft.id}/unseen/", f"/posts/{draft.id}/edit/"):
        client.get(address, status=404)


def test_the_author_sees_a_draft_marked_as_one(client: Client, db: Session, ann: User) -> None:
    draft = make_post(db, ann, "Hidden", publish=False)
    sign_in(client, ann)
    page = client.get(f"/posts/{draft.id}/").follow()
    assert page.html.h1.get_text() == "Hidden"
    assert page.html.select_one(".badge").get_text() == "Draft"


def test_my_drafts_are_listed_with_the_one_saved_last_first(client: Client, db: Session, ann: User) -> None:
    drafts = [make_post(db, ann, title, publish=False) for title in ("Old", "New")]
    make_post(db, ann, "Published")
    make_post(db, make_user(db, "eve"), "Of another", publish=False)
    sign_in(client, ann)
    links = client.get("/drafts/").html.select("ul.posts a")
    assert [(link.get_text(), link["href"]) for link in links] == [
        ("New", f"/posts/{drafts[1].id}/edit/"),
        ("Old", f"/posts/{drafts[0].id}/edit/"),
    ]


def test_a_draft_that_is_published_leaves_the_drafts(client: Client, db: Session, ann: User) -> None:
    draft = make_post(db, ann, "Ready", publish=False)
    sign_in(client, ann)
    assert "Ready" in client.get("/drafts/")
    publish_post(db, draft)
    assert "Ready" not in client.get("/drafts/")
    assert titles(client.get("/")) == ["Ready"]


def test_a_guest_is_sent_to_sign_in_for_the_drafts(client: Client) -> None:
    assert client.get("/drafts/", status=303).location == "http://localhost/users/login/?next=/drafts/"


def test_a_list_of_which_nearly_all_is_muted_goes_on_page_by_page(
    client: Client, make_client: Callable[..., Client], app: Router, db: Session, ann: User
) -> None:
    def add(number: int, *tags: str) -> list[str]:
        """Titles of so many new posts, newest first."""
        before = db.scalar(sa.select(sa.func.max(Post.id))) or 0
        db.commit()
        source = Source([render("A post", "Words.", tags)], [], [ann.id])
        for _done in add_bulk(sessions_of(app.registry), source, number, 0):
            pass
        newest = sa.select(Post).where(Post.id > before).order_by(Post.id.desc())
        for post in (made := db.scalars(newest).all()):
            post.title = f"Post {post.id}"
            post.published_at = post.last_activity_at = START + timedelta(minutes=post.id)
            post.like_count = post.id
        return [post.title for post in made]

    oldest = add(3, "milk")
    add(POST.LOOKED_THROUGH, "tea")
    middle = add(POST.PAGE_SIZE + 1, "milk")
    add(2 * POST.LOOKED_THROUGH, "tea")
    fill_tops(db)
    bob = make_user(db, "bob")
    mute_tag(db, bob.id, db.scalars(sa.select(Tag.id).where(Tag.name == "tea")).one(), on=True)
    sign_in(client, bob)
    for address in ("/", "/?sort=active", "/?sort=top", "/?sort=top&period=year"):
        pages = list(walk(client, address))
        assert list(chain.from_iterable(pages)) == [*middle, *oldest]
        assert [len(page) for page in pages] == [0, 0, POST.PAGE_SIZE, 1, 3]
        first = client.get(address)
        assert "tags that you have muted" in first
        assert "tags that you have muted" not in make_client().get(address)
