"""First posts and comments of new members wait for approval: nobody but their author and staff meets them."""

from collections.abc import Callable
from email.message import EmailMessage
from typing import Any

import pytest
import sqlalchemy as sa
import webtest
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.audit import Actor
from myproject.comments import constants as COMMENT
from myproject.comments.models import Comment
from myproject.posts import constants as POST
from myproject.posts.models import Post
from myproject.posts.services import approval
from myproject.posts.services.removal import remove_post, restore_post
from myproject.users import constants as USER
from myproject.users.models import User
from tests.conftest import Client, form_with
from tests.factories import make_post, make_user, sign_in
from tests.functional.pages import field_errors, flashes, summary, text_of

QUEUE = "/moderation/waiting/"
SECRET = "Nobody has read this"


@pytest.fixture
def app(make_app: Callable[..., Router]) -> Router:
    return make_app(posts_approve_first=1, comments_approve_first=1)


@pytest.fixture
def bob(db: Session) -> User:
    return make_user(db, "bob")


@pytest.fixture
def post(db: Session, bob: User) -> Post:
    return make_post(db, bob, "Of tea")


@pytest.fixture
def staff(make_client: Callable[..., Client], db: Session) -> Client:
    client = make_client()
    sign_in(client, make_user(db, "boss", role=USER.Role.STAFF))
    return client


def write_post(client: Client, title: str = SECRET) -> webtest.TestResponse:
    form = form_with(client.get("/posts/new/"), "title")
    form["title"], form["body"] = title, SECRET
    return form.submit("publish", status=303)


def write_comment(client: Client, post: Post, body: str = SECRET) -> webtest.TestResponse:
    form = form_with(client.get(f"/posts/{post.id}/{post.slug}/"), "body")
    form["body"] = body
    return form.submit("send", status=303)


def answer(staff: Client, path: str, button: str, reason: str = "") -> webtest.TestResponse:
    form = form_with(staff.get(f"{QUEUE}{path}"), "reason")
    form["reason"] = reason
    return form.submit(button, status="*")


def test_the_first_post_waits_unseen_until_staff_approve_it_and_the_second_does_not(
    client: Client,
    make_client: Callable[..., Client],
    staff: Client,
    db: Session,
    ann: User,
    bob: User,
    mails: Callable[..., list[EmailMessage]],
) -> None:
    page = write_post(client).follow()
    assert flashes(page) == ["Your post waits for approval by staff. You get a mail with their answer."]
    assert "Waiting for approval" in page.html.select_one(".post .badge").get_text()
    assert page.html.select_one("#comments") is None
    (waiting,) = db.scalars(sa.select(Post).where(Post.author_id == ann.id))
    assert (waiting.status, waiting.published_at) == (POST.Status.WAITING, None)
    other = make_client()
    sign_in(other, bob)
    address = f"/posts/{waiting.id}/{waiting.slug}/"
    for reader in (make_client(), other):
        assert SECRET not in reader.get("/")
        assert SECRET not in reader.get("/@ann/")
        reader.get(address, status=404)
    other.get(QUEUE, status=404)
    assert SECRET in client.get("/drafts/")
    assert SECRET in staff.get("/").click("Queue")

    assert answer(staff, f"posts/{waiting.id}/", "approve", "Welcome!").status_int == 303
    assert SECRET in make_client().get("/")
    assert SECRET in make_client().get(address)
    (mail,) = mails(to="ann@")
    assert mail["Subject"] == f"Your post “{SECRET}” is approved"
    assert "Welcome!" in text_of(mail)
    assert f"/posts/{waiting.id}/" in text_of(mail)
    assert flashes(write_post(client, "A second one").follow()) == ["Your post is published"]


def test_an_edit_of_a_waiting_post_leaves_it_waiting_and_staff_approve_only_what_they_saw(
    client: Client, staff: Client, db: Session, ann: User
) -> None:
    write_post(client)
    (waiting,) = db.scalars(sa.select(Post))
    opened = form_with(staff.get("/moderation/"), "reason")
    form = form_with(client.get(f"/posts/{waiting.id}/edit/"), "title")
    form["title"] = "Another title"
    form.submit("save", status=303)
    db.expire_all()
    assert (waiting.title, waiting.status) == ("Another title", POST.Status.WAITING)
    opened["reason"] = "Welcome!"
    page = opened.submit("approve", status=409)
    assert "This has changed since you opened it" in summary(page)
    assert page.html.select_one("article h2").get_text() == "Another title"
    db.refresh(waiting)
    assert waiting.status == POST.Status.WAITING
    again = form_with(page, "reason")
    assert again["reason"].value == "Welcome!"
    again.submit("approve", status=303)


def test_a_text_that_changes_while_staff_answer_comes_with_the_version_that_they_see(
    client: Client, staff: Client, db: Session, ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_post(client)
    (waiting,) = db.scalars(sa.select(Post))
    opened = form_with(staff.get(f"{QUEUE}posts/{waiting.id}/"), "reason")
    answer_once = approval.answer

    def edited_in_between(session: Session, actor: Actor, post_id: int, **given: Any) -> None:
        session.execute(sa.update(Post).values(title="Unseen", version=Post.version + 1))
        answer_once(session, actor, post_id, **given)

    monkeypatch.setattr(approval, "answer", edited_in_between)
    page = opened.submit("approve", status=409)
    assert page.html.select_one("article h2").get_text() == SECRET
    assert form_with(page, "reason")["shown"].value == str(waiting.version)


def test_footnotes_in_the_queue_lead_to_those_of_their_own_comment(
    client: Client, make_client: Callable[..., Client], staff: Client, db: Session, ann: User, post: Post
) -> None:
    other = make_client()
    sign_in(other, make_user(db, "eve"))
    for member in (client, other):
        write_comment(member, post, "Said[^1]\n\n[^1]: Noted")
    page = staff.get("/moderation/").html
    notes = [link["href"].removeprefix("#") for link in page.select(".prose a[href^='#']")]
    assert len(notes) == len(set(notes)) == 4
    for note in notes:
        assert len(page.find_all(id=note)) == 1


def test_a_first_comment_waits_uncounted_and_unmailed_until_it_is_approved(
    client: Client,
    make_client: Callable[..., Client],
    staff: Client,
    db: Session,
    ann: User,
    bob: User,
    post: Post,
    mails: Callable[..., list[EmailMessage]],
) -> None:
    page = write_comment(client, post).follow()
    assert "Your comment waits for approval" in page
    assert SECRET in page
    (waiting,) = db.scalars(sa.select(Comment))
    actor = Actor(bob.id, bob.name)
    db.refresh(post)
    assert (waiting.status, post.comment_count) == (COMMENT.Status.WAITING, 0)
    other = make_client()
    sign_in(other, bob)
    for reader in (make_client(), other, client):
        page = reader.get(f"/posts/{post.id}/of-tea/")
        assert SECRET not in page
        assert ("Your comment waits for approval" in page) is (reader is client)
    for reader in (make_client(), other):
        reader.get(f"/comments/{waiting.id}/", status=404)
    # Nor do they learn of it by what is said of its post, while that is removed.
    remove_post(db, actor, post.id)
    for reader, status in ((make_client(), 404), (other, 404), (client, 410)):
        reader.get(f"/comments/{waiting.id}/", status=status)
    restore_post(db, actor, post.id)
    assert mails(to="bob@") == []
    assert "Comment on Of tea" in client.get("/drafts/")

    assert SECRET in staff.get(QUEUE).follow()
    assert answer(staff, f"comments/{waiting.id}/", "approve").status_int == 303
    db.expire_all()
    assert (waiting.status, post.comment_count) == (COMMENT.Status.PUBLISHED, 1)
    assert SECRET in make_client().get(f"/posts/{post.id}/of-tea/")
    assert [mail["Subject"] for mail in mails(to="bob@")] == ["About “Of tea”"]
    assert [mail["Subject"] for mail in mails(to="ann@")] == ["Your comment on “Of tea” is approved"]
    write_comment(client, post, "The second")
    assert "The second" in make_client().get(f"/posts/{post.id}/of-tea/")


def test_what_staff_remove_stays_unseen_and_its_author_reads_why(
    client: Client,
    make_client: Callable[..., Client],
    staff: Client,
    db: Session,
    ann: User,
    bob: User,
    post: Post,
    mails: Callable[..., list[EmailMessage]],
) -> None:
    write_post(client)
    write_comment(client, post)
    (comment,) = db.scalars(sa.select(Comment))
    (waiting,) = db.scalars(sa.select(Post).where(Post.author_id == ann.id))
    page = answer(staff, f"posts/{waiting.id}/", "remove")
    assert (page.status_int, field_errors(page)) == (422, {"reason": "Say why: its author gets to read it"})
    for path in (f"posts/{waiting.id}/", f"comments/{comment.id}/"):
        assert answer(staff, path, "remove", "Be kind.").status_int == 303
    db.expire_all()
    assert (waiting.status, comment.status) == (POST.Status.REMOVED, COMMENT.Status.REMOVED)
    assert post.comment_count == 0
    told = mails(to="ann@")
    assert sorted(mail["Subject"] for mail in told) == [
        "Your comment on “Of tea” was not approved",
        f"Your post “{SECRET}” was not approved",
    ]
    assert all("Be kind." in text_of(mail) for mail in told)
    assert SECRET not in make_client().get("/")
    # Both have been answered.
    assert "Nothing waits" in staff.get(QUEUE).follow()
    # Who never could see it learns neither that it was there nor why it is not.
    other = make_client()
    sign_in(other, bob)
    for address in (f"/posts/{waiting.id}/", f"/comments/{comment.id}/"):
        for reader in (make_client(), other):
            assert "Be kind." not in reader.get(address, status=404)
        assert "Be kind." in client.get(address, status=410)
    assert SECRET in staff.get(f"/posts/{waiting.id}/").follow()
    assert SECRET in staff.get(f"/comments/{comment.id}/").follow()


def test_staff_need_no_approval_and_two_answers_are_one(
    client: Client, staff: Client, db: Session, ann: User
) -> None:
    assert flashes(write_post(staff, "From staff").follow()) == ["Your post is published"]
    write_post(client)
    (waiting,) = db.scalars(sa.select(Post).where(Post.author_id == ann.id))
    form = form_with(staff.get(f"{QUEUE}posts/{waiting.id}/"), "reason")
    form.submit("approve", status=303)
    assert "Somebody else has answered this meanwhile" in form.submit("approve", status=422)
