"""Who is told of what: ann wrote a post, bob and cyd do something about it. On both databases."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
import sqlalchemy as sa
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.audit import Actor
from myproject.comments import constants as COMMENT
from myproject.comments.services import approval as comment_approval
from myproject.comments.services import hiding, moving
from myproject.comments.services import likes as comment_likes
from myproject.comments.services.removal import remove_comment, restore_comment
from myproject.comments.services.writing import create_comment, edit_comment
from myproject.db import utc_now
from myproject.notifications import constants as NOTE
from myproject.notifications.constants import Decision, Kind, Outcome
from myproject.notifications.models import Notification
from myproject.notifications.services import choices
from myproject.posts import constants as POST
from myproject.posts.models import Post, PostAttention, Tag, TagFollow, TagMute
from myproject.posts.services import approval, likes, removal, writing
from myproject.posts.services.attention import set_attention
from myproject.references import look_up_in
from myproject.text import render_markdown
from myproject.users import constants as USER
from myproject.users.models import User
from myproject.users.services import accounts
from myproject.users.services.history import note
from tests.conftest import Client, form_with
from tests.factories import make_comment, make_post, make_user, sign_in

FOLLOW, MUTE = POST.Attention.FOLLOW, POST.Attention.MUTE


@pytest.fixture
def cyd(db: Session) -> User:
    return make_user(db, "cyd")


@pytest.fixture
def boss(db: Session) -> Actor:
    user = make_user(db, "boss", role=USER.Role.STAFF)
    return Actor(user.id, user.name)


@pytest.fixture
def post(db: Session, ann: User) -> Post:
    return make_post(db, ann, "On bread", tags=["bread"])


def told(db: Session, user: User) -> list[tuple[str, Kind, Outcome]]:
    """What one member was told, as event, kind and outcome."""
    columns = (Notification.event, Notification.kind, Notification.outcome)
    rows = db.execute(sa.select(*columns).where(Notification.user_id == user.id).order_by(Notification.id))
    return [row._tuple() for row in rows]


def test_a_comment_tells_whom_it_answers_whom_it_names_and_who_follows_each_once(
    db: Session, ann: User, bob: User, cyd: User, post: Post
) -> None:
    dan = make_user(db, "dan")
    for user in (ann, bob, dan):
        set_attention(db, user.id, post.id, FOLLOW)
    first = make_comment(db, post, bob, "Good, @ann and @cyd and @bob")
    answer = make_comment(db, post, ann, "So it is, @cyd and @ann", first)
    one, two = f"comment:{first.id}", f"comment:{answer.id}"
    assert told(db, ann) == [(one, Kind.POST_REPLY, Outcome.WAITING)]
    assert told(db, bob) == [(two, Kind.COMMENT_REPLY, Outcome.WAITING)]
    assert told(db, cyd) == [(one, Kind.MENTION, Outcome.WAITING), (two, Kind.MENTION, Outcome.WAITING)]
    assert told(db, dan) == [(each, Kind.FOLLOWED_POST, Outcome.WAITING) for each in (one, two)]


def test_a_post_tells_whom_it_names_and_who_follows_one_of_its_tags(
    db: Session, ann: User, bob: User, cyd: User, post: Post
) -> None:
    bread = db.scalars(sa.select(Tag).where(Tag.name == "bread")).one()
    rye = Tag(name="rye")
    db.add(rye)
    db.flush()
    db.add_all([TagFollow(user_id=user.id, tag_id=bread.id) for user in (ann, bob, cyd)])
    db.add_all([TagFollow(user_id=bob.id, tag_id=rye.id), TagMute(user_id=cyd.id, tag_id=rye.id)])
    dan = make_user(db, "dan")
    body = "For @dan"
    html = render_markdown(body, look_up_in(db.info["registry"], db))
    text = writing.Text("Rye", body, html, "", ("bread", "rye"))
    made = writing.create_post(db, ann.id, text, publish=False)
    assert told(db, bob) == told(db, dan) == []
    made = writing.edit_post(db, made.id, made.version, text, publish=True)
    event = f"post:{made.id}"
    assert told(db, ann) == []
    assert told(db, bob) == [(event, Kind.FOLLOWED_TAG, Outcome.NO_DIGEST)]
    assert told(db, cyd) == [(event, Kind.FOLLOWED_TAG, Outcome.TAG_MUTED)]
    assert told(db, dan) == [(event, Kind.MENTION, Outcome.WAITING)]


def test_who_has_muted_the_post_or_wants_none_of_it_is_not_told_and_it_is_written_down(
    db: Session, ann: User, bob: User, cyd: User, post: Post
) -> None:
    set_attention(db, ann.id, post.id, MUTE)
    choices.set_choice(db, cyd.id, Kind.MENTION, False, NOTE.Way.NEVER)
    comment = make_comment(db, post, bob, "Good, @cyd")
    event = f"comment:{comment.id}"
    assert told(db, ann) == [(event, Kind.POST_REPLY, Outcome.MUTED)]
    assert told(db, cyd) == [(event, Kind.MENTION, Outcome.NEVER)]
    assert db.scalars(sa.select(Notification.id).where(Notification.in_inbox)).all() == []


def test_of_a_closed_account_the_reason_is_written_down_and_of_former_members_and_ones_own_doing_nothing(
    db: Session, ann: User, bob: User, cyd: User, post: Post
) -> None:
    ann.status = cyd.status = USER.Status.INACTIVE
    cyd.email = cyd.email_canonical = ""
    set_attention(db, cyd.id, post.id, FOLLOW)
    comment = make_comment(db, post, bob, "To @bob")
    assert told(db, ann) == [(f"comment:{comment.id}", Kind.POST_REPLY, Outcome.CLOSED)]
    row = db.scalars(sa.select(Notification)).one()
    assert (row.in_inbox, row.mail) == (False, NOTE.Mail.SKIPPED)


def test_an_edit_tells_who_is_named_anew_and_nobody_twice(
    db: Session, ann: User, bob: User, cyd: User, post: Post
) -> None:
    comment = make_comment(db, post, bob, "Good, @ann")
    for version, body in enumerate(["Good, @ann and @cyd", "Good, @cyd and @ann"], 1):
        html = render_markdown(body, look_up_in(db.info["registry"], db))
        edit_comment(db, comment.id, version, body, html)
    event = f"comment:{comment.id}"
    assert told(db, ann) == [(event, Kind.POST_REPLY, Outcome.WAITING)]
    assert told(db, cyd) == [(event, Kind.MENTION, Outcome.WAITING)]


def test_what_comes_to_name_somebody_while_it_is_hidden_tells_them_once_it_is_shown(
    db: Session, bob: User, cyd: User, post: Post
) -> None:
    comment = make_comment(db, post, bob, "Good")
    hiding.hide_comment(db, comment, COMMENT.HiddenFor.REPORTS)
    # Longer ago than its author has to wait.
    comment.hidden_at = utc_now() - timedelta(hours=1)
    html = render_markdown("Good, @cyd", look_up_in(db.info["registry"], db))
    edit_comment(db, comment.id, 1, "Good, @cyd", html)
    assert told(db, cyd) == []
    hiding.show_comment(db, comment)
    assert told(db, cyd) == [(f"comment:{comment.id}", Kind.MENTION, Outcome.WAITING)]


def test_what_waits_for_approval_tells_nobody_until_it_is_approved(
    db: Session, ann: User, bob: User, post: Post, boss: Actor
) -> None:
    waiting = create_comment(db, post.id, bob.id, "Hm", "<p>Hm</p>", approve_first=1)
    assert waiting is not None
    assert told(db, ann) == []
    comment_approval.answer(db, boss, waiting.id, approve=True, reason="Welcome!")
    assert told(db, ann) == [(f"comment:{waiting.id}", Kind.POST_REPLY, Outcome.WAITING)]
    ((event, kind, _outcome),) = told(db, bob)
    assert (event.partition(":")[0], kind) == ("moderation", Kind.MODERATION)


def test_likes_of_a_day_are_one_row_that_goes_with_the_last_of_them(
    db: Session, ann: User, bob: User, cyd: User, post: Post
) -> None:
    comment = make_comment(db, post, bob)
    for user in (bob, cyd):
        likes.like_post(db, user.id, post.id, True)
    comment_likes.like_comment(db, ann.id, comment.id, True)
    count = sa.select(Notification.actor_id, Notification.actor_count, Notification.mail)
    liked = Notification.event.like(f"like:post:{post.id}:%")
    assert db.execute(count.where(liked)).one() == (cyd.id, 2, NOTE.Mail.NONE)
    assert [kind for _event, kind, _outcome in told(db, bob)] == [Kind.LIKE]
    likes.like_post(db, cyd.id, post.id, False)
    assert db.execute(count.where(liked)).one() == (bob.id, 1, NOTE.Mail.NONE)
    likes.like_post(db, bob.id, post.id, False)
    assert db.execute(count.where(liked)).all() == []


def test_authors_are_told_what_staff_do_with_their_texts_in_staffs_words_and_not_what_they_do_themselves(
    db: Session, ann: User, bob: User, post: Post, boss: Actor
) -> None:
    decided = sa.select(Notification.user_id, Notification.decision, Notification.note).where(
        Notification.kind == Kind.MODERATION
    )
    comment = make_comment(db, post, bob, "Rude")
    own = make_comment(db, post, bob, "Oops")
    remove_comment(db, Actor(bob.id, bob.name), own.id)
    assert db.execute(decided).all() == []
    remove_comment(db, boss, comment.id, "Be kind.")
    removal.remove_post(db, boss, post.id, "Spam.")
    removal.restore_post(db, boss, post.id)
    text = writing.Text("On rye", "Rye", "<p>Rye</p>", "Rye", ("bread",))
    writing.edit_post(db, post.id, post.version, text, editor=boss, reason="A better title.")
    draft = writing.create_post(db, bob.id, text, publish=True, approve_first=1)
    approval.answer(db, boss, draft.id, approve=False, reason="No.")
    assert db.execute(decided.order_by(Notification.id)).all() == [
        (bob.id, Decision.REMOVED, "Be kind."),
        (ann.id, Decision.REMOVED, "Spam."),
        (ann.id, Decision.RESTORED, ""),
        (ann.id, Decision.EDITED, "A better title."),
        (bob.id, Decision.REFUSED, "No."),
    ]


def test_what_authors_do_themselves_tells_them_of_no_old_decision_of_staff(
    db: Session, bob: User, post: Post, boss: Actor
) -> None:
    own, comment = Actor(bob.id, bob.name), make_comment(db, post, bob, "Rude")
    mine = make_post(db, bob, "On wine")
    text = writing.Text("On beer", "Beer", "<p>Beer</p>", "Beer", ())

    def purge() -> None:
        assert told(db, bob) != []
        db.execute(sa.delete(Notification))

    edit_comment(db, comment.id, comment.version, "Nice", "<p>Nice</p>", editor=boss, reason="Be kind.")
    writing.edit_post(db, mine.id, mine.version, text, editor=boss, reason="A better title.")
    purge()
    edit_comment(db, comment.id, comment.version, "So", "<p>So</p>")
    writing.edit_post(db, mine.id, mine.version, text)
    assert told(db, bob) == []
    remove_comment(db, boss, comment.id, "No.")
    restore_comment(db, boss, comment.id)
    removal.remove_post(db, boss, mine.id, "No.")
    removal.restore_post(db, boss, mine.id)
    purge()
    remove_comment(db, own, comment.id)
    restore_comment(db, own, comment.id)
    removal.remove_post(db, own, mine.id)
    removal.restore_post(db, own, mine.id)
    assert told(db, bob) == []


def test_what_was_told_of_a_comment_goes_where_the_comment_goes_and_its_author_is_told_where(
    db: Session, ann: User, bob: User, post: Post, boss: Actor
) -> None:
    comment = make_comment(db, post, bob, "Off topic")
    other = make_post(db, ann)
    moving.move_comment(db, boss, comment.id, other.id, "It belongs there.")
    about = sa.select(Notification.post_id).where(Notification.event == f"comment:{comment.id}")
    assert db.scalars(about).all() == [other.id]
    decided = sa.select(Notification.decision, Notification.note, Notification.post_id)
    assert db.execute(decided.where(Notification.user_id == bob.id)).all() == [
        (Decision.MOVED, "It belongs there.", other.id)
    ]


def test_a_transaction_that_fails_leaves_nobody_told(
    make_app: Callable[..., Router],
    make_client: Callable[..., Client],
    db: Session,
    ann: User,
    bob: User,
    post: Post,
) -> None:
    client = make_client(make_app(**{"pyramid.includes": "tests.reliability.faults"}))
    sign_in(client, bob)
    form = form_with(client.get(f"/posts/{post.id}/{post.slug}/"), "body")
    form["body"] = "Hello"
    form.submit("send", status=500, headers={"X-Fail": "late"})
    assert told(db, ann) == []
    form.submit("send", status=303)
    assert len(told(db, ann)) == 1


def test_three_hundred_followers_cost_no_more_statements_than_none(
    db: Session, bob: User, post: Post, query_counter: Callable[..., AbstractContextManager[list[str]]]
) -> None:
    names = [f"fan{number}" for number in range(300)]
    active = {"status": USER.Status.ACTIVE, "email_verified_at": post.created_at}
    followers = [
        User(
            name=name,
            name_canonical=name,
            email=f"{name}@example.org",
            email_canonical=f"{name}@example.org",
            **active,
        )
        for name in names
    ]
    db.add_all(followers)
    db.flush()
    counts = []
    for following in (False, True):
        if following:
            rows = [{"user_id": user.id, "post_id": post.id, "attention": FOLLOW} for user in followers]
            db.execute(sa.insert(PostAttention), rows)
        db.commit()
        with query_counter() as statements:
            make_comment(db, post, bob, "News")
        counts.append(len(statements))
    assert db.scalar(sa.select(sa.func.count()).where(Notification.kind == Kind.FOLLOWED_POST)) == 300
    # Those who follow are told other things than the author: one INSERT more.
    assert counts[1] <= counts[0] + 1


def test_what_concerns_the_safety_of_an_account_stands_in_its_inbox_and_its_mail_goes_by_itself(
    db: Session, ann: User
) -> None:
    note(db, ann, USER.SecurityEvent.PASSKEY_ADDED, accounts.Client("127.0.0.1", "a browser"), "A phone")
    note(db, ann, USER.SecurityEvent.SIGNED_IN, accounts.Client("127.0.0.1", "a browser"))
    ((event, kind, outcome),) = told(db, ann)
    assert (event.partition(":")[0], kind, outcome) == ("security", Kind.SECURITY, Outcome.NEVER)
