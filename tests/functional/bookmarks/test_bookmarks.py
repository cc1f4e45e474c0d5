"""Bookmarks: keep a post, list what is kept, give it up."""

import webtest
from sqlalchemy.orm import Session

from tests.conftest import Client
from tests.factories import make_post, make_user, sign_in


def button(page: webtest.TestResponse, name: str) -> webtest.Form:
    """The form of the page that sends to a bookmark's address, and its button of that name."""
    found = next(each for each in page.html.select("button") if each.get_text(" ", strip=True).startswith(name))
    form = next(form for form in page.forms.values() if "on" in form.fields)
    form.action = found.get("formaction", form.action)
    return form


def test_kept_post_is_listed_until_it_is_given_up(client: Client, db: Session) -> None:
    ada = make_user(db, "ada")
    post = make_post(db, ada, "How to keep bees")
    sign_in(client, ada)
    page = client.get(f"/posts/{post.id}/{post.slug}/")
    kept = button(page, "Bookmark").submit("on", value="1", status=303).follow()
    assert kept.html.h1.get_text() == "How to keep bees"
    listed = client.get("/bookmarks/")
    assert [link.get_text() for link in listed.html.select("ul.posts a")] == ["How to keep bees"]
    emptied = button(listed, "Remove").submit("on", value="0", status=303).follow()
    assert "No bookmarks yet" in emptied


def test_keeping_twice_is_keeping_once(client: Client, db: Session) -> None:
    ada = make_user(db, "ada")
    post = make_post(db, ada, "How to keep bees")
    sign_in(client, ada)
    page = client.get(f"/posts/{post.id}/{post.slug}/")
    for _ in range(2):
        button(page, "Bookmark").submit("on", value="1", status=303)
    assert client.get("/bookmarks/").text.count("How to keep bees") == 2  # and once in the words of the button
    assert len(client.get("/bookmarks/").html.select("ul.posts li")) == 1


def test_guest_is_sent_to_sign_in(client: Client) -> None:
    assert client.get("/bookmarks/", status=303).location.endswith("/users/login/?next=/bookmarks/")
