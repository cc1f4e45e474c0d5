"""What is mailed when the window has ended, what is not after all, and that this is written down."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import timedelta
from email.message import EmailMessage
from threading import Barrier
from typing import Any

import sqlalchemy as sa
from pyramid.registry import Registry
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.audit import Actor
from myproject.comments.models import Comment
from myproject.comments.services import hiding
from myproject.comments.services.removal import remove_comment, restore_comment
from myproject.comments.services.writing import create_comment, edit_comment
from myproject.db import utc_now
from myproject.emails import constants as EMAIL
from myproject.emails.models import Email
from myproject.emails.services import handling, suppression
from myproject.emails.services.lists import Filter
from myproject.emails.services.unsubscribing import Stop, unsubscribe
from myproject.notifications import constants as NOTE
from myproject.notifications.constants import Kind, Outcome
from myproject.notifications.models import Notification
from myproject.notifications.services import choices, inbox
from myproject.notifications.tasks import mail_due
from myproject.posts import constants as POST
from myproject.posts.models import Post, Tag, TagFollow
from myproject.posts.services.attention import set_attention
from myproject.posts.services.visits import note_visit
from myproject.users import constants as USER
from myproject.users.models import User
from myproject.users.services.accounts import Client as Device
from myproject.users.services.names import rename
from tests.conftest import Client, form_with
from tests.factories import make_comment, make_post, make_user, sign_in
from tests.functional.pages import text_of

Mails = Callable[..., list[EmailMessage]]
DEVICE = Device("127.0.0.1", "")


def outcomes(db: Session) -> dict[str, Outcome]:
    """What became of the only notification of each member, by name."""
    rows = db.execute(sa.select(User.name, Notification.outcome).join(User, User.id == Notification.user_id))
    return {row.name: row.outcome for row in rows}


def readers(mails: Iterable[EmailMessage]) -> list[str]:
    return sorted(str(mail["To"]).partition(" ")[0] for mail in mails)


def test_who_read_it_muted_it_wants_none_or_cannot_be_reached_gets_no_mail_and_it_is_written_down(
    db: Session, mails: Mails, bob: User, post: Post
) -> None:
    names = ["good", "opened", "saw", "mutes", "stops", "never", "later", "bounces", "unverified", "leaves"]
    users = {name: make_user(db, name) for name in names}
    for user in users.values():
        set_attention(db, user.id, post.id, POST.Attention.FOLLOW)
    set_attention(db, post.author_id, post.id, POST.Attention.MUTE)
    make_comment(db, post, bob, "News")
    inbox.read_all(db, users["opened"].id, 2**40)
    note_visit(db, users["saw"].id, post.id, utc_now() + timedelta(seconds=1))
    set_attention(db, users["mutes"].id, post.id, POST.Attention.MUTE)
    set_attention(db, users["stops"].id, post.id, None)
    choices.stop_mail(db, users["never"].id, [Kind.FOLLOWED_POST])
    choices.set_choice(db, users["later"].id, Kind.FOLLOWED_POST, True, NOTE.Way.DIGEST)
    suppression.note(db, "bounces@example.org", EMAIL.Reason.HARD)
    users["unverified"].email_verified_at = None
    users["leaves"].status = users["leaves"].status.INACTIVE
    assert readers(mails()) == ["good"]
    assert outcomes(db) == {
        "ann": Outcome.MUTED,
        "good": Outcome.MAILED,
        "opened": Outcome.READ_ON_SITE,
        "saw": Outcome.READ_ON_SITE,
        "mutes": Outcome.MUTED,
        "stops": Outcome.UNFOLLOWED,
        "never": Outcome.NEVER,
        "later": Outcome.NO_DIGEST,
        "bounces": Outcome.BOUNCED,
        "unverified": Outcome.UNVERIFIED,
        "leaves": Outcome.CLOSED,
    }


def test_nothing_is_mailed_about_what_was_removed_hidden_or_changed_to_name_them_no_longer(
    db: Session, mails: Mails, ann: User, bob: User, post: Post
) -> None:
    named = {name: make_user(db, name) for name in ("removed", "hidden", "edited")}
    first, second, third = (make_comment(db, post, ann, f"Ask @{name}") for name in named)
    remove_comment(db, Actor(ann.id, ann.name), first.id)
    hiding.hide_comment(db, second, hiding.COMMENT.HiddenFor.REPORTS)
    edit_comment(db, third.id, 1, "Ask nobody", "<p>Ask nobody</p>")
    assert set(readers(mails())).isdisjoint(named)
    assert {name: outcome for name, outcome in outcomes(db).items() if name in named} == {
        "removed": Outcome.REMOVED,
        "hidden": Outcome.MAY_NOT_SEE,
        "edited": Outcome.EDITED_AWAY,
    }
    restore_comment(db, Actor(ann.id, ann.name), first.id)
    hiding.show_comment(db, second)
    assert set(readers(mails())) & set(named) == {"hidden", "removed"}


def test_a_burst_about_one_post_is_one_mail_in_the_thread_of_the_post(
    db: Session, mails: Mails, ann: User, bob: User, post: Post
) -> None:
    own = make_comment(db, post, ann, "Rye?")
    make_comment(db, post, bob, "First")
    make_comment(db, post, bob, "Rye, @ann", own)
    make_comment(db, make_post(db, ann, "On wine"), bob, "Elsewhere")
    apart, folded = sorted(mails(), key=lambda mail: "On bread" in mail["Subject"])
    assert apart["Subject"] == "About “On wine”"
    assert folded["Subject"] == "About “On bread”"
    text = text_of(folded)
    assert text.index("bob answered your post") < text.index("First") < text.index("bob answered your comment")
    assert "You get this because you wrote the comment." in text
    assert f"<post-{post.id}@localhost>" in folded["References"]
    mail_states = sa.select(Notification.mail).where(Notification.post_id == post.id).order_by(Notification.id)
    assert db.scalars(mail_states).all() == [NOTE.Mail.MAILED, NOTE.Mail.FOLDED]


def test_mail_programs_show_all_mails_about_one_post_as_one_thread(
    db: Session, mails: Mails, ann: User, bob: User, post: Post
) -> None:
    own = make_comment(db, post, ann, "Rye?")
    dan = make_user(db, "dan")
    set_attention(db, ann.id, post.id, POST.Attention.FOLLOW)
    for together in [(bob, own)], [(dan, None)], [(bob, None), (dan, own)]:
        for author, answered in together:
            make_comment(db, post, author, "Well, @ann", answered)
        mails()
    told = [(mail["Subject"], mail["References"]) for mail in mails(to="ann@")]
    assert told == 3 * [("About “On bread”", f"<post-{post.id}@localhost>")]


def test_mentions_and_follows_are_mailed_in_their_own_words(
    db: Session, mails: Mails, ann: User, bob: User, post: Post
) -> None:
    make_user(db, "cyd")
    dan, eve = make_user(db, "dan"), make_user(db, "eve")
    set_attention(db, dan.id, post.id, POST.Attention.FOLLOW)
    make_comment(db, post, ann, "Ask @cyd")
    (mention,) = mails(to="cyd@")
    assert mention["Subject"] == "About “On bread”"
    assert "ann mentioned you in a comment on “On bread”:\n\nAsk @cyd\n" in text_of(mention).replace("\r", "")
    assert "You get this because the text mentions you." in text_of(mention)
    (followed,) = mails(to="dan@")
    assert followed["Subject"] == "About “On bread”"
    assert "ann commented on “On bread”" in text_of(followed)
    assert "You get this because you follow the post." in text_of(followed)

    rye = Tag(name="rye")
    db.add(rye)
    db.flush()
    db.add(TagFollow(user_id=eve.id, tag_id=rye.id))
    choices.set_choice(db, eve.id, Kind.FOLLOWED_TAG, True, NOTE.Way.NOW)
    make_post(db, ann, "On rye", tags=["rye"])
    (tagged,) = mails(to="eve@")
    assert tagged["Subject"] == "About “On rye”"
    assert "ann wrote “On rye”" in text_of(tagged)
    assert "You get this because you follow the tag rye." in text_of(tagged)


def test_who_takes_another_nickname_is_mailed_who_named_them_by_the_one_before(
    db: Session, mails: Mails, bob: User
) -> None:
    cyd, elsewhere = make_user(db, "cyd"), make_post(db, bob)
    naming = '<p><a href="/@cyd/" class="mention">@cyd</a></p>'
    make_comment(db, elsewhere, bob, "Ask @cyd, today.")
    rename(db, cyd.id, "cynthia", DEVICE)
    # Rendered before, and let out after.
    create_comment(db, elsewhere.id, bob.id, "Ask @cyd again.", naming)
    (mail,) = (mail for mail in mails(to="cyd@") if mail["Subject"] == f"About “{elsewhere.title}”")
    assert text_of(mail).count("* bob mentioned you") == 2


def test_mail_waits_for_the_end_of_the_window(
    make_app: Callable[..., Router],
    make_client: Callable[..., Client],
    db: Session,
    mails: Mails,
    bob: User,
    post: Post,
) -> None:
    app = make_app(notifications_window=10)
    client = make_client(app)
    sign_in(client, bob)
    form = form_with(client.get(f"/posts/{post.id}/{post.slug}/"), "body")
    form["body"] = "Hello"
    form.submit("send", status=303)
    mail_due(app.registry)
    assert mails(app) == []
    db.execute(sa.update(Notification).values(mail_at=utc_now() - timedelta(seconds=5)))
    db.commit()
    mail_due(app.registry)
    assert len(mails(app)) == 1


def test_of_what_waits_only_that_about_the_same_post_comes_along(
    app: Router, db: Session, mails: Mails, ann: User, bob: User
) -> None:
    cyd = make_user(db, "cyd")
    posts = [make_post(db, bob, f"Post {number}") for number in range(2)]
    later = utc_now() + timedelta(minutes=5)
    for post in posts:
        for user in (ann, cyd):
            set_attention(db, user.id, post.id, POST.Attention.FOLLOW)
        make_comment(db, post, bob, "First")
        make_comment(db, post, bob, "Second")
    waits = sa.update(Notification).values(mail_at=later)
    db.execute(waits)
    for user, post in zip((ann, cyd), posts, strict=True):
        first = sa.select(sa.func.min(Notification.id)).where(
            Notification.user_id == user.id, Notification.post_id == post.id
        )
        db.execute(waits.values(mail_at=utc_now()).where(Notification.id == first.scalar_subquery()))
    assert readers(mails()) == ["ann", "cyd"]
    left = sa.select(Notification.user_id, Notification.post_id).where(Notification.mail == NOTE.Mail.WAITING)
    assert set(db.execute(left.distinct())) == {(ann.id, posts[1].id), (cyd.id, posts[0].id)}


def test_no_more_than_so_many_mails_a_day(
    make_app: Callable[..., Router], db: Session, mails: Mails, ann: User, bob: User
) -> None:
    app = make_app(notifications_daily_cap=2)
    for number in range(3):
        make_comment(db, make_post(db, ann, f"Post {number}"), bob, "Hello")
        db.commit()
        mail_due(app.registry)
    latest = sa.select(Notification.outcome).order_by(Notification.id.desc()).limit(1)
    assert db.scalar(latest) is Outcome.CAPPED
    # What never leaves does not count.
    first = sa.select(sa.func.min(Email.id)).scalar_subquery()
    db.execute(sa.update(Email).where(Email.id == first).values(state=EMAIL.State.DEAD))
    for _number in range(2):
        make_comment(db, make_post(db, ann), bob, "Hello")
        db.commit()
        mail_due(app.registry)
    assert len(mails(app)) == 2
    assert db.scalar(latest) is Outcome.CAPPED
    db.execute(sa.update(Notification).values(decided_at=utc_now() - timedelta(days=2)))
    make_comment(db, make_post(db, ann), bob, "Hello")
    db.commit()
    mail_due(app.registry)
    assert len(mails(app)) == 3


def test_a_comment_removed_while_its_mail_waits_in_the_outbox_leaves_the_rest_of_the_mail(
    app: Router, db: Session, mails: Mails, bob: User, post: Post
) -> None:
    first, second = make_comment(db, post, bob, "First"), make_comment(db, post, bob, "Second")
    db.commit()
    mail_due(app.registry)
    remove_comment(db, Actor(bob.id, bob.name), first.id)
    (mail,) = mails()
    assert mail["Subject"] == "About “On bread”"
    assert "Second" in text_of(mail)
    assert "First" not in mail.as_string()
    assert db.get_one(Comment, second.id).status.name == "PUBLISHED"


def test_what_a_banned_member_said_is_not_mailed_until_it_is_shown_again(
    app: Router, db: Session, mails: Mails, bob: User, post: Post
) -> None:
    make_comment(db, post, bob, "Rude")
    db.commit()
    # Its mail is in the outbox by now.
    mail_due(app.registry)
    hiding.hide_comments_of(db, bob.id)
    assert mails() == []
    assert outcomes(db) == {"ann": Outcome.MAY_NOT_SEE}
    hiding.show_comments_of(db, bob.id)
    (mail,) = mails()
    assert "Rude" in text_of(mail)


def test_what_was_hidden_just_as_its_mail_was_queued_is_mailed_when_it_is_shown_again(
    app: Router, db: Session, mails: Mails, bob: User, post: Post
) -> None:
    comment = make_comment(db, post, bob, "Hello")
    db.commit()
    mail_due(app.registry)
    # As `hide_comment`, which saw no mail that it could take back.
    comment.status, comment.hidden_at = comment.status.HIDDEN, utc_now()
    comment.hidden_for = hiding.COMMENT.HiddenFor.REPORTS
    assert mails() == []
    assert outcomes(db) == {"ann": Outcome.MAY_NOT_SEE}
    hiding.show_comment(db, comment)
    assert len(mails(to="ann@")) == 1


def test_any_number_of_mails_is_taken_back_by_statements_of_a_few_values(
    app: Router, db: Session, mails: Mails, ann: User, bob: User, post: Post
) -> None:
    names = [f"fan{number}" for number in range(30)]
    for name in names:
        set_attention(db, make_user(db, name).id, post.id, POST.Attention.FOLLOW)
    comment = make_comment(db, post, bob, "News")
    db.commit()
    mail_due(app.registry)
    sizes = []

    def see(connection: sa.Connection, cursor: object, statement: str, values: Any, *rest: object) -> None:
        sizes.append(len(values))

    engine = app.registry["sessions"].engine
    sa.event.listen(engine, "before_cursor_execute", see)
    try:
        remove_comment(db, Actor(bob.id, bob.name), comment.id)
    finally:
        sa.event.remove(engine, "before_cursor_execute", see)
    # PostgreSQL takes 65,535.
    assert max(sizes) < len(names)
    assert mails() == []


def test_many_who_are_mailed_the_same_cost_one_look_at_what_keeps_mail_away(
    app: Router,
    db: Session,
    bob: User,
    post: Post,
    query_counter: Callable[..., AbstractContextManager[list[str]]],
) -> None:
    for number in range(10):
        set_attention(db, make_user(db, f"fan{number}").id, post.id, POST.Attention.FOLLOW)
    make_comment(db, post, bob, "News")
    db.commit()
    with query_counter() as statements:
        mail_due(app.registry)
    assert len([each for each in statements if "FROM suppressions" in each]) == 1
    assert db.scalar(sa.select(sa.func.count(Email.id))) == 11


def test_authors_are_mailed_what_staff_did_with_their_text(
    db: Session, mails: Mails, bob: User, post: Post
) -> None:
    boss = make_user(db, "boss")
    comment = make_comment(db, post, bob, "Rude")
    mails()
    remove_comment(db, Actor(boss.id, boss.name), comment.id, "Be kind.")
    (mail,) = mails(to="bob@")
    assert mail["Subject"] == "Staff removed your comment on “On bread”"
    text = text_of(mail).replace("\r", "")
    assert (
        "Staff removed your comment on “On bread”.\n\nThe people who run the site write:\n\n> Be kind.\n" in text
    )
    assert "You get this because you wrote the text." in text


def test_what_is_newer_comes_along_with_what_is_due_and_waits_its_own_time_where_that_is_not_mailed(
    app: Router, db: Session, mails: Mails, ann: User, bob: User, post: Post
) -> None:
    def write(text: str, minutes: int) -> None:
        comment = make_comment(db, post, bob, text)
        ends = utc_now() + timedelta(minutes=minutes)
        db.execute(sa.update(Notification).where(Notification.comment_id == comment.id).values(mail_at=ends))

    write("Read.", -1)
    inbox.read_all(db, ann.id, 2**40)
    write("Just written.", 9)
    assert mails() == []
    both = sa.select(Notification.outcome).order_by(Notification.id)
    assert list(db.scalars(both)) == [Outcome.READ_ON_SITE, Outcome.WAITING]
    write("Due.", -1)
    (mail,) = mails()
    assert ("Just written." in text_of(mail), "Due." in text_of(mail)) == (True, True)


def test_a_mail_in_the_outbox_does_not_go_to_who_wants_it_no_longer_even_when_it_is_sent_again(
    app: Router, db: Session, mails: Mails, bob: User, post: Post
) -> None:
    names = ["good", "never", "mutes", "stops", "shut", "leaves", "moved", "unsubscribed"]
    users = {name: make_user(db, name) for name in names}
    set_attention(db, post.author_id, post.id, POST.Attention.MUTE)
    for user in users.values():
        set_attention(db, user.id, post.id, POST.Attention.FOLLOW)
    make_comment(db, post, bob, "News")
    db.commit()
    mail_due(app.registry)
    choices.stop_mail(db, users["never"].id, [Kind.FOLLOWED_POST])
    set_attention(db, users["mutes"].id, post.id, POST.Attention.MUTE)
    set_attention(db, users["stops"].id, post.id, None)
    users["shut"].status = USER.Status.INACTIVE
    users["leaves"].deletion, users["leaves"].delete_after = USER.Deletion.KEEP_POSTS, utc_now()
    users["moved"].email = users["moved"].email_canonical = "new@example.org"
    unsubscribe(db, Stop(users["unsubscribed"].id, post_id=post.id))
    assert readers(mails()) == ["good"]
    boss = make_user(db, "boss", role=USER.Role.ADMIN)
    handling.change_all(db, Actor(boss.id, boss.name), handling.Verb.RESEND, Filter())
    assert readers(mails()) == ["good"]
    states = dict(db.execute(sa.select(Email.to_name, Email.state)).all())
    assert states == dict.fromkeys(names, EMAIL.State.CANCELLED) | {"good": EMAIL.State.SENT}
    words = dict(db.execute(sa.select(Email.to_name, Email.last_error)).all())
    assert words["mutes"] == "Its reader gets it no longer: MUTED"
    assert outcomes(db) == {
        "ann": Outcome.MUTED,
        "good": Outcome.MAILED,
        "never": Outcome.NEVER,
        "mutes": Outcome.MUTED,
        "stops": Outcome.UNFOLLOWED,
        "shut": Outcome.CLOSED,
        "leaves": Outcome.CLOSED,
        "moved": Outcome.OTHER_ADDRESS,
        "unsubscribed": Outcome.MUTED,
    }


def test_a_mail_that_an_admin_gave_up_can_still_be_sent(
    app: Router, db: Session, mails: Mails, bob: User, post: Post
) -> None:
    make_comment(db, post, bob, "Hello")
    db.commit()
    mail_due(app.registry)
    boss = make_user(db, "boss", role=USER.Role.ADMIN)
    for verb in (handling.Verb.CANCEL, handling.Verb.RESEND):
        handling.change_all(db, Actor(boss.id, boss.name), verb, Filter())
    assert readers(mails()) == ["ann"]


def test_two_workers_at_once_mail_each_notification_once(
    app: Router, db: Session, mails: Mails, ann: User, bob: User
) -> None:
    for number in range(5):
        make_comment(db, make_post(db, ann, f"Post {number}"), bob, "Hello")
    db.commit()
    run_at_once(app.registry, 4)
    assert len(mails()) == 5


def test_a_mail_that_cannot_be_written_holds_up_no_other(
    app: Router, db: Session, mails: Mails, ann: User, bob: User, post: Post
) -> None:
    db.add(Notification(user_id=bob.id, event="broken", kind=Kind.LIKE, mail=NOTE.Mail.WAITING, mail_at=utc_now()))
    choices.set_choice(db, bob.id, Kind.LIKE, True, NOTE.Way.NOW)
    db.execute(sa.text("UPDATE notification_choices SET mail = 1"))
    make_comment(db, post, bob, "Hello")
    assert readers(mails()) == ["ann"]
    mail_due(app.registry)
    broken = sa.select(Notification.mail).where(Notification.event == "broken", Notification.mail_at > utc_now())
    assert db.scalars(broken).all() == [NOTE.Mail.WAITING]


def run_at_once(registry: Registry, number: int) -> None:
    """Runs `mail_due` in several threads, which begin together."""
    begin = Barrier(number)

    def run() -> None:
        begin.wait()
        mail_due(registry)

    with ThreadPoolExecutor(number) as pool:
        for future in [pool.submit(run) for _ in range(number)]:
            future.result()
