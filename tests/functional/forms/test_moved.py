"""What was written for something that was moved, merged, hidden or removed meanwhile is not lost."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.audit import Actor
from myproject.comments.models import Comment
from myproject.comments.services.moving import merge_posts, move_comment
from myproject.posts.models import Post
from myproject.users import constants as USER
from myproject.users.models import User
from tests.conftest import Client, form_with
from tests.factories import make_comment, make_post, make_user, sign_in
from tests.functional.pages import flashes, heading, summary

pytestmark = pytest.mark.one_database

BODY = "At length, in *two* lines,\nwith <b>& so on"


@pytest.fixture
def ann(client: Client, db: Session) -> User:
    """A member who is signed in as `client`."""
    user = make_user(db, "ann")
    sign_in(client, user)
    return user


@pytest.fixture
def post(db: Session) -> Post:
    return make_post(db, make_user(db, "bob"))


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


def comments(db: Session) -> list[tuple[int, str, int | None]]:
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


def test_a_text_that_was_kept_for_a_merged_post_stands_in_the_form_of_the_other(
    client: Client, db: Session, ann: User, post: Post, other: Post, merge: Callable[[], None]
) -> None:
    form = form_with(client.get(f"/posts/{post.id}/a-post/"), "body")
    form["body"] = "Soon"
    form.submit("preview", status=200)
    merge()
    assert form_with(client.get(f"/posts/{other.id}/another/"), "body")["body"].value == "Soon"
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
    assert page.html.select_one("main a[href$='/another/'], main a[href='/posts/%d/']" % other.id)
