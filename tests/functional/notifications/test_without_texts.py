"""Who wants no words of posts and comments in mails gets none, in any mail, and is told all the same."""

from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage

import pytest
from sqlalchemy.orm import Session

from myproject.notifications import constants as NOTE
from myproject.notifications.models import NotificationPreferences
from myproject.notifications.services import choices
from myproject.notifications.tasks import send_digests
from tests.conftest import Client
from tests.factories import make_comment, make_post, make_user, sign_in

ADDRESS = "/notifications/settings/"


def test_mails_say_who_wrote_where_and_nothing_of_what(
    client: Client, db: Session, mails: Callable[..., list[EmailMessage]]
) -> None:
    ann, bob, cyd = (make_user(db, name) for name in ("ann", "bob", "cyd"))
    sign_in(client, ann)
    form = client.get(ADDRESS).forms["form"]
    assert not form["without_texts"].checked
    form["without_texts"] = True
    assert form.submit("save", status=303).follow().forms["form"]["without_texts"].checked

    post = make_post(db, ann, "On tea", body="Own words.")
    make_comment(db, post, bob, "Secret words.")
    (reply,) = mails(to="ann@example.org")
    # Two at once come in one mail.
    make_comment(db, post, bob, "Secret words.")
    make_comment(db, post, cyd, "Secret words.")
    (folded,) = mails(to="ann@example.org")[1:]
    assert folded.get_body(("plain",)).get_content().count("answered your post") == 2
    for mail in (reply, folded):
        for part in mail.iter_parts():
            assert "words" not in part.get_content()
            assert "On tea" in part.get_content()
            assert f"/posts/{post.id}/" in part.get_content()

    # What others get is as it was, and so is hers once she says so.
    make_comment(db, make_post(db, cyd, "On milk"), bob, "Open words.")
    assert "Open words" in mails(to="cyd@example.org")[-1].as_string()
    form = client.get(ADDRESS).forms["form"]
    form["without_texts"] = False
    form.submit("save", status=303)
    make_comment(db, post, bob, "Open words.")
    assert "Open words" in mails(to="ann@example.org")[-1].as_string()
    assert not choices.wants_no_texts(db, ann.id)


@pytest.mark.one_database
def test_the_digest_leaves_them_out_too(db: Session, mails: Callable[..., list[EmailMessage]]) -> None:
    ann, bob = make_user(db, "ann"), make_user(db, "bob")
    choices.set_without_texts(db, ann.id, True)
    choices.set_digest(db, ann.id, NOTE.Digest.DAILY)
    # Neither loses the other.
    assert choices.wants_no_texts(db, ann.id)
    choices.set_choice(db, ann.id, NOTE.Kind.POST_REPLY, True, NOTE.Way.DIGEST)
    make_comment(db, make_post(db, ann, "On tea"), bob, "Secret words.")
    preferences = db.get_one(NotificationPreferences, ann.id)
    assert preferences.digest_sent_at is not None
    preferences.digest_sent_at -= timedelta(days=2)
    db.commit()
    send_digests(db.info["registry"])
    (digest,) = mails(to="ann@example.org")
    assert "bob" in digest.as_string()
    assert "Secret" not in digest.as_string()
