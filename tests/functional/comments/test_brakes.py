"""Brakes for who is new, and for who talks alone; each says when it lets go."""

from collections.abc import Callable
from datetime import timedelta
from itertools import count

import pytest
import sqlalchemy as sa
import webtest
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.comments.models import Comment
from myproject.db import utc_now
from myproject.images.models import Image
from myproject.posts import constants as POST
from myproject.posts.models import Post
from myproject.users import constants as USER
from myproject.users.models import User
from tests.conftest import Client, form_with
from tests.factories import make_comment, make_post, make_user, sign_in
from tests.functional.pages import field_errors, summary

# The same words again would be taken for the same form, sent again.
NUMBERS = count()
LINKS = "https://a.example.org/ and [b](https://b.example.org/)"


@pytest.fixture
def app(make_app: Callable[..., Router]) -> Router:
    limits = {
        "ratelimit_enabled": True,
        "ratelimit_newcomer_post_account": "2 per day",
        "ratelimit_newcomer_comment_account": "2 per hour",
    }
    newcomers = {"newcomers_days": 3, "newcomers_posts": 5, "newcomers_links": 1, "newcomers_images": 2}
    return make_app(comments_in_a_row=3, newcomers_pause_minutes=0, **newcomers, **limits)


def write_post(client: Client, body: str = "", button: str = "publish") -> webtest.TestResponse:
    form = form_with(client.get("/posts/new/"), "title")
    form["title"], form["body"] = "A title", body or f"Text {next(NUMBERS)}"
    return form.submit(button, status="*")


def comment(client: Client, post: Post, body: str = "") -> webtest.TestResponse:
    form = form_with(client.get(f"/posts/{post.id}/comments/"), "body")
    form["body"] = body or f"Word {next(NUMBERS)}"
    return form.submit("send", status="*")


def edit(client: Client, path: str, body: str, **values: str) -> webtest.TestResponse:
    form = form_with(client.get(path), "body")
    for name, value in ({"body": body} | values).items():
        form[name] = value
    return form.submit("save", status="*")


def test_who_is_new_publishes_little_at_once_until_some_posts_stand(
    client: Client, db: Session, ann: User, post: Post
) -> None:
    assert [write_post(client).status_int for _ in range(3)] == [303, 303, 429]
    page = write_post(client)
    assert "try again in 24 hours" in summary(page)
    assert page.headers["Retry-After"].isdigit()
    # Drafts are no trouble to anybody.
    assert write_post(client, button="save_draft").status_int == 303
    assert [comment(client, post).status_int for _ in range(3)] == [303, 303, 429]

    for _ in range(3):
        make_post(db, ann)
    assert write_post(client).status_int == 303
    assert comment(client, post).status_int == 303


def test_who_is_new_writes_few_links_for_some_days(client: Client, db: Session, ann: User, post: Post) -> None:
    told = "New members put at most 1 links into a text, and this has 2."
    for page in (write_post(client, LINKS), comment(client, post, LINKS)):
        assert page.status_int == 422
        assert field_errors(page)["body"].startswith(told)
        assert "in 3 days" in field_errors(page)["body"]
        assert form_with(page, "body")["body"].value == LINKS
    ann.created_at = utc_now() - timedelta(days=3)
    assert write_post(client, LINKS).status_int == 303


def test_who_is_new_adds_no_more_links_by_an_edit(client: Client, db: Session, ann: User, post: Post) -> None:
    own = make_post(db, ann, body="A text")
    said = make_comment(db, post, ann)
    two = "https://b.example.org/ and https://c.example.org/"
    for path in (f"/posts/{own.id}/edit/", f"/comments/{said.id}/edit/"):
        page = edit(client, path, LINKS)
        assert page.status_int == 422
        assert field_errors(page)["body"].startswith(
            "New members put at most 1 links into a text, and this has 2."
        )
        assert form_with(page, "body")["body"].value == LINKS
        assert edit(client, path, "One: https://a.example.org/").status_int == 303
        # Of others there are no fewer to take out.
        assert edit(client, path, two).status_int == 422
    page = edit(client, f"/posts/{own.id}/edit/", "https://a.example.org/", link_url="https://b.example.org/")
    assert page.status_int == 422

    # What stands there already may stay.
    texts = make_post(db, ann, body=LINKS), make_comment(db, post, ann, LINKS)
    for path in (f"/posts/{texts[0].id}/edit/", f"/comments/{texts[1].id}/edit/"):
        assert edit(client, path, f"A word more: {LINKS}").status_int == 303
        assert edit(client, path, two).status_int == 422


def test_who_is_new_puts_few_images_into_a_text(client: Client, db: Session, ann: User, post: Post) -> None:
    names = [digit * 32 for digit in "123"]
    db.add_all(Image(name=name, user_id=ann.id, width=9, height=9) for name in names)
    three = "".join(f"![a](/images/{name}.webp)" for name in names)
    said = make_comment(db, post, ann)
    for page in (
        write_post(client, three),
        comment(client, post, three),
        edit(client, f"/comments/{said.id}/edit/", three),
    ):
        assert page.status_int == 422
        told = field_errors(page)["body"]
        assert told.startswith("New members put at most 2 images into a text, and this has 3.")
        assert "in 3 days" in told
    assert comment(client, post, three[: len(three) // 3 * 2]).status_int == 303
    ann.created_at = utc_now() - timedelta(days=3)
    assert write_post(client, three).status_int == 303


def test_who_is_new_waits_between_two_posts(
    make_app: Callable[..., Router], make_client: Callable[..., Client], db: Session
) -> None:
    client = make_client(make_app(newcomers_days=3, newcomers_pause_minutes=5))
    ann = make_user(db, "ann")
    sign_in(client, ann)
    assert write_post(client).status_int == 303
    page = write_post(client, "Another text")
    assert page.status_int == 422
    assert "between two posts. Nothing is lost: publish this one in 5 minutes." in summary(page)
    assert form_with(page, "body")["body"].value == "Another text"
    # A draft is no post, and does not make the next one wait either.
    assert write_post(client, button="save_draft").status_int == 303
    db.execute(sa.update(Post).values(published_at=utc_now() - timedelta(minutes=5)))
    assert write_post(client, "Yet another text").status_int == 303
    # What staff took away was published all the same.
    published = sa.update(Post).where(Post.status == POST.Status.PUBLISHED)
    db.execute(published.values(status=POST.Status.REMOVED, removed_at=utc_now()))
    assert write_post(client).status_int == 422
    ann.created_at = utc_now() - timedelta(days=3)
    assert write_post(client).status_int == 303


def test_who_talks_alone_waits_for_somebody_else_or_an_hour(
    client: Client, db: Session, ann: User, post: Post
) -> None:
    ann.created_at = utc_now() - timedelta(days=30)
    assert [comment(client, post).status_int for _ in range(4)] == [303, 303, 303, 422]
    page = comment(client, post, "Once more")
    assert "The last 3 comments here are yours." in summary(page)
    assert "in 60 minutes" in summary(page)
    assert form_with(page, "body")["body"].value == "Once more"
    # Elsewhere they may.
    assert comment(client, make_post(db, post.author, "Another")).status_int == 303
    make_comment(db, post, post.author)
    assert comment(client, post).status_int == 303

    assert [comment(client, post).status_int for _ in range(3)] == [303, 303, 422]
    db.execute(sa.update(Comment).values(created_at=utc_now() - timedelta(minutes=61)))
    assert comment(client, post).status_int == 303


def test_staff_have_no_brakes(client: Client, db: Session, post: Post) -> None:
    sign_in(client, make_user(db, "boss", role=USER.Role.STAFF))
    for number in range(3):
        # Not the same links: whoever has written of one is told so.
        links = " and ".join(f"https://{name}{number}.example.org/" for name in "abc")
        assert write_post(client, links).status_int == 303
    assert [comment(client, post, LINKS).status_int for _ in range(4)] == [303] * 4
