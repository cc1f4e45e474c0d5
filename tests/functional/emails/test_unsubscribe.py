"""Stopping mail by the link in a mail: no sign-in, no cookie, no form token, and one thing only (RFC 8058)."""

from collections.abc import Callable
from email.message import EmailMessage
from typing import Any

import pytest
import sqlalchemy as sa
from pyramid.registry import Registry
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.db import Base
from myproject.emails.constants import State, Topic
from myproject.emails.models import Email
from myproject.emails.services.outbox import queue_mail
from myproject.emails.services.unsubscribing import Stop, make_token
from myproject.notifications import constants as NOTE
from myproject.notifications.services import choices
from myproject.notifications.subscribers import TOPIC_KINDS
from myproject.notifications.tasks import mail_due
from myproject.posts.constants import Attention
from myproject.posts.models import PostAttention
from myproject.posts.services.attention import set_attention
from myproject.security.keys import KeyRing, keys_of
from myproject.users import constants as USER
from myproject.users.models import User
from tests.conftest import Client
from tests.factories import make_comment, make_post, make_user, sign_in
from tests.functional.pages import heading
from tests.unit.emails.samples import sample

ONE_CLICK = "List-Unsubscribe=One-Click"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def address(registry: Registry, user: User, topic: str | None = None, post_id: int | None = None) -> str:
    return f"/emails/unsubscribe/{make_token(keys_of(registry), Stop(user.id, topic, post_id))}/"


def ways(db: Session, user: User) -> dict[NOTE.Kind, NOTE.Way]:
    return {kind: choice.mail for kind, choice in choices.read_choices(db, user.id).items()}


def rows(db: Session) -> dict[str, list[Any]]:
    db.commit()
    return {table.name: sorted(map(repr, db.execute(sa.select(table)))) for table in Base.metadata.sorted_tables}


@pytest.fixture
def ann(db: Session) -> User:
    return make_user(db, "ann")


@pytest.mark.parametrize("topic", list(Topic))
def test_a_link_stops_mail_of_its_topic_and_nothing_else(
    app: Router, db: Session, client: Client, ann: User, topic: Topic
) -> None:
    bob = make_user(db, "bob")
    choices.set_digest(db, ann.id, NOTE.Digest.WEEKLY)
    before = ways(db, ann)
    client.post(address(app.registry, ann, topic), ONE_CLICK, FORM, status=200)
    stopped = {TOPIC_KINDS[topic]: NOTE.Way.NEVER} if topic in TOPIC_KINDS else {}
    assert ways(db, ann) == before | stopped
    assert (choices.read_digest(db, ann.id) == NOTE.Digest.OFF) is (topic == Topic.DIGEST)
    assert ways(db, bob) == before
    assert [choice.inbox for choice in choices.read_choices(db, ann.id).values()] == [
        inbox for inbox, _way in NOTE.DEFAULTS.values()
    ]


def test_a_link_of_an_earlier_version_stops_the_two_kinds_it_told_of(
    app: Router, db: Session, client: Client, ann: User
) -> None:
    make_comment(db, make_post(db, ann), make_user(db, "bob"))
    db.commit()
    mail_due(app.registry)
    waiting = db.scalars(sa.select(Email)).one()
    for topic, words, kinds in (
        ("reply", "answers your posts and comments", (NOTE.Kind.POST_REPLY, NOTE.Kind.COMMENT_REPLY)),
        ("followed", "posts and tags that you follow", (NOTE.Kind.FOLLOWED_POST, NOTE.Kind.FOLLOWED_TAG)),
    ):
        before = ways(db, ann)
        assert words in client.get(address(app.registry, ann, topic))
        client.post(address(app.registry, ann, topic), ONE_CLICK, FORM, status=200)
        assert ways(db, ann) == before | dict.fromkeys(kinds, NOTE.Way.NEVER)
    db.refresh(waiting)
    assert waiting.state == State.CANCELLED


def test_a_link_of_a_thread_mutes_that_post_for_that_member(
    app: Router, db: Session, client: Client, ann: User
) -> None:
    make_post(db, ann)
    post = make_post(db, make_user(db, "bob"))
    before = ways(db, ann)
    client.post(address(app.registry, ann, post_id=post.id), status=200)
    paid = [(row.user_id, row.post_id, row.attention) for row in db.scalars(sa.select(PostAttention))]
    assert paid == [(ann.id, post.id, Attention.MUTE)]
    assert ways(db, ann) == before
    # A post that is gone has nothing to stop.
    client.post(address(app.registry, ann, post_id=post.id + 1000), status=200)


def test_no_mail_comes_after_it_and_other_mail_still_does(
    app: Router, db: Session, client: Client, ann: User, mails: Callable[..., list[EmailMessage]]
) -> None:
    bob, post = make_user(db, "bob"), make_post(db, ann, "On tea")
    make_comment(db, post, bob)
    (mail,) = mails()
    assert mail["From"].addresses[0].display_name == "bob (My community)"
    assert mail["In-Reply-To"] == mail["References"] == f"<post-{post.id}@localhost>"
    client.post(str(mail["List-Unsubscribe"]).strip("<>"), ONE_CLICK, FORM, status=200)
    make_comment(db, post, bob)
    set_attention(db, ann.id, (followed := make_post(db, bob, "On milk")).id, Attention.FOLLOW)
    make_comment(db, followed, make_user(db, "cyd"))
    assert [each["Subject"] for each in mails(to="ann@example.org")[1:]] == ["About “On milk”"]


def test_what_waits_to_be_sent_of_it_is_given_up(app: Router, db: Session, client: Client, ann: User) -> None:
    bob = make_user(db, "bob")
    answered, named, muted = (make_post(db, writer) for writer in (ann, bob, bob))
    for post in (answered, named, muted):
        make_comment(db, post, bob, "Ask @ann.")
    queue_mail(db, sample(user_id=ann.id, topic=None, thread_scope=muted.id))
    db.commit()
    mail_due(app.registry)
    client.post(address(app.registry, ann, "reply"), status=200)
    client.post(address(app.registry, ann, post_id=muted.id), status=200)
    states = set(db.execute(sa.select(Email.topic, Email.thread_scope, Email.state)))
    assert states == {
        (Topic.POST_REPLY, answered.id, State.CANCELLED),
        (Topic.MENTION, muted.id, State.CANCELLED),
        (Topic.MENTION, named.id, State.QUEUED),
        (None, muted.id, State.QUEUED),
    }


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (ONE_CLICK, FORM),
        ("", {}),
        (ONE_CLICK, FORM | {"Origin": "https://mail.example", "Sec-Fetch-Site": "cross-site"}),
        (ONE_CLICK, FORM | {"Origin": "null"}),
        (b"--x\r\nContent-Disposition: form-data; name=List-Unsubscribe\r\n\r\nOne-Click\r\n--x--\r\n",
         {"Content-Type": "multipart/form-data; boundary=x"}),
        (b"\xff%%%", {"Content-Type": "text/plain; charset=nonsense"}),
    ],
    ids=["one-click", "nothing", "elsewhere", "null", "multipart", "junk"],
)  # fmt: skip
def test_a_post_acts_whoever_sends_it_however_often(
    make_app: Callable[..., Router],
    make_client: Callable[..., Client],
    db: Session,
    ann: User,
    body: Any,
    headers: dict[str, str],
) -> None:
    # On https, where Pyramid would look at the origin too.
    app = make_app(site_url="https://site.example")
    client = make_client(app)
    for _time in range(3):
        answer = client.post(address(app.registry, ann, "reply"), body, headers, status=200)
        assert "Set-Cookie" not in answer.headers
        assert "You will get no more of these" in answer
        assert ways(db, ann)[NOTE.Kind.POST_REPLY] == NOTE.Way.NEVER


@pytest.mark.one_database
def test_looking_changes_nothing_and_gives_a_button_that_needs_no_cookie(
    app: Router, db: Session, client: Client, ann: User
) -> None:
    place = address(app.registry, ann, "mention")
    before = rows(db)
    client.head(place, status=200)
    page = client.get(place, status=200)
    assert rows(db) == before
    assert client.cookies == {}
    assert "You get mail when somebody names you. This stops it." in page
    (form,) = page.forms.values()
    assert heading(form.submit(status=200)) == "It is stopped"
    assert ways(db, ann)[NOTE.Kind.MENTION] == NOTE.Way.NEVER
    assert client.cookies == {}


@pytest.mark.one_database
def test_the_way_back_is_in_the_settings_and_needs_a_sign_in(
    app: Router, db: Session, client: Client, ann: User
) -> None:
    page = client.post(address(app.registry, ann, "reply"))
    settings = page.html.select_one("main a.button")["href"]
    assert client.get(settings, status=303).location.endswith(f"/users/login/?next={settings}")
    sign_in(client, ann)
    assert client.get(settings, status=200).forms["form"].method.upper() == "POST"


@pytest.mark.one_database
@pytest.mark.parametrize("who", ["suspended", "leaving", "new", "staff", "former", "nobody"])
def test_it_works_for_every_kind_of_member_and_for_who_is_gone(
    app: Router, db: Session, client: Client, ann: User, who: str
) -> None:
    place = address(app.registry, ann, "reply")
    if who == "suspended":
        ann.status = USER.Status.INACTIVE
    elif who == "leaving":
        ann.deletion, ann.delete_after = USER.Deletion.REMOVE_POSTS, sa.func.now()
    elif who == "new":
        ann.status, ann.email_verified_at = USER.Status.NEW, None
    elif who == "staff":
        ann.role = USER.Role.STAFF
    elif who == "former":
        ann.email = ann.email_canonical = ""
    else:
        place = address(app.registry, User(id=987_654), "reply")
    client.post(place, status=200)
    stopped = ways(db, ann)[NOTE.Kind.POST_REPLY] == NOTE.Way.NEVER
    assert stopped is (who not in ("former", "nobody"))


@pytest.mark.one_database
def test_who_is_signed_in_makes_no_difference(
    make_app: Callable[..., Router], make_client: Callable[..., Client], db: Session, ann: User
) -> None:
    # Neither a second factor nor new terms stand before it, and it is not the visitor's mail that stops.
    app = make_app(users_require_second_factor="staff", site_terms_version="2")
    client, bob = make_client(app), make_user(db, "bob", role=USER.Role.STAFF)
    bob.terms_version = "1"
    sign_in(client, bob)
    page = client.get(address(app.registry, ann, "reply"), status=200)
    assert "bob" not in page.html.get_text()
    assert "Set-Cookie" not in client.post(address(app.registry, ann, "reply"), status=200).headers
    assert ways(db, ann)[NOTE.Kind.POST_REPLY] == NOTE.Way.NEVER
    assert ways(db, bob)[NOTE.Kind.POST_REPLY] == NOTE.Way.NOW


@pytest.mark.one_database
def test_what_the_site_has_not_signed_is_not_found(app: Router, db: Session, client: Client, ann: User) -> None:
    bob = make_user(db, "bob")
    db.flush()
    keys = keys_of(app.registry)
    good, other = (make_token(keys, Stop(user.id, "reply")) for user in (ann, bob))
    payload, _dot, signature = good.rpartition(".")
    wrong = [
        f"{payload}.{other.rpartition('.')[2]}",  # another member's
        f"{other.rpartition('.')[0]}.{signature}",
        f"{make_token(keys, Stop(ann.id, 'mention')).rpartition('.')[0]}.{signature}",
        f"{make_token(keys, Stop(ann.id, post_id=1)).rpartition('.')[0]}.{signature}",
        *(good[:cut] for cut in range(1, len(good), 7)),
        make_token(KeyRing(("x" * 48,)), Stop(ann.id, "reply")),  # forged
        # What the site signs for something else.
        keys.signer("unsubscribe").dumps([ann.id, "reply"]),
        keys.signer("flash").dumps([ann.id, "reply"]),
        f"{payload}.",
        "x",
        "x" * 300,
    ]
    before = rows(db)
    for token in wrong:
        page = client.get(f"/emails/unsubscribe/{token}/", status=404)
        assert heading(page) == "Page not found"
        client.post(f"/emails/unsubscribe/{token}/", ONE_CLICK, FORM | {"Origin": "https://x.example"}, status=404)
    assert rows(db) == before


@pytest.mark.one_database
def test_a_link_outlives_a_new_key_and_ends_with_its_own(app: Router, client: Client, ann: User) -> None:
    old, new = "old " + "0" * 40, "new " + "1" * 40
    registry, ring = app.registry, app.registry["keys"]
    try:
        registry["keys"] = KeyRing((old,))
        place = address(registry, ann, "reply")
        registry["keys"] = KeyRing((new, old))
        client.post(place, status=200)
        assert address(registry, ann, "reply") != place
        registry["keys"] = KeyRing((new,))
        client.post(place, status=404)
    finally:
        registry["keys"] = ring
