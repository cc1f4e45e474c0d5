"""What mails about notifications say, and what their links do."""

import re
from collections.abc import Callable
from email.message import EmailMessage

import pytest
import sqlalchemy as sa
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.audit import Actor
from myproject.comments.services.removal import remove_comment
from myproject.notifications import constants as NOTE
from myproject.notifications.services import choices
from myproject.notifications.tasks import mail_due
from myproject.posts.constants import Attention
from myproject.posts.models import Post, Tag, TagFollow
from myproject.posts.services.attention import get_attention
from myproject.posts.services.hiding import hide_post
from myproject.posts.services.removal import remove_post
from myproject.users import constants as USER
from myproject.users.models import User
from tests.conftest import Client
from tests.factories import make_comment, make_post, make_user, sign_in
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


def test_a_press_in_a_mail_stops_the_one_kind_that_its_last_words_name(
    app: Router, db: Session, client: Client, ann: User, bob: User, post: Post, mails: Mails
) -> None:
    make_post(db, bob, tags=["rye"])
    db.add(TagFollow(user_id=ann.id, tag_id=db.scalars(sa.select(Tag.id)).one()))
    choices.set_choice(db, ann.id, NOTE.Kind.FOLLOWED_TAG, True, NOTE.Way.NOW)
    own = make_comment(db, make_post(db, bob), ann)
    ways = {kind: choice.mail for kind, choice in choices.read_choices(db, ann.id).items()}

    def answer_post() -> None:
        make_comment(db, post, bob)

    def answer_both() -> None:
        # One mail about two kinds of things: the answer comes first, and says why.
        make_comment(db, own.post, bob, parent=own)
        make_comment(db, own.post, bob, "Ask @ann")

    def write_about_rye() -> None:
        make_post(db, bob, tags=["rye"])

    for number, (happen, why, kind) in enumerate(
        (
            (answer_post, "you wrote the post.", NOTE.Kind.POST_REPLY),
            (write_about_rye, "you follow the tag rye.", NOTE.Kind.FOLLOWED_TAG),
            (answer_both, "you wrote the comment.", NOTE.Kind.COMMENT_REPLY),
        )
    ):
        happen()
        mail = mails(to="ann@")[number]
        assert why in text_of(mail)
        client.post(str(mail["List-Unsubscribe"]).strip("<>"), "List-Unsubscribe=One-Click", status=200)
        ways[kind] = NOTE.Way.NEVER
        assert {kind: choice.mail for kind, choice in choices.read_choices(db, ann.id).items()} == ways


def test_a_mail_leads_who_does_not_follow_its_post_to_the_button_for_that(
    db: Session, client: Client, ann: User, bob: User, mails: Mails
) -> None:
    post = make_post(db, bob)
    make_comment(db, post, bob, parent=make_comment(db, post, ann))
    (mail,) = mails(to="ann@")
    found = re.search(r"follow this post:\s+https?://[^/]+(/\S+)#follow", text_of(mail))
    assert found
    sign_in(client, ann)
    form = client.get(found[1]).forms["follow"]
    assert get_attention(db, ann.id, post.id) is None
    form.submit("attention", value="follow", status=303)
    db.expire_all()
    assert get_attention(db, ann.id, post.id) is Attention.FOLLOW
    make_comment(db, post, bob)
    _first, second = mails(to="ann@")
    assert "#follow" not in second.as_string()
