"""What mails about notifications say, and what their links do."""

from collections.abc import Callable
from email.message import EmailMessage

import pytest
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.audit import Actor
from myproject.comments.services.removal import remove_comment
from myproject.notifications.tasks import mail_due
from myproject.posts.services.hiding import hide_post
from myproject.posts.services.removal import remove_post
from myproject.users import constants as USER
from myproject.users.models import User
from tests.factories import make_comment, make_post, make_user
from tests.functional.pages import text_of

Mails = Callable[..., list[EmailMessage]]

pytestmark = pytest.mark.one_database


@pytest.mark.parametrize("when", ["hidden before", "removed before", "hidden after", "hidden once it is queued"])
def test_a_decision_about_a_comment_does_not_name_a_post_that_its_author_may_not_see(
    app: Router, db: Session, ann: User, bob: User, mails: Mails, when: str
) -> None:
    gus = make_user(db, "gus", role=USER.Role.STAFF)
    staff = Actor(gus.id, gus.name)
    post = make_post(db, bob, "A secret")
    comment = make_comment(db, post, ann, "Mine")
    if when == "hidden before":
        hide_post(db, post)
    elif when == "removed before":
        remove_post(db, staff, post.id, "No.")
    remove_comment(db, staff, comment.id, "Off topic.")
    db.commit()
    if when == "hidden once it is queued":
        mail_due(app.registry)
    if when.startswith("hidden") and when != "hidden before":
        hide_post(db, post)
        db.commit()
    (mail,) = mails(to="ann@")
    assert mail["Subject"] == "Staff removed your comment"
    assert "Off topic." in text_of(mail)
    assert "secret" not in mail.as_string().lower()
