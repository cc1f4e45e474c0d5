"""The samples of mails, which previews and most tests of mails stand on, are such as the site queues."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.audit import Actor
from myproject.comments.models import Comment
from myproject.db import utc_now
from myproject.emails.constants import Kind, Topic
from myproject.emails.models import Email
from myproject.emails.services.samples import SAMPLES
from myproject.notifications import constants as NOTE
from myproject.notifications.models import Notification, NotificationPreferences
from myproject.notifications.services import choices
from myproject.notifications.subscribers import TOPIC_KINDS
from myproject.notifications.tasks import mail_due, send_digests
from myproject.posts import constants as POST
from myproject.posts.services import approval, removal, writing
from myproject.posts.services.attention import set_attention
from myproject.users.models import User
from tests.factories import make_comment, make_post, make_user

# The same statements on both databases.
pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


def shape(value: Any) -> Any:
    """What a template can ask a context for: names, in lists those of the first."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    return [shape(value[0])] if isinstance(value, list) else None


def carried(mail: Any) -> tuple[Any, ...]:
    """What the rest of the site knows a mail by, of a sample or of a row of the outbox."""
    thread = mail.in_reply_to if isinstance(mail, Email) else mail.thread
    return (
        mail.topic is None,
        mail.thread_scope is None,
        thread is None,
        bool(mail.sender_name),
        shape(mail.context),
    )


@pytest.fixture
def queued(app: Router, db: Session) -> Sequence[Email]:
    """A mail of every kind that notifications queue, as the site queues it."""
    ann, bob, cyd, dan, eve = (make_user(db, name) for name in ("ann", "bob", "cyd", "dan", "eve"))
    boss = Actor(make_user(db, "boss").id, "boss")

    def write(body: str, author: User, parent: Comment | None = None) -> Comment:
        return make_comment(db, post, author, body, parent)

    post = make_post(db, ann, "Tea")
    set_attention(db, dan.id, post.id, POST.Attention.FOLLOW)
    choices.set_choice(db, eve.id, NOTE.Kind.MENTION, True, NOTE.Way.DIGEST)
    choices.set_digest(db, eve.id, NOTE.Digest.DAILY)
    first = write("Ask @cyd and @eve", bob)
    db.commit()
    mail_due(app.registry)
    # Else there would be one of several about what is followed, too.
    set_attention(db, dan.id, post.id, None)
    for _ in range(2):
        write("So it is", cyd, first)
    db.commit()
    mail_due(app.registry)
    write("It is", ann, first)
    text = writing.Text("Coffee", "Coffee", "<p>Coffee</p>", "Coffee", ())
    for approve in (False, True):
        waiting = writing.create_post(db, bob.id, text, publish=True, approve_first=1)
        approval.answer(db, boss, waiting.id, approve=approve, reason="So be it.")
    removal.remove_post(db, boss, make_post(db, bob).id, "Spam.")
    db.execute(sa.update(NotificationPreferences).values(digest_sent_at=utc_now() - timedelta(days=2)))
    db.commit()
    mail_due(app.registry)
    send_digests(app.registry)
    return db.scalars(sa.select(Email).order_by(Email.id)).all()


def test_what_is_queued_carries_what_its_sample_carries(queued: Sequence[Email]) -> None:
    optional = {kind for kind, mail in SAMPLES.items() if mail.topic is not None}
    assert {Kind(email.kind) for email in queued} == optional
    for email in queued:
        assert carried(email) == carried(SAMPLES[Kind(email.kind)]), email.kind


def test_the_link_that_stops_a_mail_stops_what_brought_it(db: Session, queued: Sequence[Email]) -> None:
    asked = sa.select(Email.topic, Notification.kind).join(Notification, Notification.email_id == Email.id)
    brought = db.execute(asked.where(Notification.mail == NOTE.Mail.MAILED)).all()
    assert {row.topic for row in brought} == set(Topic) - {Topic.DIGEST, Topic.FOLLOWED_TAG}
    for topic, kind in brought:
        assert kind == TOPIC_KINDS[topic]
