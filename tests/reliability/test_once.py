"""A form that is sent again acts once, and leads to where it led."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from io import BytesIO

import pytest
import sqlalchemy as sa
import webtest
from PIL import Image as Drawing
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.comments.models import Comment
from myproject.db import utc_now
from myproject.forms import kept, once
from myproject.forms.models import Submission
from myproject.images.models import Image
from myproject.notifications import constants as NOTE
from myproject.notifications.models import Notification
from myproject.posts import constants as POST
from myproject.posts.models import Post
from myproject.users import constants as USER
from myproject.users.models import Invitation, User
from myproject.users.services import invitations
from tests.conftest import PASSWORD, Client, form_with
from tests.factories import make_post, make_user, sign_in
from tests.functional.pages import cookies_set, flashes, summary
from tests.reliability.together import Visitor, together

MANY = 16


@pytest.fixture
def post(db: Session) -> Post:
    return make_post(db, make_user(db, "ann"))


@pytest.fixture
def bob(db: Session) -> User:
    return make_user(db, "bob")


def bodies(db: Session, model: type[Post] | type[Comment], author: User) -> list[str]:
    db.expire_all()
    return list(db.scalars(sa.select(model.body).where(model.author_id == author.id).order_by(model.id)))


@pytest.mark.parametrize("what", ["post", "comment"])
def test_of_many_that_come_at_once_one_acts_and_all_lead_to_what_it_made(
    app: Router, db: Session, post: Post, bob: User, what: str
) -> None:
    visitor = Visitor(app)
    visitor.sign_in(db, bob)
    page = visitor.get("/posts/new/" if what == "post" else f"/posts/{post.id}/a-post/")
    form = form_with(page, "body")
    form["body"] = "Once"
    if what == "post":
        form["title"] = "A title"
    button = "publish" if what == "post" else "send"
    answers = together([partial(form.submit, button, status="*") for _ in range(MANY)])
    assert {answer.status_int for answer in answers} == {303}
    assert len({answer.location for answer in answers}) == 1
    assert bodies(db, Post if what == "post" else Comment, bob) == ["Once"]
    db.refresh(post)
    assert post.comment_count == (1 if what == "comment" else 0)
    told = [tuple(row) for row in db.execute(sa.select(Notification.user_id, Notification.mail))]
    assert told == ([(post.author_id, NOTE.Mail.WAITING)] if what == "comment" else [])


def test_a_double_click_with_a_picture_keeps_one_and_acts_once(app: Router, db: Session, bob: User) -> None:
    visitor = Visitor(app)
    visitor.sign_in(db, bob)
    stream = BytesIO()
    Drawing.new("RGB", (30, 20)).save(stream, "PNG")
    form = form_with(visitor.get("/posts/new/"), "body")
    form["title"], form["body"] = "A title", "Once"
    form["image"] = webtest.Upload("photo.png", stream.getvalue())
    answers = together([partial(form.submit, "publish", status=303) for _ in range(2)])
    assert len({answer.location for answer in answers}) == 1
    (name,) = db.scalars(sa.select(Image.name))
    assert bodies(db, Post, bob) == [f"Once\n\n![](/images/{name}.webp)\n"]


def test_a_form_sent_again_counts_for_no_limit(
    make_app: Callable[..., Router], make_client: Callable[..., Client], db: Session, post: Post, bob: User
) -> None:
    client = make_client(make_app(ratelimit_enabled=True, ratelimit_comment_account="1 per hour"))
    sign_in(client, bob)
    form = form_with(client.get(f"/posts/{post.id}/a-post/"), "body")
    form["body"] = "Once"
    first, again = form.submit("send", status=303), form.submit("send", status=303)
    assert first.location == again.location
    # Back to the page, which browsers fill in with what was typed: its form is another one by then.
    form = form_with(client.get(f"/posts/{post.id}/a-post/"), "body")
    form["body"] = "Once"
    assert form.submit("send", status=303).location == first.location
    form = form_with(client.get(f"/posts/{post.id}/a-post/"), "body")
    form["body"] = "Twice"
    form.submit("send", status=429)


def test_publishing_what_the_same_form_saved_as_a_draft_counts(
    make_app: Callable[..., Router], make_client: Callable[..., Client], db: Session, bob: User
) -> None:
    client = make_client(make_app(ratelimit_enabled=True, ratelimit_post_account="1 per hour"))
    sign_in(client, bob)
    for status in (303, 429):
        form = form_with(client.get("/posts/new/"), "body")
        form["title"], form["body"] = "A title", f"Once {status}"
        form.submit("save_draft", status=303)
        form.submit("publish", status=status)
    # Nor does the form of the draft count less for the token of the one that made it.
    (draft,) = db.scalars(sa.select(Post).where(Post.status == POST.Status.DRAFT))
    edit = form_with(client.get(f"/posts/{draft.id}/edit/"), "body")
    edit["once"] = form["once"].value
    edit.submit("publish", status=429)


def test_a_form_sent_again_with_another_text_does_not_lose_that(
    client: Client, db: Session, post: Post, bob: User
) -> None:
    sign_in(client, bob)
    for address, button, model in (
        (f"/posts/{post.id}/a-post/", "send", Comment),
        ("/posts/new/", "publish", Post),
    ):
        form = form_with(client.get(address), "body")
        if model is Post:
            form["title"] = "A title"
        form["body"] = "First"
        form.submit(button, status=303)
        form["body"] = "Second"
        page = form.submit(button, status=422)
        assert "You have sent this form before, with another text" in summary(page)
        assert (
            client.get(page.html.select_one("#error-summary a")["href"])
            .maybe_follow()
            .html.find("p", string="First")
        )
        assert bodies(db, model, bob) == ["First"]
        form_with(page, "body").submit(button, status=303)
        assert bodies(db, model, bob) == ["First", "Second"]


@pytest.mark.parametrize("what", ["post", "comment"])
def test_the_same_words_from_a_form_that_was_loaded_anew_are_sent_once_while_they_stand(
    client: Client, db: Session, post: Post, bob: User, what: str
) -> None:
    sign_in(client, bob)
    model: type[Post] | type[Comment] = Post if what == "post" else Comment

    def send(button: str = "publish" if what == "post" else "send") -> webtest.TestResponse:
        form = form_with(client.get("/posts/new/" if what == "post" else f"/posts/{post.id}/a-post/"), "body")
        form["body"] = "Once"
        if what == "post":
            form["title"] = "A title"
        return form.submit(button, status=303).maybe_follow()

    first, again = send(), send()
    assert "You have sent this before" not in first
    assert flashes(again) == ["You have sent this before, word for word. Here it is, once."]
    assert again.request.path == first.request.path
    assert bodies(db, model, bob) == ["Once"]
    # What was changed or removed since says something else.
    db.execute(sa.update(model).where(model.author_id == bob.id).values(body="Changed"))
    db.commit()
    send()
    assert bodies(db, model, bob) == ["Changed", "Once"]
    latest = db.scalar(sa.select(sa.func.max(model.id)))
    form = form_with(client.get(f"/{what}s/{latest}/delete/"), "remove")
    form.submit("remove", status=303)
    send()
    assert bodies(db, model, bob) == ["Changed", "Once", "Once"]


def test_a_form_acts_once_for_as_long_as_its_token_is_good_and_another_may_say_the_same_after_a_day(
    app: Router, client: Client, db: Session, post: Post, bob: User
) -> None:
    sign_in(client, bob)
    address = f"/posts/{post.id}/a-post/"
    form = form_with(client.get(address), "body")
    form["body"] = "Once"
    first = form.submit("send", status=303)
    db.execute(sa.update(Submission).values(created_at=utc_now() - timedelta(hours=25)))
    db.commit()
    kept.purge(app.registry)
    assert form.submit("send", status=303).location == first.location
    assert bodies(db, Comment, bob) == ["Once"]
    other = form_with(client.get(address), "body")
    other["body"] = "Once"
    other.submit("send", status=303)
    assert bodies(db, Comment, bob) == ["Once", "Once"]


def test_a_draft_saved_again_after_going_back_is_one(client: Client, db: Session, bob: User) -> None:
    sign_in(client, bob)
    for button in ("save_draft", "save_draft", "publish"):
        form = form_with(client.get("/posts/new/"), "title")
        form["title"], form["body"] = "A title", "Text"
        form.submit(button, status=303)
    assert bodies(db, Post, bob) == ["Text"]
    assert db.scalars(sa.select(Post.status).where(Post.author_id == bob.id)).all() == [POST.Status.PUBLISHED]


def test_a_form_with_a_token_of_another_member_or_made_up_or_old_comes_back_with_a_right_one(
    client: Client,
    make_client: Callable[..., Client],
    db: Session,
    post: Post,
    bob: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sign_in(client, bob)
    other = make_client()
    sign_in(other, make_user(db, "carl"))
    address = f"/posts/{post.id}/a-post/"
    theirs = form_with(other.get(address), "body")["once"].value
    monkeypatch.setattr(once, "GOOD_FOR", timedelta(0))
    old = form_with(client.get(address), "body")
    old["body"] = "Too old"
    page = old.submit("send", status=400)
    monkeypatch.undo()
    for token in (theirs, "x", theirs[:-1], "é." + theirs):
        form = form_with(client.get(address), "body")
        form["body"], form["once"] = f"With {token[:3]}", token
        page = form.submit("send", status=400)
        said = "opened by another account" if token == theirs else "Nothing is lost: send it once more"
        assert said in summary(page)
    assert bodies(db, Comment, bob) == []
    # A double click on what came back.
    again = form_with(page, "body")
    assert again.submit("send", status=303).location == again.submit("send", status=303).location
    assert bodies(db, Comment, bob) == [again["body"].value]


def test_a_draft_saved_twice_is_one_and_publishing_it_twice_is_no_conflict(
    client: Client, db: Session, bob: User
) -> None:
    sign_in(client, bob)
    form = form_with(client.get("/posts/new/"), "title")
    form["title"], form["body"] = "A title", "Text"
    first, again = form.submit("save_draft", status=303), form.submit("save_draft", status=303)
    assert first.location == again.location
    form = form_with(first.follow(), "title")
    first, again = form.submit("publish", status=303), form.submit("publish", status=303)
    assert first.location == again.location
    assert bodies(db, Post, bob) == ["Text"]


def test_of_many_registrations_by_the_same_form_one_makes_the_account_and_all_lead_to_it(
    make_app: Callable[..., Router], db: Session
) -> None:
    app = make_app(captcha_provider="none", users_registration="invite")
    olga = make_user(db, "olga", role=USER.Role.ADMIN)
    token = invitations.make_invitation(db, olga.id, uses=2, days=1)
    db.commit()
    form = form_with(Visitor(app).get(f"/users/register/?invitation={token}"), "accept_tos")
    form["name"], form["email"], form["accept_tos"] = "ann", "ann@example.org", True
    form["password"] = form["confirm"] = PASSWORD
    answers = together([partial(form.submit, status="*") for _ in range(MANY)])
    assert {(answer.status_int, answer.location) for answer in answers} == {(303, "http://localhost/users/me/")}
    assert all("session" in cookies_set(answer) for answer in answers)
    assert db.scalars(sa.select(User.name).order_by(User.id)).all() == ["olga", "ann"]
    assert db.scalars(sa.select(Invitation.uses_left)).all() == [1]
