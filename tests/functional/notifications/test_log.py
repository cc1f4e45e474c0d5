"""The log of what one member was told, for admins."""

import pytest
import sqlalchemy as sa
import webtest
from sqlalchemy.orm import Session

from myproject.emails import constants as EMAIL
from myproject.emails.constants import Kind
from myproject.emails.models import Email
from myproject.emails.services.outbox import Mail, queue_mail
from myproject.notifications import constants as NOTE
from myproject.notifications import schemas
from myproject.notifications.models import Notification
from myproject.users import constants as USER
from tests.conftest import Client
from tests.factories import make_post, make_user, sign_in


def rows(page: webtest.TestResponse) -> list[list[str]]:
    return [
        [" ".join(cell.get_text(" ", strip=True).split()) for cell in row.select("td")]
        for row in page.html.select(".data-table tbody tr")
    ]


def test_it_says_what_was_mailed_or_not_and_why(client: Client, db: Session) -> None:
    ann, eve = make_user(db, "ann"), make_user(db, "eve")
    post = make_post(db, eve, "How to keep bees")
    mail = Mail(Kind.VERIFY, to_address=ann.email, user_id=ann.id, context={"name": "ann"})
    queued = queue_mail(db, mail)
    assert queued is not None
    mailed = {"mail": NOTE.Mail.MAILED, "outcome": NOTE.Outcome.MAILED, "email_id": queued.id}
    skipped = {"mail": NOTE.Mail.SKIPPED, "outcome": NOTE.Outcome.MUTED, "in_inbox": False}
    about = {"user_id": ann.id, "post_id": post.id, "actor_id": eve.id}
    db.add(Notification(event="test:1", kind=NOTE.Kind.MENTION, **about | mailed))
    db.add(Notification(event="test:2", kind=NOTE.Kind.FOLLOWED_POST, **about | skipped))
    db.add(Notification(event="test:9", user_id=eve.id, kind=NOTE.Kind.LIKE, post_id=post.id))
    sign_in(client, make_user(db, "boss", role=USER.Role.ADMIN))
    page = client.get(f"/admin/users/{ann.id}/").click("What ann was told, by notifications and mail")
    other, mention = rows(page)
    assert other == [
        "Comments on posts that you follow",
        "How to keep bees",
        "no",
        "Not mailed",
        "They have muted the post",
    ]
    assert mention[:3] == ["Mentions of you", "How to keep bees", "unread"]
    for state, said in {
        EMAIL.State.QUEUED: ["On its way", "Nothing stood against it"],
        EMAIL.State.SENT: ["Mailed", "Nothing stood against it"],
        EMAIL.State.DEAD: ["Not mailed", "It was refused, or no try got through"],
        EMAIL.State.CANCELLED: ["Not mailed", "The mail was stopped before it was sent"],
        EMAIL.State.EXPIRED: ["Not mailed", "It could not be sent in time, and was too old then"],
        EMAIL.State.SUPPRESSED: ["Not mailed", "Mail to their address comes back"],
    }.items():
        db.execute(sa.update(Email).values(state=state))
        page = client.get(f"/admin/users/{ann.id}/notifications/")
        assert rows(page)[1][3:] == said
    assert page.click("^Not mailed$").html.h1


@pytest.mark.parametrize(
    ("titles", "enum"),
    [
        (schemas.KIND_TITLES, NOTE.Kind),
        (schemas.MAIL_TITLES, NOTE.Mail),
        (schemas.OUTCOME_TITLES, NOTE.Outcome),
        (schemas.WAY_TITLES, NOTE.Way),
        (schemas.DIGEST_TITLES, NOTE.Digest),
    ],
)
def test_everything_has_a_title(titles: dict[int, str], enum: type[NOTE.Kind]) -> None:
    assert set(titles) == set(enum)
