"""Removing posts: who may, what is left to see, the way back, and the end of it."""

from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage

import pytest
import sqlalchemy as sa
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.audit import Actor, AuditEntry
from myproject.db import utc_now
from myproject.emails.models import Email
from myproject.errors import Overtaken
from myproject.posts import constants as POST
from myproject.posts.models import Post, post_tags
from myproject.posts.services.removal import remove_post, restore_post
from myproject.posts.tasks import purge_removed
from myproject.search.models import SearchEntry
from myproject.users import constants as USER
from myproject.users.models import User
from tests.conftest import Client, form_with
from tests.factories import make_comment, make_post, make_user, sign_in
from tests.functional.pages import csrf_token

Mails = Callable[..., list[EmailMessage]]


@pytest.fixture
def staff(make_client: Callable[..., Client], db: Session) -> Client:
    client = make_client()
    sign_in(client, make_user(db, "boss", role=USER.Role.STAFF))
    return client


@pytest.fixture
def post(db: Session, ann: User) -> Post:
    return make_post(db, ann, "A secret title", body="The secret text", tags=["tea"])


def remove(client: Client, post: Post, reason: str = "") -> None:
    form = form_with(client.get(f"/posts/{post.id}/delete/"), "remove")
    if reason:
        form["reason"] = reason
    form.submit("remove", status=303)


def test_a_post_that_its_author_removed_is_gone_for_everybody_and_comes_back(
    client: Client, make_client: Callable[..., Client], db: Session, post: Post
) -> None:
    guest, address = make_client(), f"/posts/{post.id}/{post.slug}/"
    make_comment(db, post, make_user(db, "ben"))
    assert "A secret title" in guest.get("/")
    assert "The secret text" in guest.get(address)
    page = client.get(f"/posts/{post.id}/delete/")
    assert "A secret title" in page
    assert "with all its comments" in page
    remove(client, post)
    for where in (address, f"/posts/{post.id}/", f"/posts/{post.id}/history/"):
        page = guest.get(where, status=410)
        assert "It was removed by its author." in page
        assert "secret" not in page.html.select_one("main").get_text()
    assert "A secret title" not in guest.get("/")
    assert "A secret title" not in guest.get("/@ann/")
    assert db.scalars(sa.select(post_tags.c.listed_at)).all() == [None]
    assert db.query(AuditEntry).filter_by(target_type="posts").all() == []
    form_with(client.get(address, status=410), "restore").submit("restore", status=303)
    assert "The secret text" in guest.get(address)
    assert "A secret title" in guest.get("/")
    assert db.scalars(sa.select(post_tags.c.listed_at)).all() == [post.published_at]


def test_staff_remove_with_a_reason_that_everybody_reads_and_alone_restore(
    client: Client, staff: Client, make_client: Callable[..., Client], db: Session, post: Post, mails: Mails
) -> None:
    address = f"/posts/{post.id}/{post.slug}/"
    comment = make_comment(db, post, make_user(db, "ben"))
    mails()
    assert db.query(Email).filter_by(kind="reply").count() == 1
    form = form_with(staff.get(f"/posts/{post.id}/delete/"), "reason")
    assert "Fill in this field" in form.submit("remove", status=422)
    remove(staff, post, "Advertising for <b>tea</b>")
    db.expire_all()
    entry = db.query(AuditEntry).filter_by(action="post.remove", target_id=post.id).one()
    assert (entry.actor_name, entry.reason) == ("boss", "Advertising for <b>tea</b>")
    # Nobody is told of what nobody can read.
    assert db.query(Email).filter_by(kind="reply").count() == 0
    for visitor in (client, make_client()):
        page = visitor.get(address, status=410)
        assert "removed by the site's staff: Advertising for <b>tea</b>" in page.html.select_one("main").get_text()
        assert not page.html.select('button[name="restore"]')
        assert "Advertising" in visitor.get(f"/comments/{comment.id}/", status=410)
    page = staff.get(address, status=200)
    assert "The secret text" in page
    assert page.html.select_one("textarea") is None
    # Its author asks in vain.
    token = form_with(client.get("/users/me/"), "csrf_token")["csrf_token"].value
    client.post(f"/posts/{post.id}/restore/", {"csrf_token": token}, status=303)
    client.get(address, status=410)
    form_with(page, "restore").submit("restore", status=303)
    assert "The secret text" in make_client().get(address)
    db.expire_all()
    assert db.query(AuditEntry).filter_by(action="post.restore").count() == 1


def test_what_staff_remove_after_its_author_did_its_author_does_not_restore(
    client: Client, staff: Client, make_client: Callable[..., Client], db: Session, post: Post, mails: Mails
) -> None:
    address = f"/posts/{post.id}/{post.slug}/"
    form = form_with(staff.get(f"/posts/{post.id}/delete/"), "reason")
    remove(client, post)
    db.refresh(post)
    removed_at = post.removed_at
    form["reason"] = "Advertising"
    form.submit("remove", status=303)
    page = client.get(address, status=410)
    assert "removed by the site's staff: Advertising" in page.html.select_one("main").get_text()
    assert not page.html.select('button[name="restore"]')
    token = form_with(client.get("/users/me/"), "csrf_token")["csrf_token"].value
    client.post(f"/posts/{post.id}/restore/", {"csrf_token": token}, status=303)
    client.get(address, status=410)
    entry = db.query(AuditEntry).filter_by(action="post.remove").one()
    assert (entry.actor_name, entry.reason, entry.before) == ("boss", "Advertising", {"status": "REMOVED"})
    assert [mail["Subject"] for mail in mails(to="ann@")] == ["Staff removed your post “A secret title”"]
    # Once is enough, and its author can't take the reason away.
    form["reason"] = "Again"
    form.submit("remove", status=303)
    db.expire_all()
    remove_post(db, Actor(post.author_id, "ann"), post.id)
    assert post.removal_reason == "Advertising"
    # Also where both happen at once.
    with pytest.raises(Overtaken):
        restore_post(db, Actor(post.author_id, "ann"), post.id, removed_at=removed_at)
    assert db.query(AuditEntry).filter_by(action="post.remove").count() == 1


def test_an_author_restores_for_some_days_and_a_task_empties_what_is_older(
    client: Client, staff: Client, app: Router, db: Session, post: Post
) -> None:
    address = f"/posts/{post.id}/{post.slug}/"
    remove(client, post)
    db.execute(sa.update(Post).values(removed_at=utc_now() - timedelta(days=15)))
    assert not client.get(address, status=410).html.select('button[name="restore"]')
    db.commit()
    purge_removed(app.registry)
    assert staff.get(address).html.select('button[name="restore"]')
    db.execute(sa.update(Post).values(removed_at=utc_now() - timedelta(days=31)))
    db.commit()
    purge_removed(app.registry)
    db.expire_all()
    left = db.get_one(Post, post.id)
    assert (left.body, left.body_html, left.excerpt, left.tags) == ("", "", "", [])
    assert "secret" not in left.title + left.slug
    assert db.query(SearchEntry).filter_by(post_id=post.id).all() == []
    client.get(address, status=410)
    assert not staff.get(address).follow(status=200).html.select('button[name="restore"]')


def test_a_task_empties_more_than_go_in_one_transaction(
    app: Router, db: Session, ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(POST, "PURGE_BATCH", 2)
    for _ in range(3):
        make_post(db, ann)
    old = {"status": POST.Status.REMOVED, "removed_at": utc_now() - timedelta(days=31)}
    db.execute(sa.update(Post).values(old))
    db.commit()
    purge_removed(app.registry)
    assert db.scalars(sa.select(Post.body)).all() == ["", "", ""]


def test_nobody_learns_of_a_removed_draft(
    client: Client, staff: Client, make_client: Callable[..., Client], db: Session, ann: User
) -> None:
    draft = make_post(db, ann, "Half a thought", publish=False)
    # What waits is for staff to read, until its author takes it back.
    draft.status = POST.Status.WAITING
    staff.get(f"/posts/{draft.id}/{draft.slug}/")
    remove(client, draft)
    headings = client.get("/drafts/").html.select("main h2")
    assert [heading.get_text() for heading in headings] == ["Removed posts"]
    token = csrf_token(staff.get("/users/me/"))
    for reader in (make_client(), staff):
        for address in ("", f"{draft.slug}/", "source.md", "history/"):
            reader.get(f"/posts/{draft.id}/{address}", status=404)
    staff.post(f"/posts/{draft.id}/restore/", {"csrf_token": token}, status=404)
    answer = form_with(client.get(f"/posts/{draft.id}/", status=410), "restore").submit("restore", status=303)
    assert answer.location.endswith(f"/posts/{draft.id}/edit/")
    db.expire_all()
    assert db.get_one(Post, draft.id).status == POST.Status.DRAFT


def test_an_edit_of_a_post_that_was_removed_meanwhile_publishes_nothing(
    client: Client, staff: Client, db: Session, post: Post
) -> None:
    form = form_with(staff.get(f"/posts/{post.id}/edit/"), "title")
    remove(client, post)
    form["body"], form["reason"] = "Other words", "Clearer"
    page = form.submit("save", status=422)
    assert "was removed while you wrote" in page
    assert form_with(page, "body")["body"].value == "Other words"
    db.expire_all()
    assert db.get_one(Post, post.id).body == "The secret text"
