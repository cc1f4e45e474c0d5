"""Blocking: of whom one has blocked one is told nothing, whatever they do; until one unblocks them."""

import json
from collections.abc import Callable
from email.message import EmailMessage
from typing import Any

import pytest
import sqlalchemy as sa
import webtest
from sqlalchemy.orm import Session

from myproject.audit import Actor
from myproject.comments.services.removal import remove_comment
from myproject.db import utc_now
from myproject.notifications.constants import Kind, Outcome
from myproject.notifications.models import Notification
from myproject.posts import constants as POST
from myproject.posts.models import Tag, TagFollow
from myproject.posts.services import likes
from myproject.posts.services.attention import set_attention
from myproject.users import constants as USER
from myproject.users.models import User, UserBlock
from myproject.users.services import accounts, blocks, deletion, export
from tests.conftest import Client
from tests.factories import make_comment, make_post, make_user, sign_in
from tests.functional.pages import flashes, text_of

Mails = Callable[..., list[EmailMessage]]
LIST = "/users/me/blocked/"


@pytest.fixture
def bob(db: Session) -> User:
    return make_user(db, "bob")


@pytest.fixture
def cyd(db: Session) -> User:
    return make_user(db, "cyd")


def form_of(page: webtest.TestResponse, name: str) -> webtest.Form:
    """The form of the page that has a button of this name."""
    return next(form for form in page.forms.values() if name in form.fields)


def told(db: Session, user: User) -> list[tuple[Kind, Outcome, bool, str, int]]:
    """What a member was told: as what, what became of it, whether it is in the inbox, by whom and how many."""
    columns = (Notification.kind, Notification.outcome, Notification.in_inbox, User.name, Notification.actor_count)
    rows = sa.select(*columns).outerjoin(User, User.id == Notification.actor_id)
    return [
        row._tuple() for row in db.execute(rows.where(Notification.user_id == user.id).order_by(Notification.id))
    ]


def test_who_blocks_somebody_is_told_nothing_of_them_and_all_of_others_until_they_unblock(
    client: Client, db: Session, mails: Mails, ann: User, bob: User, cyd: User
) -> None:
    post, elsewhere = make_post(db, ann, "On bread"), make_post(db, cyd, "On wine")
    own = make_comment(db, elsewhere, ann, "Rye?")
    set_attention(db, ann.id, elsewhere.id, POST.Attention.FOLLOW)
    tea = Tag(name="tea")
    db.add(tea)
    db.flush()
    db.add(TagFollow(user_id=ann.id, tag_id=tea.id))
    db.execute(sa.delete(Notification))

    def named() -> set[str]:
        """Of whom ann got mail."""
        words = " ".join(text_of(mail) for mail in mails(to="ann@example.org"))
        return {name for name in ("bob", "cyd") if name in words}

    def write_as(user: User) -> None:
        make_comment(db, post, user, "To the post")
        make_comment(db, elsewhere, user, "To the comment", own)
        make_comment(db, make_post(db, cyd, f"By {user.name}"), user, "Naming @ann")
        make_comment(db, elsewhere, user, "Followed")
        make_post(db, user, f"Tea of {user.name}", tags=["tea"])

    # What waits for its window when the block comes is not mailed any more.
    make_comment(db, post, bob, "Just before")
    page = form_of(client.get("/@bob/"), "on").submit("on", value="1", status=303).follow()
    assert flashes(page) == ["You hear nothing more of bob"]
    assert "You have blocked this member" in page
    write_as(bob)
    write_as(cyd)
    assert named() == {"cyd"}
    kinds = [Kind.POST_REPLY, Kind.COMMENT_REPLY, Kind.MENTION, Kind.FOLLOWED_POST, Kind.FOLLOWED_TAG]
    by_bob = [row for row in told(db, ann) if row[3] == "bob"]
    assert by_bob[0] == (Kind.POST_REPLY, Outcome.BLOCKED, True, "bob", 1)
    assert by_bob[1:] == [(kind, Outcome.BLOCKED, False, "bob", 1) for kind in kinds]
    by_cyd = [row[:3] for row in told(db, ann) if row[3] == "cyd"]
    mailed = [(kind, Outcome.MAILED, True) for kind in kinds[:4]]
    assert by_cyd == [*mailed, (Kind.FOLLOWED_TAG, Outcome.NO_DIGEST, True)]
    # The other way round nothing changes.
    make_comment(db, make_post(db, bob, "By bob"), ann, "Hello")
    assert Outcome.BLOCKED not in {row[1] for row in told(db, bob)}

    page = form_of(client.get("/@bob/"), "on").submit("on", value="0", status=303).follow()
    assert flashes(page) == ["You hear of bob again"]
    make_comment(db, post, bob, "Once more")
    assert named() == {"bob", "cyd"}


def test_likes_of_who_is_blocked_do_not_count_and_alone_tell_nothing(
    db: Session, ann: User, bob: User, cyd: User
) -> None:
    post, dan = make_post(db, ann), make_user(db, "dan")
    blocks.block(db, ann.id, bob.id)

    def like(user: User, on: bool = True) -> list[Any]:
        likes.like_post(db, user.id, post.id, on)
        return told(db, ann)

    assert like(bob) == [(Kind.LIKE, Outcome.BLOCKED, False, "bob", 1)]
    assert like(cyd) == [(Kind.LIKE, Outcome.NEVER, True, "cyd", 1)]
    assert like(dan) == [(Kind.LIKE, Outcome.NEVER, True, "dan", 2)]
    like(bob, False)
    assert like(bob) == [(Kind.LIKE, Outcome.NEVER, True, "dan", 2)]
    like(dan, False)
    assert like(cyd, False) == [(Kind.LIKE, Outcome.BLOCKED, False, "bob", 1)]
    assert like(bob, False) == []


def test_staff_who_are_blocked_still_tell_what_they_decide(db: Session, ann: User, cyd: User) -> None:
    boss = make_user(db, "boss", role=USER.Role.STAFF)
    blocks.block(db, ann.id, boss.id)
    comment = make_comment(db, make_post(db, cyd), ann)
    remove_comment(db, Actor(boss.id, boss.name), comment.id, "Be kind.")
    assert [row[:3] for row in told(db, ann)] == [(Kind.MODERATION, Outcome.WAITING, True)]


@pytest.mark.one_database
def test_the_list_unblocks_also_those_whose_profile_is_shut(
    client: Client, make_client: Callable[..., Client], db: Session, ann: User, bob: User, cyd: User
) -> None:
    assert "You have blocked nobody" in client.get(LIST)
    for _time in range(2):
        client.get("/@bob/")
        blocks.block(db, ann.id, bob.id)
    blocks.block(db, ann.id, cyd.id)
    cyd.status = USER.Status.INACTIVE
    page = client.get("/notifications/settings/").click("Members whom you have blocked")
    assert [each.span.get_text(" ", strip=True).split()[0] for each in page.html.select("ul.posts li")] == [
        "cyd",
        "bob",
    ]
    assert [link["href"] for link in page.html.select("ul.posts a")] == ["/@bob/"]
    page = form_of(page, "member").submit("member", value=str(cyd.id), status=303).follow()
    assert flashes(page) == ["They are not blocked any more"]
    assert db.scalars(sa.select(UserBlock.blocked_id)).all() == [bob.id]
    for after in ("bees", "9" * 40, "-1"):
        client.get(f"{LIST}?after={after}", status=404)
    assert client.get(f"{LIST}?after={bob.id}").html.select("ul.posts li") == []
    # Nobody else sees any of it, themselves least of all.
    guest, other = make_client(), make_client()
    sign_in(other, bob)
    for reader in (guest, other):
        assert "Unblock" not in reader.get("/@bob/")
    assert not any("on" in form.fields for form in other.get("/@bob/").forms.values())


@pytest.mark.one_database
def test_blocks_are_in_the_file_of_who_blocks_and_go_with_either_account(
    db: Session, ann: User, bob: User, cyd: User
) -> None:
    blocks.block(db, ann.id, bob.id)
    blocks.block(db, cyd.id, ann.id)
    person = export.person_of(ann)
    ((path, pieces),) = blocks.export_blocks(db, person)
    assert (path, [row["name"] for row in json.loads("".join(pieces))]) == ("blocked.json", ["bob"])
    deletion.ask_for_deletion(db, ann.id, USER.Deletion.KEEP_POSTS, accounts.Client("127.0.0.1", "a test"))
    ann.delete_after = utc_now()
    db.flush()
    assert deletion.erase(db, ann.id)
    assert db.scalars(sa.select(UserBlock.user_id)).all() == []
