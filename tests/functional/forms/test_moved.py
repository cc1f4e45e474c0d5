"""What was written for something that was moved, merged, hidden or removed meanwhile is not lost."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
import webtest
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.audit import Actor
from myproject.cache import touch
from myproject.comments.models import Comment
from myproject.comments.services.moving import merge_posts, move_comment
from myproject.db import utc_now
from myproject.forms.kept import purge
from myproject.forms.models import KeptText
from myproject.posts.models import Post
from myproject.posts.services.removal import remove_post
from myproject.users import constants as USER
from myproject.users.models import CommentBan, User
from myproject.users.services import bans
from tests.conftest import Client, form_with
from tests.factories import make_comment, make_post, make_user, sign_in
from tests.functional.pages import csrf_token, flashes, heading, summary

pytestmark = pytest.mark.one_database

BODY = "At length, in *two* lines,\nwith <b>& so on"


@pytest.fixture
def other(db: Session, post: Post) -> Post:
    return make_post(db, post.author, "Another")


@pytest.fixture
def merge(db: Session, post: Post, other: Post) -> Callable[[], None]:
    """`merge()` lets staff merge `post` into `other`."""
    boss = make_user(db, "boss", role=USER.Role.STAFF)

    def merge_now() -> None:
        merge_posts(db, Actor(boss.id, "boss"), post.id, other.id, "The same matter")
        db.commit()

    return merge_now


def unsent(page: webtest.TestResponse) -> list[str]:
    """What stands on a page to be copied."""
    return [area.get_text()[1:] for area in page.html.select("main textarea[readonly]")]


def comments(db: Session) -> list[tuple[Any, ...]]:
    db.expire_all()
    return [tuple(row) for row in db.execute(sa.select(Comment.post_id, Comment.body, Comment.parent_id))]


@pytest.mark.parametrize("role", [USER.Role.USER, USER.Role.STAFF])
def test_a_comment_on_a_post_that_was_merged_meanwhile_stands_where_that_went(
    client: Client, db: Session, post: Post, other: Post, merge: Callable[[], None], role: USER.Role
) -> None:
    sign_in(client, make_user(db, "ann", role=role))
    form = form_with(client.get(f"/posts/{post.id}/a-post/"), "body")
    form["body"] = BODY
    merge()
    page = form.submit("preview", status=200)
    assert page.html.find("a", string="Another")
    page = form.submit("send", status=303).follow().follow()
    assert flashes(page) == ["The post was merged into this one while you wrote. Your comment stands here."]
    assert page.request.path == f"/posts/{other.id}/another/"
    assert comments(db) == [(other.id, BODY, None)]


def test_a_reply_goes_where_what_it_answers_went(
    client: Client, db: Session, ann: User, post: Post, other: Post
) -> None:
    parent = make_comment(db, post, post.author)
    form = form_with(client.get(f"/comments/{parent.id}/reply/"), "body")
    form["body"] = "To the comment"
    move_comment(db, Actor(post.author_id, "boss"), parent.id, other.id, "Another matter")
    db.commit()
    page = form.submit("send", status=422)
    assert summary(page).endswith(
        "What you answer was moved to another post meanwhile. Send it once more to answer there."
    )
    assert len(comments(db)) == 1
    form_with(page, "body").submit("send", status=303)
    assert comments(db)[-1] == (other.id, "To the comment", parent.id)


AGAIN = "You have sent this before, word for word. Here it is, once."


def test_a_comment_sent_again_after_its_post_was_merged_leads_to_it_and_stands_once(
    client: Client, db: Session, ann: User, post: Post, other: Post, merge: Callable[[], None]
) -> None:
    form = form_with(client.get(f"/posts/{post.id}/a-post/"), "body")
    form["body"] = BODY
    first = form.submit("send", status=303)
    # The same words elsewhere are another comment.
    form_elsewhere = form_with(client.get(f"/posts/{other.id}/another/"), "body")
    form_elsewhere["body"] = BODY
    assert form_elsewhere.submit("send", status=303).location != first.location
    db.execute(sa.update(Comment).where(Comment.post_id == other.id).values(body="Changed"))
    merge()
    anew = form_with(client.get(f"/posts/{other.id}/another/"), "body")
    anew["body"] = BODY
    for sent in (form, anew):
        answer = sent.submit("send", status=303)
        assert answer.location == first.location
        assert flashes(answer.follow().follow()) == [AGAIN]
    assert [body for _post, body, _parent in comments(db)] == [BODY, "Changed"]
    # What was edited since was sent all the same.
    db.execute(sa.update(Comment).values(body="Better"))
    lock(db, other, utc_now())
    assert form.submit("send", status=303).location == first.location
    form["body"] = "Something else"
    assert "with another text" in summary(form.submit("send", status=422))


def test_a_reply_sent_again_after_what_it_answers_was_moved_leads_to_it(
    client: Client, db: Session, ann: User, post: Post, other: Post
) -> None:
    parent = make_comment(db, post, post.author)
    address = f"/comments/{parent.id}/reply/"
    form = form_with(client.get(address), "body")
    form["body"] = BODY
    first = form.submit("send", status=303)
    move_comment(db, Actor(post.author_id, "boss"), parent.id, other.id, "Another matter")
    db.commit()
    anew = form_with(client.get(address), "body")
    anew["body"] = BODY
    for sent in (form, anew):
        answer = sent.submit("send", status=303)
        assert answer.location == first.location
        assert flashes(answer.follow().follow()) == [AGAIN]
    assert comments(db)[1:] == [(other.id, BODY, parent.id)]


def test_a_text_that_was_kept_for_a_merged_post_stands_in_the_form_of_the_other(
    client: Client, db: Session, ann: User, post: Post, other: Post, merge: Callable[[], None]
) -> None:
    form = form_with(client.get(f"/posts/{post.id}/a-post/"), "body")
    form["body"] = "Soon"
    form.submit("preview", status=200)
    merge()
    page = client.get(f"/posts/{other.id}/another/")
    assert form_with(page, "body")["body"].value == "Soon"
    form_with(page, "let_go").submit("let_go", status=303)
    # And so does what is sent when the sign-in has ended as well.
    client.logout()
    form["body"] = "Later"
    form.submit("send", status=400)
    client.login("ann")
    assert form_with(client.get(f"/posts/{other.id}/another/"), "body")["body"].value == "Later"


def test_a_change_of_a_post_that_was_merged_meanwhile_is_shown_to_be_taken_along(
    client: Client, db: Session, other: Post, post: Post, merge: Callable[[], None]
) -> None:
    sign_in(client, post.author)
    form = form_with(client.get(f"/posts/{post.id}/edit/"), "body")
    form["body"] = BODY
    merge()
    page = form.submit("save", status=410)
    assert heading(page) == "This post was merged into another"
    assert BODY in [area.get_text()[1:] for area in page.html.select("textarea")]
    assert page.html.find("a", href=f"/posts/{other.id}/")


def test_a_text_for_a_post_that_is_gone_waits_beside_the_drafts_of_its_author_alone(
    client: Client, make_client: Callable[..., Client], db: Session, ann: User, post: Post
) -> None:
    form = form_with(client.get(f"/posts/{post.id}/a-post/"), "body")
    form["body"] = BODY
    remove_post(db, Actor(post.author_id, "bob"), post.id)
    db.commit()
    page = form.submit("send", status=410)
    assert unsent(page) == [BODY]
    assert "It is kept for you as well" in page
    page = client.get("/drafts/")
    assert page.html.select_one("summary").get_text(" ", strip=True).startswith(f"Write a comment: {BODY[:30]}")
    assert unsent(page) == [BODY]
    other = make_client()
    sign_in(other, make_user(db, "carl"))
    assert unsent(other.get("/drafts/")) == []
    values = {"let_go": str(db.scalar(sa.select(KeptText.id))), "csrf_token": csrf_token(other.get("/drafts/"))}
    other.post("/drafts/", values, status=303)
    assert unsent(client.get("/drafts/")) == [BODY]
    assert unsent(form_with(page, "let_go").submit("let_go", status=303).follow()) == []


def lock(db: Session, post: Post, at: datetime | None) -> None:
    post.locked_at = at
    touch(db, f"post:{post.id}")
    db.commit()


def test_what_may_not_be_sent_for_now_can_be_read_and_stands_in_the_form_afterwards(
    client: Client, app: Router, db: Session, ann: User, post: Post
) -> None:
    address = f"/posts/{post.id}/a-post/"
    parent = make_comment(db, post, post.author)
    form = form_with(client.get(address), "body")
    reply = form_with(client.get(f"/comments/{parent.id}/reply/"), "body")
    form["body"], reply["body"] = "To the post", "To the comment"
    bans.ban(db, Actor(post.author_id, "bob"), ann.id, utc_now() + timedelta(days=30), "Rude words")
    db.commit()
    form.submit("send", status=422)
    reply.submit("send", status=422)
    assert unsent(client.get(address)) == ["To the post"]
    assert unsent(client.get(f"/comments/{parent.id}/reply/")) == ["To the comment"]
    # For as long as it takes, and a week.
    db.execute(sa.update(KeptText).values(created_at=utc_now() - timedelta(days=31)))
    db.execute(sa.update(CommentBan).values(ends_at=utc_now() - timedelta(days=1)))
    lock(db, post, utc_now())
    purge(app.registry)
    assert unsent(client.get(address)) == ["To the post"]
    lock(db, post, None)
    assert form_with(client.get(address), "body")["body"].value == "To the post"
    db.execute(sa.update(CommentBan).values(ends_at=utc_now() - timedelta(days=8)))
    db.commit()
    purge(app.registry)
    assert form_with(client.get(address), "body")["body"].value == ""


def test_who_is_shut_out_reads_that_nothing_is_kept_and_can_copy_it(
    client: Client, db: Session, ann: User, post: Post
) -> None:
    form = form_with(client.get(f"/posts/{post.id}/a-post/"), "body")
    form["body"] = BODY
    ann.status = USER.Status.INACTIVE
    db.commit()
    page = form.submit("send", status=400)
    assert heading(page) == "This can't be sent"
    assert unsent(page) == [BODY]
    assert "is kept for you" not in page
    assert db.scalar(sa.select(sa.func.count(KeptText.id))) == 0
