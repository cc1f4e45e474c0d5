"""A form that is sent after its sign-in has ended: the page that gives it back, and sends it with one click."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa
import webtest
from sqlalchemy.orm import Session

from myproject.audit import Actor
from myproject.comments.models import Comment
from myproject.posts.models import Post
from myproject.posts.services.removal import remove_post
from myproject.security import csrf
from myproject.users import constants as USER
from myproject.users.models import User
from tests.conftest import PASSWORD, Client, form_with
from tests.factories import make_post, make_user, sign_in
from tests.functional.pages import flashes, heading

pytestmark = pytest.mark.one_database

BODY = "At length, in *two* lines,\nwith <b>& so on"


def fill(client: Client, address: str) -> webtest.Form:
    form = form_with(client.get(address), "body")
    form["body"] = BODY
    if "title" in form.fields:
        form["title"] = "Of tea"
    return form


def main(page: webtest.TestResponse) -> str:
    """What a page says, without what is another one each time."""
    for changing in page.html.select("main input[name=csrf_token]"):
        changing.decompose()
    return str(page.html.main)


# What a guest is answered where a member's form was sent


def test_a_draft_that_is_sent_without_a_sign_in_comes_back_and_waits(
    client: Client, db: Session, ann: User
) -> None:
    draft = make_post(db, ann, publish=False)
    address = f"/posts/{draft.id}/edit/"
    form = fill(client, address)
    client.logout()
    page = form.submit("publish", status=400)
    assert heading(page) == "Nothing is lost"
    assert "You have been signed out meanwhile" in page
    assert "It is kept for you as well" in page
    client.login("ann")
    assert form_with(client.get(address), "body")["body"].value.replace("\r\n", "\n") == BODY
    form_with(page, "body").submit(status=303)
    db.expire_all()
    assert (draft.body, draft.status.name) == (BODY, "PUBLISHED")


def test_a_guest_learns_nothing_of_whether_there_is_a_draft(
    client: Client, make_client: Callable[..., Client], db: Session, ann: User
) -> None:
    draft = make_post(db, make_user(db, "bob"), publish=False)
    form = fill(client, "/posts/new/")
    fields = dict(form.submit_fields("publish"))
    guest = make_client()
    there, nowhere = (
        main(guest.post(f"/posts/{number}/edit/", fields, status=400)).replace(f"/{number}/", "/N/")
        for number in (draft.id, draft.id + 1)
    )
    assert there == nowhere
    # Who shows no token of a form gets what anybody gets.
    for token in ("", fields["once"][:-1], f"{draft.author_id}.{fields['once'].partition('.')[2]}"):
        for number in (draft.id, draft.id + 1):
            page = guest.post(f"/posts/{number}/edit/", fields | {"once": token}, status=404)
            assert heading(page) == "Page not found"
    guest.post("/no/such/form/", fields, status=404)
    guest.post(f"/posts/{draft.id}/news/", fields, status=405)


def test_what_was_removed_meanwhile_asks_for_the_sign_in_first(client: Client, db: Session, ann: User) -> None:
    post = make_post(db, make_user(db, "bob"))
    form = fill(client, f"/posts/{post.id}/a-post/")
    client.logout()
    remove_post(db, Actor(None, "command line"), post.id, "Of no use")
    page = form.submit("send", status=400)
    assert heading(page) == "Nothing is lost"
    client.login("ann")
    page = form_with(page, "body").submit(status=410)
    assert BODY in page.html.select_one("main textarea").get_text()


def test_who_was_shut_out_meanwhile_is_told_to_copy_a_draft(client: Client, db: Session, ann: User) -> None:
    form = fill(client, f"/posts/{make_post(db, ann, publish=False).id}/edit/")
    client.logout()
    ann.status = USER.Status.INACTIVE
    page = form.submit("publish", status=400)
    assert heading(page) == "This can't be sent"
    assert BODY in page.html.main.get_text()


# Sending it again with one click


@pytest.fixture
def given_back(client: Client, db: Session, ann: User) -> webtest.Form:
    """The form of a comment, on the page that gives it back."""
    form = fill(client, f"/posts/{make_post(db, ann).id}/a-post/")
    client.logout()
    return form_with(form.submit("send", status=400), "body")


def comments(db: Session) -> int:
    return db.scalar(sa.select(sa.func.count(Comment.id))) or 0


def test_one_click_sends_what_came_back_after_signing_in_in_another_tab(
    client: Client, db: Session, given_back: webtest.Form
) -> None:
    # Too early, it comes back once more.
    given_back = form_with(given_back.submit(status=400), "body")
    client.login("ann")
    given_back.submit(status=303)
    assert comments(db) == 1
    # Other forms have their own tokens.
    form = fill(client, "/posts/new/")
    form["csrf_token"] = given_back["csrf_token"].value
    form.submit("publish", status=400)
    assert db.scalar(sa.select(sa.func.count(Post.id))) == 1


def test_one_click_sends_passwords_too_and_each_says_which_it_is(
    client: Client, make_client: Callable[..., Client], db: Session, ann: User
) -> None:
    form = form_with(client.get("/users/me/password/"), "current")
    form["current"] = form["password"] = form["confirm"] = "not this one"
    client.logout()
    page = form.submit(status=400)
    asked = {field["name"]: field["autocomplete"] for field in page.html.select("main input[type=password]")}
    assert asked == {"current": "current-password", "password": "new-password", "confirm": "new-password"}
    assert len({label.get_text() for label in page.html.select("main label")}) == 3
    assert "Here is what you wrote" not in page
    client.login("ann")
    again = form_with(page, "current")
    again["current"], again["password"] = PASSWORD, "staple battery horse"
    again["confirm"] = again["password"].value
    again.submit(status=303)
    make_client().login("ann", "staple battery horse")


def test_one_click_sends_choices_too_and_short_words_are_shown(client: Client, db: Session) -> None:
    sign_in(client, make_user(db, "boss", role=USER.Role.ADMIN))
    form = form_with(client.get("/admin/settings/"), "writing")
    form["writing"], form["reason"] = "off", "A move"
    client.logout()
    page = form.submit(status=400)
    shown = page.html.select_one("main input[type=text]")
    assert (shown["name"], shown["value"]) == ("reason", "A move")
    assert page.html.select_one(f"label[for={shown['id']}]").get_text() == "Reason"
    assert "Here is what you wrote" in page
    client.login("boss")
    assert flashes(form_with(page, "writing").submit(status=303).follow())


def test_what_came_back_is_sent_by_nobody_else_and_from_no_other_browser(
    client: Client, make_client: Callable[..., Client], db: Session, ann: User, given_back: webtest.Form
) -> None:
    fields = dict(given_back.submit_fields())
    elsewhere = make_client()
    sign_in(elsewhere, ann)
    elsewhere.post(given_back.action, fields, status=400)
    elsewhere.set_cookie("resend", "x" * 43)
    elsewhere.post(given_back.action, fields, status=400)
    sign_in(client, make_user(db, "carl"))
    client.post(given_back.action, fields, status=400)
    # Nor has who knows no more than the token to act once.
    sign_in(client, ann)
    for token in ("", fields["once"], "0", fields["csrf_token"][:-1], "é"):
        client.post(given_back.action, fields | {"csrf_token": token}, status=400)
    assert comments(db) == 0


def test_what_came_back_long_ago_comes_back_once_more(
    client: Client, db: Session, ann: User, given_back: webtest.Form, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.login("ann")
    monkeypatch.setattr(csrf, "RESEND_FOR", timedelta(seconds=-1))
    page = given_back.submit(status=400)
    form_with(page, "body").submit("send", status=303)
    assert comments(db) == 1
