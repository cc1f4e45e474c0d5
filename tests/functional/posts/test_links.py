"""The link that a post may have beside its text."""

import json
from xml.etree import ElementTree

import pytest
from sqlalchemy.orm import Session

from myproject.db import utc_now
from myproject.posts import constants as POST
from myproject.posts.models import Post
from myproject.posts.services.removal import purge_removed
from myproject.posts.services.writing import create_post, render
from myproject.users import constants as USER
from myproject.users.models import User
from tests.conftest import Client, form_with
from tests.factories import make_user, sign_in
from tests.functional.pages import field_errors

ATOM = {"a": "http://www.w3.org/2005/Atom"}
LINK = "https://www.example.org/@ada/a?b=1&c=2"
REFUSED = (
    "javascript:alert(1)//example.org",
    "ftp://example.org/",
    "//example.org/",
    "example.org",
    "https://",
    "https://.",
    "http://[",
    "https://ann:secret@example.org/",
    "https://example.org/a b",
    'https://example.org/"onclick="alert(1)',
    "https://example.org\\@example.com/",
    "https://example.org/\u202egro.elpmaxe",
    f"https://example.org/{'a' * POST.LINK_MAX_LENGTH}",
    f"https://{'a.' * 50_000}",
)


@pytest.fixture
def ann(db: Session) -> User:
    return make_user(db, "ann")


def test_link_stands_under_the_title_and_wherever_the_post_is_told_of(
    client: Client, db: Session, ann: User
) -> None:
    sign_in(client, ann)
    form = form_with(client.get("/posts/new/"), "title")
    form["title"], form["body"], form["link_url"] = "About bees", "Some text", LINK
    preview = form.submit("preview")
    assert preview.html.select_one("#preview .post-link a")["href"] == LINK
    page = form_with(preview, "title").submit("publish", status=303).follow()
    (link,) = page.html.select(".post-link a")
    assert (link["href"], link.get_text()) == (LINK, "Go to example.org")
    assert set(link["rel"]) == {"nofollow", "ugc", "noopener"}
    told = json.loads(page.html.select_one("script[type='application/ld+json']").string)
    assert told["sharedContent"] == {"@type": "WebPage", "url": LINK}
    entry = ElementTree.fromstring(client.get("/feed.atom").body).find("a:entry", ATOM)
    assert entry is not None
    related = entry.find("a:link[@rel='related']", ATOM)
    assert related is not None
    assert related.get("href") == LINK
    assert LINK.replace("&", "&amp;") in (entry.findtext("a:content", "", ATOM))
    source = page.html.select_one("link[type='application/json']")["href"]
    assert client.get(source).json["link_url"] == LINK
    assert f"<{LINK}>" in client.get(source.replace(".json", ".md")).text

    # Who links to the same is told of this one.
    sign_in(client, make_user(db, "bob"))
    form = form_with(client.get("/posts/new/"), "title")
    form["title"], form["body"], form["link_url"] = "Another matter", "Words", "http://example.org/@ada/a?b=1&c=2"
    assert "About bees has the same link" in form.submit("publish").html.select_one("#hints").get_text(
        " ", strip=True
    )


def test_only_a_whole_address_in_the_web_is_a_link_and_what_was_typed_stays(client: Client, ann: User) -> None:
    sign_in(client, ann)
    new = form_with(client.get("/posts/new/"), "title")
    for text in REFUSED:
        new["title"], new["body"], new["link_url"] = "About bees", "Some text", text
        answer = new.submit("publish", status=422)
        assert list(field_errors(answer)) == ["link_url"], text
        form = form_with(answer, "title")
        assert (form["link_url"].value, form["body"].value) == (text, "Some text")
    for text in ("http://example.org:8080", "https://пример.рф/а#б", ""):
        new["link_url"] = text
        answer = new.submit("preview")
        assert field_errors(answer) == {}
        assert form_with(answer, "title")["link_url"].value == text


def test_changed_link_stands_in_the_history_and_comes_back_with_the_older_text(
    client: Client, db: Session, ann: User
) -> None:
    post = create_post(db, ann.id, render("About bees", "Some text", (), link_url=LINK), publish=True)
    # Staff: an author's own change so soon belongs to the writing.
    sign_in(client, make_user(db, "boss", role=USER.Role.STAFF))
    form = form_with(client.get(f"/posts/{post.id}/edit/"), "title")
    assert form["link_url"].value == LINK
    form["link_url"], form["reason"] = "", "It leads nowhere"
    page = form.submit("save", status=303).follow()
    assert page.html.select_one(".post-link") is None
    history = client.get(f"/posts/{post.id}/history/")
    assert LINK in history.html.select_one(".diff").get_text()
    form_with(history, "revision").submit("restore", status=303)
    db.expire_all()
    assert db.get_one(Post, post.id).link_url == LINK


def test_link_of_a_purged_post_is_gone_with_its_text(db: Session, ann: User) -> None:
    post = create_post(db, ann.id, render("About bees", "Some text", (), link_url=LINK), publish=True)
    post.status, post.removed_at = POST.Status.REMOVED, utc_now()
    purge_removed(db, Post.id == post.id)
    assert (post.body, post.link_url) == ("", "")
