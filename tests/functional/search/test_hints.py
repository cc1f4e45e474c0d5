"""Hints before posting: what was discussed already is named once, and keeps nobody from publishing."""

from datetime import timedelta

import sqlalchemy as sa
import webtest
from sqlalchemy.orm import Session

from myproject.db import utc_now
from myproject.posts.models import Post
from myproject.search import constants as SEARCH
from tests.conftest import Client, form_with
from tests.factories import make_post, make_user, sign_in
from tests.functional.pages import heading


def hints(page: webtest.TestResponse) -> list[str]:
    return [item.get_text(" ", strip=True) for item in page.html.select("#hints li")]


def write(client: Client, title: str, body: str, button: str = "publish") -> webtest.TestResponse:
    form = form_with(client.get("/posts/new/"), "title")
    form["title"], form["body"] = title, body
    return form.submit(button)


def test_similar_titles_and_same_links_are_named_once_and_publishing_goes_on(client: Client, db: Session) -> None:
    ada, eve = make_user(db, "ada"), make_user(db, "eve")
    make_post(db, ada, "How to keep bees in winter")
    make_post(db, ada, "Something else", body="[x](http://www.example.com/a/?utm_source=feed#top)")
    old = make_post(db, ada, "Long ago", body="https://example.com/a")
    make_post(db, ada, "Keep bees in winter how to", publish=False)
    db.execute(sa.update(Post).where(Post.id == old.id).values(published_at=utc_now() - timedelta(days=31)))
    sign_in(client, eve)
    named = ["Something else has the same link", "How to keep bees in winter"]
    body = "See <https://example.com/a>"
    assert hints(write(client, "Keeping bees: how to keep them in winter", body, "preview")) == named
    shown = write(client, "How do I keep bees in winter?", body)
    assert hints(shown) == named
    form = form_with(shown, "title")
    assert form["body"].value == body
    assert heading(form.submit("publish", status=303).follow()) == "How do I keep bees in winter?"


def test_a_title_like_no_other_is_published_at_once(client: Client, db: Session) -> None:
    ada = make_user(db, "ada")
    make_post(db, ada, "How to keep bees in winter")
    sign_in(client, make_user(db, "eve"))
    assert heading(write(client, "How to mend a roof", "Text").follow()) == "How to mend a roof"


def test_of_many_posts_with_one_link_the_first_is_named_and_ones_own_too(client: Client, db: Session) -> None:
    ada, eve = make_user(db, "ada"), make_user(db, "eve")
    make_post(db, eve, "The first", body="https://example.com/a")
    for number in range(2 * SEARCH.SIMILAR_MAX):
        make_post(db, ada, f"Number {number}", body="https://example.com/a")
    sign_in(client, eve)
    named = hints(write(client, "Once more", "https://example.com/a"))
    assert named[:2] == ["The first has the same link", f"Number {2 * SEARCH.SIMILAR_MAX - 1} has the same link"]
    assert len(named) == SEARCH.SIMILAR_MAX
