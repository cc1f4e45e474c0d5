"""Editing a post: who may, what changes, and no edit lost."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa
import webtest
from sqlalchemy.orm import Session

from myproject.posts.models import Post
from myproject.users import constants as USER
from myproject.users.models import User
from tests.conftest import Client, form_with
from tests.factories import make_comment, make_post, make_user, sign_in
from tests.functional.pages import field_errors, flashes, summary


@pytest.fixture
def ann(db: Session) -> User:
    return make_user(db, "ann")


@pytest.fixture
def post(db: Session, ann: User) -> Post:
    return make_post(db, ann, "A title", body="The text", tags=["one", "two"])


def edit_form(client: Client, post: Post) -> webtest.Form:
    return form_with(client.get(f"/posts/{post.id}/edit/"), "title")


def test_the_form_shows_what_is_stored(client: Client, ann: User, post: Post) -> None:
    sign_in(client, ann)
    form = edit_form(client, post)
    assert (form["title"].value, form["body"].value, form["tags"].value) == (
        "A title",
        "The text",
        "one, two",
    )


def test_the_author_changes_title_text_and_tags(client: Client, db: Session, ann: User, post: Post) -> None:
    published = post.published_at
    sign_in(client, ann)
    form = edit_form(client, post)
    form["title"], form["body"], form["tags"] = "Other", "Some *other* text", "two, three"
    answer = form.submit("save", status=303)
    assert answer.location == f"http://localhost/posts/{post.id}/other/"
    page = answer.follow()
    assert flashes(page) == ["Your changes are saved"]
    assert page.html.h1.get_text() == "Other"
    assert "<em>other</em>" in page
    assert [tag.get_text() for tag in page.html.select(".post .tag")] == ["three", "two"]
    assert page.html.select_one(".edited").get_text(" ", strip=True).startswith("(edited")
    db.refresh(post)
    assert (post.version, post.published_at) == (2, published)


def test_a_post_that_was_never_edited_does_not_say_so(client: Client, post: Post) -> None:
    assert client.get(f"/posts/{post.id}/a-title/").html.select_one(".edited") is None


def test_an_edit_is_seen_by_the_next_guest(
    client: Client, make_client: Callable[..., Client], ann: User, post: Post
) -> None:
    guest = make_client()
    address = f"/posts/{post.id}/a-title/"
    assert "The text" in guest.get(address)
    sign_in(client, ann)
    form = edit_form(client, post)
    form["body"] = "New words"
    form.submit("save", status=303)
    assert "New words" in guest.get(address)
    assert "New words" in guest.get("/")


@pytest.mark.parametrize("role", [USER.Role.STAFF, USER.Role.ADMIN])
def test_staff_may_edit_what_others_wrote(
    client: Client, db: Session, ann: User, post: Post, role: USER.Role
) -> None:
    sign_in(client, make_user(db, "boss", role=role))
    assert client.get(f"/posts/{post.id}/a-title/").html.select_one(f'a[href="/posts/{post.id}/edit/"]')
    form = edit_form(client, post)
    form["title"] = "Mended"
    page = form.submit("save", status=422)
    assert field_errors(page) == {"reason": "Fill in this field"}
    form = form_with(page, "reason")
    form["reason"] = "A clearer title"
    form.submit("save", status=303)
    db.refresh(post)
    assert (post.title, post.author_id) == ("Mended", ann.id)


def test_other_members_may_not(client: Client, db: Session, post: Post) -> None:
    sign_in(client, make_user(db, "eve"))
    page = client.get(f"/posts/{post.id}/a-title/")
    assert page.html.select_one(f'a[href="/posts/{post.id}/edit/"]') is None
    client.get(f"/posts/{post.id}/edit/", status=403)
    token = form_with(page, "csrf_token")["csrf_token"].value
    values = {"title": "Mine", "body": "Mine", "version": "1", "csrf_token": token, "save": "save"}
    client.post(f"/posts/{post.id}/edit/", values, status=403)
    db.refresh(post)
    assert post.title == "A title"


def test_a_guest_is_sent_to_sign_in(client: Client, post: Post) -> None:
    answer = client.get(f"/posts/{post.id}/edit/", status=303)
    assert answer.location == f"http://localhost/users/login/?next=/posts/{post.id}/edit/"


def test_an_edit_of_an_older_text_is_refused_and_its_text_kept(
    client: Client, make_client: Callable[..., Client], db: Session, ann: User, post: Post
) -> None:
    other = make_client()
    sign_in(client, ann)
    sign_in(other, make_user(db, "boss", role=USER.Role.STAFF))
    first, second = edit_form(client, post), edit_form(other, post)
    first["body"] = "The first words"
    first.submit("save", status=303)

    second["title"], second["body"], second["tags"] = "Second", "The second words", "kept"
    second["reason"] = "Clearer"
    page = second.submit("save", status=409)

    assert "This post was changed since you opened it" in summary(page)
    form = form_with(page, "title")
    assert (form["title"].value, form["body"].value, form["tags"].value) == (
        "Second",
        "The second words",
        "kept",
    )
    db.refresh(post)
    assert (post.title, post.body, post.version) == ("A title", "The first words", 2)
    # The page shows the present text: who saves again has seen it.
    assert page.html.select_one("textarea[readonly]").text.strip() == "The first words"
    form.submit("save", status=303)


def test_an_edit_of_an_older_text_is_told_what_stands_in_each_other_field_now(
    client: Client, db: Session, ann: User
) -> None:
    sign_in(client, ann)
    post = make_post(db, ann, body="The body", tags=("kept", "one"))
    mine, theirs = edit_form(client, post), edit_form(client, post)
    theirs["title"], theirs["tags"] = "Their <title>", "one, new"
    theirs["link_url"] = "https://example.org/"
    theirs.submit("save", status=303)

    mine["body"] = "My body"
    page = mine.submit("save", status=409)
    assert field_errors(page) == {
        "title": "It is “Their <title>” now",
        "link_url": "It is “https://example.org/” now",
        "tags": "It is “new, one” now",
    }
    form = form_with(page, "title")
    assert (form["title"].value, form["body"].value) == ("A post", "My body")
    form["title"], form["tags"] = "Their <title>", "new one"
    form.submit("save", status=303)
    db.refresh(post)
    assert (post.title, post.body, post.link_url) == ("Their <title>", "My body", "")

    # Where all that is the same, nothing is said beside it.
    form["body"] = "My other body"
    assert field_errors(form.submit("save", status=409)) == {}


@pytest.mark.parametrize("version", ["", "x", "1_0", "9" * 19, "0", "-1"])
def test_a_forged_version_changes_nothing(
    client: Client, db: Session, ann: User, post: Post, version: str
) -> None:
    sign_in(client, ann)
    form = edit_form(client, post)
    form["body"], form["version"] = "Forged", version
    # A number may be that of an older text.
    form.submit("save", status=409 if version in ("0", "-1") else 422)
    db.refresh(post)
    assert post.body == "The text"


def test_errors_stand_beside_their_fields_and_everything_is_kept(
    client: Client, db: Session, ann: User, post: Post
) -> None:
    sign_in(client, ann)
    form = edit_form(client, post)
    form["title"], form["body"], form["tags"] = "", "Other", "new"
    page = form.submit("save", status=422)
    assert field_errors(page) == {"title": "Fill in this field"}
    form = form_with(page, "title")
    assert (form["body"].value, form["tags"].value, form["version"].value) == ("Other", "new", "1")
    form["title"] = "Right"
    form.submit("save", status=303)
    db.refresh(post)
    assert (post.title, post.body) == ("Right", "Other")


def test_a_preview_of_an_edit_changes_nothing(client: Client, db: Session, ann: User, post: Post) -> None:
    sign_in(client, ann)
    form = edit_form(client, post)
    form["body"] = "With *stress*"
    page = form.submit("preview", status=200)
    assert "<em>stress</em>" in str(page.html.select_one("#preview"))
    db.refresh(post)
    assert post.body == "The text"
    form_with(page, "title").submit("save", status=303)
    db.refresh(post)
    assert post.body_html.strip() == "<p>With <em>stress</em></p>"


def test_a_published_post_stays_published_whatever_button_is_sent(
    client: Client, db: Session, ann: User, post: Post
) -> None:
    sign_in(client, ann)
    form = edit_form(client, post)
    values = dict(form.submit_fields()) | {"save_draft": "save_draft"}
    client.post(f"/posts/{post.id}/edit/", values, status=303)
    db.refresh(post)
    assert client.get("/").html.select_one(".post-title").get_text(strip=True) == post.title


def test_an_edit_keeps_comments_and_their_count(client: Client, db: Session, ann: User, post: Post) -> None:
    make_comment(db, post, ann, "A word")
    sign_in(client, ann)
    form = edit_form(client, post)
    form["title"] = "Other"
    page = form.submit("save", status=303).follow()
    assert page.html.select_one("#comments-title").get_text() == "1 comment"
    assert db.scalar(sa.select(Post.comment_count)) == 1
