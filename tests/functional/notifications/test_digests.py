"""The digest: to whom it goes, what stands in it, and that there is one a period."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email.message import EmailMessage
from threading import Barrier

import pytest
import sqlalchemy as sa
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.audit import Actor
from myproject.comments.services.removal import remove_comment
from myproject.db import utc_now
from myproject.notifications.constants import Decision, Digest, Kind, Mail, Outcome, Way
from myproject.notifications.models import Notification, NotificationPreferences
from myproject.notifications.services import choices, inbox
from myproject.notifications.services.decisions import tell_decision
from myproject.notifications.tasks import purge, send_digests
from myproject.posts import constants as POST
from myproject.posts.models import Post
from myproject.posts.services.attention import set_attention
from myproject.posts.services.removal import remove_post
from myproject.users.models import User, UserSession
from myproject.users.services.sign_ins import end_sessions
from tests.conftest import Client, run_tasks
from tests.factories import make_comment, make_post, make_user, sign_in
from tests.functional.pages import text_of

Mails = Callable[..., list[EmailMessage]]


@pytest.fixture
def ann(db: Session) -> User:
    """A member who wants answers to her posts in a daily digest."""
    user = make_user(db, "ann")
    choices.set_choice(db, user.id, Kind.POST_REPLY, True, Way.DIGEST)
    choices.set_digest(db, user.id, Digest.DAILY)
    return user


def a_day_passes(db: Session) -> None:
    db.commit()
    day = timedelta(days=1)
    for row in db.scalars(sa.select(NotificationPreferences)):
        row.digest_sent_at = (row.digest_sent_at or utc_now()) - day
    db.commit()


def outcomes(db: Session) -> list[Outcome]:
    return list(db.scalars(sa.select(Notification.outcome).order_by(Notification.id)))


def test_it_comes_once_a_period_with_what_is_unread_by_post(
    app: Router, db: Session, mails: Mails, ann: User, bob: User, post: Post
) -> None:
    other = make_post(db, ann, "On wine")
    make_comment(db, post, bob, "Dry.")
    make_comment(db, other, bob, "Red.")
    make_comment(db, post, bob, "Brown.")
    db.commit()
    send_digests(app.registry)
    assert mails() == []
    a_day_passes(db)
    for _time in range(2):
        send_digests(app.registry)
    (mail,) = mails()
    assert mail["Subject"] == "My community: 3 things are new for you"
    text = text_of(mail)
    assert text.index("On bread") < text.index("Brown.") < text.index("Dry.") < text.index("On wine")
    assert "You get this because you asked for a digest every day." in text
    assert outcomes(db) == [Outcome.DIGESTED] * 3
    a_day_passes(db)
    send_digests(app.registry)
    assert len(mails()) == 1


def test_what_was_read_removed_muted_or_seen_since_is_left_out_and_an_empty_one_is_not_sent(
    app: Router, client: Client, db: Session, mails: Mails, ann: User, bob: User, post: Post
) -> None:
    muted = make_post(db, ann, "On wine")
    make_comment(db, post, bob, "Read")
    inbox.read_all(db, ann.id, 2**40)
    removed = make_comment(db, post, bob, "Removed")
    make_comment(db, muted, bob, "Muted")
    remove_comment(db, Actor(bob.id, bob.name), removed.id)
    set_attention(db, ann.id, muted.id, POST.Attention.MUTE)
    a_day_passes(db)
    send_digests(app.registry)
    assert outcomes(db) == [Outcome.READ_ON_SITE, Outcome.REMOVED, Outcome.MUTED]

    make_comment(db, post, bob, "Seen")
    db.commit()
    sign_in(client, ann)
    client.get("/")
    a_day_passes(db)
    send_digests(app.registry)
    assert outcomes(db)[-1] is Outcome.VISITED
    assert mails() == []


def test_what_waits_for_one_that_is_turned_off_comes_in_none_that_is_asked_for_later(
    app: Router, db: Session, mails: Mails, ann: User, bob: User, post: Post
) -> None:
    make_comment(db, post, bob, "Old.")
    choices.set_digest(db, ann.id, Digest.OFF)
    assert outcomes(db) == [Outcome.NO_DIGEST]
    choices.set_digest(db, ann.id, Digest.DAILY)
    make_comment(db, post, bob, "New.")
    a_day_passes(db)
    send_digests(app.registry)
    (mail,) = mails()
    assert ("New." in text_of(mail), "Old." in text_of(mail)) == (True, False)


def test_who_was_here_and_signed_out_gets_none_of_what_was_there_then(
    app: Router, client: Client, db: Session, ann: User, bob: User, post: Post
) -> None:
    make_comment(db, post, bob, "Seen")
    client.login("ann")
    client.logout()
    a_day_passes(db)
    send_digests(app.registry)
    assert outcomes(db) == [Outcome.VISITED]


def was_last_here(db: Session, user: User, before: timedelta) -> None:
    """Makes a member's sign-in that old, and unused since."""
    moment = utc_now() - before
    db.execute(sa.update(UserSession).values(created_at=moment, last_seen_at=moment))
    user.signed_in_at = user.last_seen_at = moment
    db.commit()


def test_who_looked_only_at_the_inbox_gets_none_though_that_sign_in_is_over_since(
    app: Router, client: Client, db: Session, ann: User, bob: User, post: Post
) -> None:
    sign_in(client, ann)
    was_last_here(db, ann, timedelta(hours=2))
    make_comment(db, post, bob, "Seen")
    revision = ann.revision
    client.get("/notifications/")
    run_tasks(app.registry)
    end_sessions(db, ann.id)
    a_day_passes(db)
    send_digests(app.registry)
    assert outcomes(db) == [Outcome.VISITED]
    # What is cached of them is as good as before.
    db.refresh(ann)
    assert ann.revision == revision


def test_signing_out_is_a_visit_though_no_worker_has_noted_one(
    app: Router, client: Client, db: Session, ann: User, bob: User, post: Post
) -> None:
    sign_in(client, ann)
    was_last_here(db, ann, timedelta(minutes=4))
    make_comment(db, post, bob, "Seen")
    page = client.get("/notifications/")
    next(form for form in page.forms.values() if form.action.endswith("/users/logout/")).submit(status=303)
    a_day_passes(db)
    send_digests(app.registry)
    assert outcomes(db) == [Outcome.VISITED]


def test_a_short_visit_is_one_though_the_sign_in_was_used_just_before_what_it_shows(
    app: Router, client: Client, db: Session, ann: User, bob: User, post: Post
) -> None:
    sign_in(client, ann)
    for _event in range(2):
        was_last_here(db, ann, timedelta(minutes=1))
        make_comment(db, post, bob, "Seen")
        client.get("/about/")
        run_tasks(app.registry)
    end_sessions(db, ann.id)
    a_day_passes(db)
    send_digests(app.registry)
    assert outcomes(db) == [Outcome.VISITED] * 2


def test_what_came_after_a_visit_is_in_it_though_the_worker_noted_the_visit_later(
    app: Router, client: Client, db: Session, ann: User, bob: User, post: Post
) -> None:
    sign_in(client, ann)
    for before in (timedelta(hours=1), timedelta(minutes=1)):
        was_last_here(db, ann, before)
        make_comment(db, post, bob, "Seen")
        client.get("/about/")
        make_comment(db, post, bob, "Not seen")
        db.commit()
        run_tasks(app.registry)
        a_day_passes(db)
        send_digests(app.registry)
        assert outcomes(db)[-2:] == [Outcome.VISITED, Outcome.DIGESTED]


def test_it_is_off_until_asked_for_and_weekly_waits_a_week(
    app: Router, db: Session, mails: Mails, ann: User, bob: User, post: Post
) -> None:
    choices.set_digest(db, ann.id, Digest.WEEKLY)
    cyd = make_user(db, "cyd")
    choices.set_choice(db, cyd.id, Kind.POST_REPLY, True, Way.DIGEST)
    make_comment(db, post, bob)
    make_comment(db, make_post(db, cyd), bob)
    db.commit()
    for day in range(7):
        send_digests(app.registry)
        assert mails() == [], day
        a_day_passes(db)
    send_digests(app.registry)
    (mail,) = mails()
    assert "ann" in mail["To"]
    assert "You get this because you asked for a digest every week." in text_of(mail)
    assert outcomes(db) == [Outcome.DIGESTED, Outcome.NO_DIGEST]


def test_what_staff_decided_stands_in_it_in_their_words_and_not_the_text_itself(
    app: Router, db: Session, mails: Mails, ann: User, bob: User, post: Post
) -> None:
    choices.set_choice(db, ann.id, Kind.MODERATION, True, Way.DIGEST)
    rude = make_comment(db, post, ann, "Something rude")
    remove_comment(db, Actor(bob.id, bob.name), rude.id, "Be kind.")
    a_day_passes(db)
    send_digests(app.registry)
    (mail,) = mails()
    assert "* Staff decided about what you wrote\n\n> Be kind.\n" in text_of(mail).replace("\r", "")
    assert "rude" not in mail.as_string()


def test_of_two_workers_at_once_one_makes_it(
    app: Router, db: Session, mails: Mails, ann: User, bob: User, post: Post
) -> None:
    make_comment(db, post, bob)
    a_day_passes(db)
    begin = Barrier(4)

    def run() -> None:
        begin.wait()
        send_digests(app.registry)

    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(run) for _ in range(4)]:
            future.result()
    assert len(mails()) == 1


def test_what_stood_in_a_digest_that_is_taken_back_comes_in_the_next(
    app: Router, db: Session, mails: Mails, ann: User, bob: User, post: Post
) -> None:
    first = make_comment(db, post, bob, "Dry.")
    make_comment(db, post, bob, "Brown.")
    a_day_passes(db)
    send_digests(app.registry)
    remove_comment(db, Actor(bob.id, bob.name), first.id)
    assert mails() == []
    a_day_passes(db)
    send_digests(app.registry)
    (mail,) = mails()
    assert ("Brown." in text_of(mail), "Dry." in text_of(mail)) == (True, False)
    assert outcomes(db) == [Outcome.REMOVED, Outcome.DIGESTED]


def test_a_digest_names_a_removed_post_to_nobody_but_its_author(
    app: Router, db: Session, mails: Mails, ann: User, bob: User, post: Post
) -> None:
    for number, user in enumerate((ann, bob)):
        choices.set_choice(db, user.id, Kind.MODERATION, True, Way.DIGEST)
        choices.set_digest(db, user.id, Digest.DAILY)
        decision = (Decision.REMOVED, Decision.REPORT_UPHELD)[number]
        tell_decision(db, user.id, decision, f"moderation:{number}", post_id=post.id)
    remove_post(db, Actor(None, "boss"), post.id, "Spam.")
    a_day_passes(db)
    send_digests(app.registry)
    to_ann, to_bob = mails(to="ann@")[0].as_string(), mails(to="bob@")[0].as_string()
    assert ("On bread" in to_ann, post.slug in to_ann) == (True, True)
    assert "Staff decided about what you reported" in to_bob
    assert ("On bread" in to_bob, post.slug in to_bob) == (False, False)
    assert f"http://localhost/posts/{post.id}/\n" in to_bob


def test_old_notifications_are_deleted_and_others_are_not(
    app: Router, db: Session, ann: User, bob: User, post: Post
) -> None:
    make_comment(db, post, bob, "Old")
    make_comment(db, post, bob, "New")
    first = db.scalars(sa.select(Notification).order_by(Notification.id)).first()
    assert first is not None
    first.created_at = utc_now() - timedelta(days=91)
    db.commit()
    purge(app.registry)
    left = db.execute(sa.select(Notification.id, Notification.mail)).all()
    assert [(row.id > first.id, row.mail) for row in left] == [(True, Mail.DIGEST)]
