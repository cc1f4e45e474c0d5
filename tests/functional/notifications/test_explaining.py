"""Why somebody was told, or was not: the sentences, word for word. What is decided other tests see to."""

from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage

import pytest
import sqlalchemy as sa
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.audit import Actor
from myproject.comments.models import Comment
from myproject.comments.services import hiding
from myproject.comments.services.removal import remove_comment
from myproject.comments.services.writing import edit_comment
from myproject.db import utc_now
from myproject.emails import constants as EMAIL
from myproject.emails.errors import DeliveryError
from myproject.emails.models import Email
from myproject.emails.services import suppression
from myproject.emails.services.delivery import claim, mark_failed, mark_sent, purge_emails
from myproject.emails.services.handling import resend
from myproject.emails.services.unsubscribing import Stop, make_token
from myproject.notifications.constants import Decision, Digest, Kind, Mail, Way
from myproject.notifications.models import Notification
from myproject.notifications.services import choices, inbox
from myproject.notifications.services.decisions import tell_decision
from myproject.notifications.services.why import explain
from myproject.notifications.tasks import mail_due, send_digests
from myproject.posts import constants as POST
from myproject.posts.models import Post, Tag, TagFollow, TagMute
from myproject.posts.services import likes
from myproject.posts.services.attention import set_attention
from myproject.security.keys import keys_of
from myproject.users import constants as USER
from myproject.users.models import User
from myproject.users.services import blocks
from tests.conftest import Client
from tests.factories import make_comment, make_post, make_user, sign_in
from tests.functional.pages import text_of

pytestmark = pytest.mark.one_database

Mails = Callable[..., list[EmailMessage]]
ANSWERED = "bob answered your post."
UNBLOCKED = "You have not blocked who wrote it."
UNMUTED, WANTED = "You have not muted the post.", "You want mail about such things."
CONFIRMED, ARRIVES = "Your address is confirmed.", "No mail to your address has come back."
UNREAD, UNCAPPED = "You had not read it on the site.", "You had not got too many mails that day."
IN_INBOX = "It is in your inbox."


@pytest.fixture
def why(db: Session, mails: Mails, ann: User, post: Post) -> Callable[..., list[str]]:
    """`why()` mails what is due and gives what the site says to ann of the latest event, what happened first."""

    def read(number: int = 1, user: User = ann) -> list[str]:
        mails()
        explained = explain(db, user.id, post.id)[number]
        return [explained.what.interpolate(), *(line.text.interpolate() for line in explained.lines)]

    return read


Why = Callable[..., list[str]]


def test_mailed(db: Session, why: Why, bob: User, post: Post) -> None:
    make_comment(db, post, bob)
    assert why() == [
        ANSWERED,
        UNBLOCKED,
        UNMUTED,
        WANTED,
        CONFIRMED,
        ARRIVES,
        UNREAD,
        UNCAPPED,
        IN_INBOX,
        "It was mailed to you.",
        "The mail server has taken the mail.",
    ]


def test_folded_into_one_mail_with_others(db: Session, why: Why, bob: User, post: Post) -> None:
    for _number in range(2):
        make_comment(db, post, bob)
    assert why()[-3:] == [
        IN_INBOX,
        "It was mailed to you, in one mail with more about the post.",
        "The mail server has taken the mail.",
    ]


def test_waiting_for_the_window(db: Session, why: Why, bob: User, post: Post) -> None:
    make_comment(db, post, bob)
    db.execute(sa.update(Notification).values(mail_at=utc_now() + timedelta(minutes=9)))
    # What is asked when it ends is not claimed before.
    waits = "The mail waits a while, in case you read it on the site first."
    assert why() == [ANSWERED, UNBLOCKED, UNMUTED, WANTED, CONFIRMED, IN_INBOX, waits]


def test_the_end_is_what_became_of_the_mail_also_when_the_outbox_has_forgotten_it(
    app: Router, db: Session, ann: User, bob: User, post: Post
) -> None:
    comments = [make_comment(db, post, bob) for _number in range(2)]
    db.commit()
    mail_due(app.registry)

    def take_back() -> None:
        remove_comment(db, Actor(bob.id, bob.name), comments[0].id)

    def purge() -> None:
        assert purge_emails(db, -timedelta(days=1)) == 1

    def ends() -> list[list[str]]:
        explained = explain(db, ann.id, post.id)[1:]
        return [[line.text.interpolate() for line in each.lines][-2:] for each in explained]

    assert ends() == [[IN_INBOX, "The mail is on its way."]] * 2
    for state, sentence in {
        EMAIL.State.DEAD: "The mail could not be sent: it was refused, or no try got through.",
        EMAIL.State.CANCELLED: "The mail was stopped before it was sent.",
        EMAIL.State.EXPIRED: "The mail could not be sent in time, and was too old then.",
        EMAIL.State.SUPPRESSED: "Mail to your address has come back, so nothing was mailed to it.",
    }.items():
        for forget in (purge, take_back):
            before = db.begin_nested()
            db.execute(sa.update(Email).values(state=state))
            assert ends() == [[IN_INBOX, sentence]] * 2
            forget()
            assert db.scalars(sa.select(Email.id)).all() == []
            assert ends() == [[IN_INBOX, sentence]] * 2
            before.rollback()


def test_a_mail_that_is_wanted_no_longer_ends_with_what_keeps_back_each_thing_in_it(
    app: Router, db: Session, mails: Mails, ann: User, bob: User
) -> None:
    elsewhere = make_post(db, bob)
    set_attention(db, ann.id, elsewhere.id, POST.Attention.FOLLOW)
    make_comment(db, elsewhere, bob)
    naming = make_comment(db, elsewhere, bob, "Ask @ann.")
    db.commit()
    mail_due(app.registry)
    set_attention(db, ann.id, elsewhere.id, None)
    edit_comment(db, naming.id, 1, "nobody", "<p>nobody</p>")
    assert mails() == []
    for _look in range(2):
        (_now, mentioned, followed) = explain(db, ann.id, elsewhere.id)
        assert [each.lines[-1].text.interpolate() for each in (mentioned, followed)] == [
            "The text was changed before it was mailed, and names you no longer.",
            "You had stopped following it before it was mailed.",
        ]
        purge_emails(db, -timedelta(days=1))


def test_what_was_mailed_stays_so_whatever_keeps_it_from_going_once_more(
    db: Session, mails: Mails, why: Why, ann: User, bob: User, post: Post
) -> None:
    make_comment(db, post, bob)
    taken = "It was mailed to you.", "The mail server has taken the mail."
    assert tuple(why()[-2:]) == taken
    set_attention(db, ann.id, post.id, POST.Attention.MUTE)
    (sent,) = db.scalars(sa.select(Email))
    # It came back, and an admin lets it go once more.
    sent.state = EMAIL.State.DEAD
    resend(db, Actor(bob.id, bob.name), sent.id)
    assert tuple(why()[-2:]) == taken
    assert len(mails()) == 1
    db.refresh(sent)
    assert sent.state is EMAIL.State.CANCELLED
    purge_emails(db, -timedelta(days=1))
    assert why()[-1] == taken[0]


def test_muted(db: Session, why: Why, ann: User, bob: User, post: Post) -> None:
    set_attention(db, ann.id, post.id, POST.Attention.MUTE)
    make_comment(db, post, bob)
    assert why() == [
        ANSWERED,
        UNBLOCKED,
        "It is not in your inbox.",
        "You have muted the post.",
    ]


def test_blocked_before_and_while_it_waited(db: Session, why: Why, ann: User, bob: User, post: Post) -> None:
    make_comment(db, post, bob)
    blocks.block(db, ann.id, bob.id)
    assert why() == [ANSWERED, IN_INBOX, "You have blocked who wrote it."]
    make_comment(db, post, bob)
    assert why() == [ANSWERED, "It is not in your inbox.", "You have blocked who wrote it."]
    likes.like_post(db, bob.id, post.id, True)
    assert why() == ["bob liked your post.", "It is not in your inbox.", "You have blocked who liked it."]


def test_wanted_by_no_mail(db: Session, why: Why, ann: User, bob: User, post: Post) -> None:
    choices.stop_mail(db, ann.id, [Kind.POST_REPLY])
    make_comment(db, post, bob)
    assert why() == [ANSWERED, UNBLOCKED, UNMUTED, IN_INBOX, "You want no mail about such things."]


def test_read_on_the_site(db: Session, why: Why, ann: User, bob: User, post: Post) -> None:
    make_comment(db, post, bob)
    inbox.read_all(db, ann.id, 2**40)
    assert why()[-2:] == [IN_INBOX, "You had read it on the site, so it was not mailed."]


def test_removed(db: Session, why: Why, bob: User, post: Post) -> None:
    remove_comment(db, Actor(bob.id, bob.name), make_comment(db, post, bob).id)
    assert why() == [ANSWERED, IN_INBOX, "It was removed before it was mailed."]


def test_named_no_longer(db: Session, why: Why, ann: User, bob: User) -> None:
    elsewhere = make_post(db, bob)
    comment = make_comment(db, elsewhere, bob)
    mention = '<p><a href="/@ann/" class="mention">@ann</a></p>'
    edit_comment(db, comment.id, 1, "@ann", mention)
    edit_comment(db, comment.id, 2, "nobody", "<p>nobody</p>")
    why(0)
    (_now, explained) = explain(db, ann.id, elsewhere.id)
    assert explained.what.interpolate() == "bob mentioned you in a comment."
    last = explained.lines[-1].text.interpolate()
    assert last == "The text was changed before it was mailed, and names you no longer."


def test_address_not_confirmed(db: Session, why: Why, ann: User, bob: User, post: Post) -> None:
    ann.email_verified_at = None
    make_comment(db, post, bob)
    assert why()[-2:] == [IN_INBOX, "Your address is not confirmed, so nothing was mailed to it."]


def test_address_that_mail_comes_back_from(db: Session, why: Why, bob: User, post: Post) -> None:
    suppression.note(db, "ann@example.org", EMAIL.Reason.HARD)
    make_comment(db, post, bob)
    assert why()[-3:] == [
        CONFIRMED,
        IN_INBOX,
        "Mail to your address has come back, so nothing was mailed to it.",
    ]


def test_too_many_mails_that_day(db: Session, why: Why, ann: User, bob: User, post: Post) -> None:
    # As many as the cap lets through, by rows that say so.
    mailed = {"kind": Kind.POST_REPLY, "mail": Mail.MAILED, "user_id": ann.id}
    db.add_all([Notification(event=f"test:{number}", **mailed) for number in range(30)])
    make_comment(db, post, bob)
    assert why()[-3:] == [
        UNREAD,
        IN_INBOX,
        "You had got as many mails that day as the site sends to one member, so it was not mailed.",
    ]


def test_in_the_digest_and_before_it(app: Router, db: Session, why: Why, ann: User, bob: User, post: Post) -> None:
    choices.set_choice(db, ann.id, Kind.POST_REPLY, True, Way.DIGEST)
    make_comment(db, post, bob)
    assert why()[-1] == "You want such things in a digest, and you get no digest."
    choices.set_digest(db, ann.id, Digest.DAILY)
    make_comment(db, post, bob)
    assert why()[-4:] == [
        CONFIRMED,
        "You want such things in your digest.",
        IN_INBOX,
        "It waits for your next digest.",
    ]
    db.execute(sa.text("UPDATE notification_preferences SET digest_sent_at = '2020-01-01 00:00:00.000000'"))
    db.commit()
    send_digests(app.registry)
    assert why()[-3:] == [IN_INBOX, "It was in your digest.", "The mail server has taken the mail."]
    make_comment(db, post, bob)
    choices.set_digest(db, ann.id, Digest.OFF)
    assert why()[-2:] == [IN_INBOX, "You want such things in a digest, and you get no digest."]


def test_by_a_tag_and_against_a_tag(db: Session, ann: User, bob: User) -> None:
    rye, wheat = Tag(name="rye"), Tag(name="wheat")
    db.add_all([rye, wheat])
    db.flush()
    db.add_all([TagFollow(user_id=ann.id, tag_id=rye.id), TagMute(user_id=ann.id, tag_id=wheat.id)])
    both = make_post(db, bob, "On both", tags=["rye", "wheat"])
    (_now, explained) = explain(db, ann.id, both.id)
    assert explained.what.interpolate() == "bob wrote the post. It has the tag rye, which you follow."
    assert explained.lines[-1].text.interpolate() == "You have muted a tag of the post."


def test_a_like_and_a_decision(db: Session, why: Why, ann: User, bob: User, post: Post) -> None:
    likes.like_post(db, bob.id, post.id, True)
    assert why() == [
        "bob liked your post.",
        "You have not blocked who liked it.",
        UNMUTED,
        IN_INBOX,
        "Likes are not mailed.",
    ]
    boss = make_user(db, "boss", role=USER.Role.STAFF)
    comment = make_comment(db, post, ann)
    remove_comment(db, Actor(boss.id, boss.name), comment.id, "Be kind.")
    assert why()[:2] == ["Staff decided about your comment.", WANTED]
    about = {"post_id": post.id, "comment_id": comment.id}
    tell_decision(db, ann.id, Decision.REPORT_UPHELD, "moderation:report", **about)
    assert why()[:2] == ["Staff decided about the comment that you reported.", WANTED]


def test_what_would_become_of_a_comment_now(db: Session, why: Why, ann: User, bob: User, post: Post) -> None:
    assert why(0) == [
        "If somebody answers the post now: you wrote it.",
        UNMUTED,
        WANTED,
        CONFIRMED,
        ARRIVES,
        "The mail goes out at once.",
        "It will be in your inbox.",
    ]
    assert why(0, bob) == [
        "You neither wrote the post nor follow it. You hear of answers to your comments and of your name.",
        UNMUTED,
    ]
    set_attention(db, bob.id, post.id, POST.Attention.MUTE)
    assert why(0, bob)[1:] == ["You have muted the post."]
    assert explain(db, bob.id, post.id + 1) == []
    assert db.scalars(sa.select(Comment.id)).all() == []


def mailed(app: Router, db: Session) -> Email:
    """Queues what is due, and gives the mail."""
    db.commit()
    mail_due(app.registry)
    return db.scalars(sa.select(Email)).one()


def lines_of(db: Session, user: User, post: Post) -> list[str]:
    """The last sentence about each event, the latest event first."""
    return [each.lines[-1].text.interpolate() for each in explain(db, user.id, post.id)[1:]]


def test_a_folded_mail_goes_while_one_reason_in_it_is_wanted_and_else_ends_with_each_of_them(
    app: Router, db: Session, client: Client, ann: User, bob: User, post: Post
) -> None:
    rye = make_comment(db, post, ann, "Rye?")
    for parent in (None, rye):
        make_comment(db, post, bob, "Hello", parent)
    mail = mailed(app, db)
    db.execute(sa.update(Email).values(next_attempt_at=utc_now() + timedelta(hours=1)))
    token = make_token(keys_of(app.registry), Stop(ann.id, EMAIL.Topic.COMMENT_REPLY))
    client.post(f"/emails/unsubscribe/{token}/", "List-Unsubscribe=One-Click", status=200)
    db.refresh(mail)
    assert mail.state is EMAIL.State.QUEUED
    assert lines_of(db, ann, post) == ["The mail is on its way."] * 2
    sign_in(client, ann)
    form = client.get("/notifications/settings/").forms["form"]
    form["mail_post_reply"] = "0"
    form.submit("save", status=303)
    db.refresh(mail)
    assert mail.state is EMAIL.State.CANCELLED
    assert mail.context is None
    assert mail.last_error == "Its reader gets it no longer: NEVER"
    assert lines_of(db, ann, post) == ["You want no mail about such things."] * 2


def test_what_is_taken_back_while_its_mail_is_being_sent_ends_as_the_try_does(
    app: Router, db: Session, mails: Mails, ann: User, bob: User, post: Post
) -> None:
    removed, _kept, hidden = (make_comment(db, post, bob, body) for body in ("First", "Second", "Third"))
    mail = mailed(app, db)
    lease = claim(db, "a worker")
    assert lease is not None
    remove_comment(db, Actor(bob.id, bob.name), removed.id)
    hiding.hide_comment(db, hidden, hiding.COMMENT.HiddenFor.REPORTS)
    db.refresh(mail)
    assert mail.context is None
    assert lines_of(db, ann, post) == ["The mail is on its way."] * 3

    before = db.begin_nested()
    mark_sent(db, mail, "About “On bread”")
    folded = "It was mailed to you, in one mail with more about the post."
    assert db.scalars(sa.select(Email.id)).all() == []
    assert lines_of(db, ann, post) == [folded, folded, "It was mailed to you."]
    before.rollback()

    mark_failed(db, lease, DeliveryError("451 later", EMAIL.Fault.LATER))
    db.commit()
    mail_due(app.registry)
    (sent,) = mails(to="ann@")
    assert "Second" in text_of(sent)
    assert lines_of(db, ann, post) == [
        "It was hidden before it was mailed.",
        "The mail server has taken the mail.",
        "It was removed before it was mailed.",
    ]
    hiding.show_comment(db, hidden)
    assert "Third" in text_of(mails(to="ann@")[-1])
    assert len(mails(to="ann@")) == 2


def test_the_rest_of_a_mail_whose_worker_ended_is_mailed_after_its_lease(
    app: Router, db: Session, mails: Mails, bob: User, post: Post
) -> None:
    removed, _kept = (make_comment(db, post, bob, body) for body in ("First", "Second"))
    mailed(app, db)
    assert claim(db, "a worker that ends")
    remove_comment(db, Actor(bob.id, bob.name), removed.id)
    assert mails() == []
    db.execute(sa.update(Email).values(lease_until=utc_now() - timedelta(seconds=1)))
    assert mails() == []
    mail_due(app.registry)
    (mail,) = mails()
    assert ("First" in text_of(mail), "Second" in text_of(mail)) == (False, True)
