"""Staff ban a member from commenting: who reads why, and what becomes of what they said."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa
import webtest
from sqlalchemy.orm import Session

from myproject.comments.models import Comment
from myproject.db import utc_now
from myproject.moderation.tasks import show_after_bans
from myproject.posts.models import Post
from myproject.users import constants as USER
from myproject.users.models import CommentBan, User
from tests.conftest import Client, form_with
from tests.factories import make_comment, make_post, make_user, sign_in
from tests.functional.pages import flashes, summary

WHY = "Three insults in one day"


@pytest.fixture
def post(db: Session) -> Post:
    return make_post(db, make_user(db, "host"), "Of tea")


@pytest.fixture
def staff(make_client: Callable[..., Client], db: Session) -> Client:
    client = make_client()
    sign_in(client, make_user(db, "boss", role=USER.Role.STAFF))
    return client


def ban(staff: Client, name: str, days: str = "7", *, hide: bool = False) -> webtest.TestResponse:
    page = form_with(staff.get("/moderation/bans/"), "name")
    page["name"] = f"@{name.upper()}"
    form = form_with(page.submit().follow(), "days")
    form["days"], form["reason"], form["hide"] = days, WHY, hide
    return form.submit("ban", status="*")


def lift(staff: Client, user: User, *, show: bool = True) -> webtest.TestResponse:
    form = form_with(staff.get(f"/moderation/members/{user.id}/"), "show")
    form["show"] = show
    return form.submit("lift", status=303)


def test_who_is_banned_reads_why_in_place_of_the_form_and_loses_nothing_they_typed(
    client: Client, db: Session, staff: Client, ann: User, post: Post
) -> None:
    other = make_comment(db, post, make_user(db, "bob"))
    own = make_comment(db, post, ann)
    written = form_with(client.get(f"/posts/{post.id}/of-tea/"), "body")
    written["body"] = "What I wanted to say"
    assert flashes(ban(staff, "ann").follow()) == ["ann may not comment for now"]
    refused = written.submit("send", status=422)
    assert WHY in summary(refused)
    assert form_with(refused, "body")["body"].value == "What I wanted to say"
    page = client.get(f"/comments/{other.id}/reply/")
    assert WHY in page.html.select_one(".notice-warning").get_text()
    assert "form" not in page.forms
    place = client.get(f"/posts/{post.id}/of-tea/").html.select_one(".write-comment")
    assert WHY in place.get_text()
    assert place.textarea is None
    edited = form_with(client.get(f"/comments/{own.id}/edit/"), "body")
    edited["body"] = "Another insult"
    assert WHY in summary(edited.submit("save", status=422))
    # They read on, and post.
    client.get("/posts/new/", status=200)

    db.expire_all()
    db.scalars(sa.select(CommentBan)).one().ends_at = utc_now() - timedelta(seconds=1)
    kept = form_with(client.get(f"/posts/{post.id}/of-tea/"), "body")
    assert kept["body"].value.strip() == "What I wanted to say"
    kept.submit("send", status=303)


@pytest.mark.one_database
def test_a_ban_that_staff_have_not_seen_is_not_lifted(db: Session, staff: Client, ann: User) -> None:
    ban(staff, "ann")
    opened = form_with(staff.get(f"/moderation/members/{ann.id}/"), "show")
    lift(staff, ann)
    ban(staff, "ann", "30")
    page = opened.submit("lift", status=409)
    assert "This has changed since you opened it" in summary(page)
    assert len(db.scalars(sa.select(CommentBan).where(CommentBan.lifted_at.is_(None))).all()) == 1
    form_with(page, "show").submit("lift", status=303)


def test_their_earlier_comments_are_hidden_and_come_back_when_the_ban_is_lifted(
    db: Session, make_client: Callable[..., Client], staff: Client, ann: User, post: Post
) -> None:
    guest, page = make_client(), f"/posts/{post.id}/of-tea/"
    for number in range(3):
        make_comment(db, post, ann, f"Insult {number}")
    make_comment(db, post, make_user(db, "bob"), "A kind word")
    assert "Insult" in guest.get(page)
    ban(staff, "ann", "", hide=True)
    db.refresh(post)
    assert post.comment_count == 1
    assert "Insult" not in guest.get(page)
    assert "Insult" not in guest.get("/@ann/comments/")
    assert "until staff lift it" in staff.get("/moderation/bans/")
    lift(staff, ann)
    db.refresh(post)
    assert post.comment_count == 4
    assert "Insult 2" in guest.get(page)
    assert "Everybody may comment" in staff.get("/moderation/bans/")
    log = guest.get("/moderation/log/")
    assert "A member may not comment for a time" in log
    assert "ann" not in log.html.main.get_text().split()
    assert WHY not in log


@pytest.mark.one_database
def test_what_they_had_removed_before_does_not_come_into_the_open_while_the_rest_is_hidden(
    client: Client, db: Session, make_client: Callable[..., Client], staff: Client, ann: User, post: Post
) -> None:
    guest, page = make_client(), f"/posts/{post.id}/of-tea/"
    comment: Comment = make_comment(db, post, ann, "An insult")
    client.get(f"/comments/{comment.id}/delete/").forms["form"].submit(status=303)
    ban(staff, "ann", hide=True)
    form_with(client.get(f"/comments/{comment.id}/restore/"), "once").submit(status=303)
    assert "An insult" not in guest.get(page)
    lift(staff, ann)
    assert "An insult" in guest.get(page)


def test_staff_are_not_banned_and_nobody_twice(db: Session, staff: Client, ann: User) -> None:
    make_user(db, "other-staff", role=USER.Role.STAFF)
    assert "their role is changed first" in summary(ban(staff, "other-staff"))
    form = form_with(staff.get(f"/moderation/members/{ann.id}/"), "days")
    form["reason"] = WHY
    form.submit("ban", status=303)
    form.submit("ban", status=422)
    assert db.scalars(sa.select(sa.func.count()).select_from(CommentBan)).one() == 1


def test_an_unknown_nickname_is_said_to_be_one(staff: Client) -> None:
    assert "Nobody here has this nickname" in staff.get("/moderation/bans/?name=nobody")


def test_what_was_hidden_with_a_ban_can_stay_hidden_after_it(
    db: Session, staff: Client, ann: User, post: Post
) -> None:
    comment: Comment = make_comment(db, post, ann)
    ban(staff, "ann", hide=True)
    lift(staff, ann, show=False)
    db.refresh(comment)
    assert comment.hidden_at is not None


def test_what_was_hidden_with_a_ban_comes_back_when_that_has_ended_by_itself(
    client: Client, make_client: Callable[..., Client], db: Session, staff: Client, ann: User, post: Post
) -> None:
    first, second = make_comment(db, post, ann, "One word"), make_comment(db, post, ann, "Another word")
    ban(staff, "ann", hide=True)
    page, guest = f"/posts/{post.id}/of-tea/", make_client()
    # Removing it first neither brings it into the open nor leaves it hidden for good.
    client.get(f"/comments/{second.id}/delete/").forms["form"].submit("remove")
    client.get(f"/comments/{second.id}/restore/").forms["form"].submit("restore")
    client.get(f"/comments/{second.id}/delete/").forms["form"].submit("remove")
    db.expire_all()
    show_after_bans(client.app.registry)
    assert "word" not in guest.get(page).html.select_one("#comments").get_text()

    made = db.scalars(sa.select(CommentBan)).one()
    made.ends_at = utc_now()
    db.commit()
    show_after_bans(client.app.registry)
    assert "One word" in guest.get(page)
    client.get(f"/comments/{second.id}/restore/").forms["form"].submit("restore")
    assert "Another word" in guest.get(page)
    db.expire_all()
    assert (first.hidden_for, second.hidden_for, post.comment_count) == (None, None, 2)


def test_a_ban_hides_anew_what_an_ended_one_has_hidden(
    client: Client, make_client: Callable[..., Client], db: Session, staff: Client, ann: User, post: Post
) -> None:
    make_comment(db, post, ann, "Insult")
    ban(staff, "ann", hide=True)
    db.scalars(sa.select(CommentBan)).one().ends_at = utc_now()
    ban(staff, "ann", hide=True)
    show_after_bans(client.app.registry)
    page, guest = f"/posts/{post.id}/of-tea/", make_client()
    assert "Insult" not in guest.get(page)
    lift(staff, ann)
    assert "Insult" in guest.get(page)
