"""Removing comments: the place that is left, counts, the way back, and the end of it."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.audit import Actor, AuditEntry
from myproject.comments import constants as COMMENT
from myproject.comments.models import Comment
from myproject.comments.services.hiding import hide_comment
from myproject.comments.services.removal import remove_comment, restore_comment
from myproject.comments.services.writing import edit_comment
from myproject.comments.tasks import purge_removed
from myproject.db import utc_now
from myproject.errors import Overtaken
from myproject.moderation import constants as MODERATION
from myproject.moderation.models import Case
from myproject.moderation.services.flagging import flag_text
from myproject.posts.models import Post
from myproject.users import constants as USER
from myproject.users.models import User
from tests.conftest import Client, form_with
from tests.factories import make_comment, make_post, make_user, sign_in


@pytest.fixture
def post(db: Session, ann: User) -> Post:
    return make_post(db, ann)


@pytest.fixture
def staff(make_client: Callable[..., Client], db: Session) -> Client:
    client = make_client()
    sign_in(client, make_user(db, "boss", role=USER.Role.STAFF))
    return client


def remove(client: Client, comment: Comment, reason: str = "") -> None:
    form = form_with(client.get(f"/comments/{comment.id}/delete/"), "remove")
    if reason:
        form["reason"] = reason
    form.submit("remove", status=303).follow(status=200)


def shown(client: Client, post: Post) -> dict[str, str]:
    """What stands in each comment of a post's page, by its id."""
    articles = client.get(f"/posts/{post.id}/{post.slug}/").html.select("article.comment")
    return {article["id"]: article.get_text(" ", strip=True) for article in articles}


def counted(db: Session, post: Post) -> tuple[int, object]:
    db.commit()
    db.refresh(post)
    return post.comment_count, post.last_activity_at


def test_one_with_replies_leaves_its_place_and_one_without_none(
    client: Client, make_client: Callable[..., Client], db: Session, ann: User, post: Post
) -> None:
    guest = make_client()
    parent = make_comment(db, post, ann, "My secret word")
    reply = make_comment(db, post, ann, "An answer", parent)
    made = (parent.created_at, reply.created_at)
    assert len(shown(guest, post)) == 2
    assert counted(db, post) == (2, made[1])
    remove(client, parent)
    page = shown(guest, post)
    assert "This comment was removed by its author." in page[f"comment-{parent.id}"]
    assert "secret" not in page[f"comment-{parent.id}"]
    assert counted(db, post) == (1, made[1])
    # What it was removed for is still there, at its place.
    assert guest.get(f"/comments/{parent.id}/").location.endswith(f"#comment-{parent.id}")
    remove(client, reply)
    assert shown(guest, post) == {}
    assert counted(db, post) == (0, post.published_at)
    guest.get(f"/comments/{reply.id}/", status=410)
    form = form_with(client.get(f"/comments/{reply.id}/restore/"), "restore")
    form.submit("restore", status=303)
    assert "An answer" in shown(guest, post)[f"comment-{reply.id}"]
    assert counted(db, post) == (1, made[1])


def test_a_place_leads_to_no_history_which_nobody_may_open(
    client: Client, make_client: Callable[..., Client], staff: Client, db: Session, ann: User, post: Post
) -> None:
    made = [make_comment(db, post, ann, "My secret word") for _ in range(3)]
    for comment in made:
        make_comment(db, post, ann, "An answer", comment)
        edit_comment(db, comment.id, 1, "Otherwise", "<p>Otherwise</p>")
    remove(client, made[0])
    hide_comment(db, made[1], COMMENT.HiddenFor.REPORTS)
    for reader in (client, make_client(), staff):
        page = reader.get(f"/posts/{post.id}/{post.slug}/")
        assert [link["href"] for link in page.html.select("a.edited")] == [f"/comments/{made[2].id}/history/"]


def test_one_with_a_hidden_reply_keeps_its_place_until_that_is_removed(
    client: Client, make_client: Callable[..., Client], db: Session, ann: User, post: Post
) -> None:
    guest = make_client()
    parent = make_comment(db, post, ann, "My secret word")
    reply = make_comment(db, post, ann, "An answer", parent)
    hide_comment(db, reply, COMMENT.HiddenFor.REPORTS)
    remove(client, parent)
    assert list(shown(guest, post)) == [f"comment-{parent.id}", f"comment-{reply.id}"]
    guest.get(f"/comments/{parent.id}/", status=303)
    remove(client, reply)
    assert shown(guest, post) == {}


def test_staff_say_why_and_put_back(
    client: Client, staff: Client, make_client: Callable[..., Client], db: Session, ann: User, post: Post
) -> None:
    parent = make_comment(db, post, ann, "My secret word")
    make_comment(db, post, ann, "An answer", parent)
    address = f"/comments/{parent.id}/"
    assert "Fill in this field" in form_with(staff.get(f"{address}delete/"), "reason").submit("remove", status=422)
    remove(staff, parent, "Not <i>kind</i>")
    text = shown(make_client(), post)[f"comment-{parent.id}"]
    assert "removed by the site's staff: Not <i>kind</i>" in text
    assert db.query(AuditEntry).filter_by(action="comment.remove", target_id=parent.id).one().reason
    # Whoever began to answer it keeps the words.
    token = form_with(client.get("/users/me/"), "csrf_token")["csrf_token"].value
    values = {"body": "An answer too", "parent_id": str(parent.id), "csrf_token": token}
    page = client.post(f"/posts/{post.id}/comments/", values, status=422)
    assert form_with(page, "body")["body"].value == "An answer too"
    # Its author can't put it back, nor change it.
    client.get(f"{address}restore/", status=410)
    client.get(f"{address}edit/", status=303)
    page = staff.get(f"{address}restore/")
    assert "My secret word" in page
    form_with(page, "restore").submit("restore", status=303)
    assert "My secret word" in shown(make_client(), post)[f"comment-{parent.id}"]
    assert counted(db, post)[0] == 2


def test_what_staff_remove_after_its_author_did_its_author_does_not_restore(
    client: Client, staff: Client, db: Session, ann: User, post: Post
) -> None:
    comment = make_comment(db, post, ann, "My secret word")
    reporter = make_user(db, "eve")
    make_comment(db, post, reporter)
    spam = MODERATION.Reason.SPAM
    flag_text(db, reporter.id, spam, "", comment_id=comment.id, flags_to_hide=0, flagger_texts=0)
    db.commit()
    form = form_with(staff.get(f"/comments/{comment.id}/delete/"), "reason")
    remove(client, comment)
    db.refresh(comment)
    removed_at = comment.removed_at
    form["reason"] = "Advertising"
    form.submit("remove", status=303)
    assert "removed by the site's staff: Advertising" in client.get(f"/comments/{comment.id}/restore/", status=410)
    entry = db.query(AuditEntry).filter_by(action="comment.remove").one()
    assert (entry.actor_name, entry.reason, entry.before) == ("boss", "Advertising", {"status": "REMOVED"})
    # That is the answer to who reported it, too.
    case = db.query(Case).one()
    assert (case.state, case.decision) == (MODERATION.State.CLOSED, MODERATION.Decision.REMOVED)
    # Once is enough, and its author can't take the reason away.
    form["reason"] = "Again"
    form.submit("remove", status=303)
    db.expire_all()
    author = Actor(ann.id, ann.name)
    remove_comment(db, author, comment.id)
    assert comment.removal_reason == "Advertising"
    assert db.query(AuditEntry).filter_by(action="comment.remove").count() == 1
    # Also where both happen at once.
    with pytest.raises(Overtaken):
        restore_comment(db, author, comment.id, removed_at=removed_at)


@pytest.mark.parametrize("batch", [1, 2, COMMENT.PURGE_BATCH])
def test_a_task_deletes_what_was_removed_long_ago_and_leaves_places_with_replies(
    client: Client, app: Router, db: Session, ann: User, post: Post, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr(COMMENT, "PURGE_BATCH", batch)
    parent = make_comment(db, post, ann, "First")
    reply = make_comment(db, post, ann, "Answer", parent)
    below = make_comment(db, post, ann, "Answer to it", reply)
    for comment in (parent, reply, below):
        remove(client, comment)
    other = make_comment(db, post, ann, "Stays")
    kept = make_comment(db, post, ann, "Kept", other)
    remove(client, other)
    old = (
        sa.update(Comment).where(Comment.removed_at.is_not(None)).values(removed_at=utc_now() - timedelta(days=31))
    )
    db.execute(old)
    numbers = {other.id, kept.id}
    other_id = other.id
    db.commit()
    purge_removed(app.registry)
    db.expire_all()
    assert set(db.scalars(sa.select(Comment.id))) == numbers
    assert db.get_one(Comment, other_id).body == db.get_one(Comment, other_id).body_html == ""
    assert counted(db, post)[0] == 1
    # The place goes with the last of its replies.
    remove(client, kept)
    db.execute(old)
    db.commit()
    purge_removed(app.registry)
    assert db.scalars(sa.select(Comment.id)).all() == []
