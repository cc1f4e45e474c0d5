"""The inbox: what stands in it, how many are unread, and how they are read."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
import webtest
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.audit import Actor
from myproject.comments.services.removal import remove_comment
from myproject.db import utc_now
from myproject.notifications import constants as NOTE
from myproject.notifications.models import Notification
from myproject.notifications.services import choices
from myproject.notifications.services.inbox import touch_inboxes
from myproject.notifications.tasks import mail_due
from myproject.posts.constants import Attention
from myproject.posts.models import Post
from myproject.posts.services.attention import list_attention, set_attention
from myproject.posts.services.removal import remove_post
from myproject.posts.services.tags import find_marks, find_tag, follow_tag
from myproject.users.models import User
from tests.conftest import Client, form_with, run_tasks
from tests.factories import make_comment, make_comments, make_post, make_user, sign_in
from tests.functional.pages import csrf_token, flashes, text_of

pytestmark = pytest.mark.usefixtures("signed_in")


def tell(db: Session, member: User, kind: NOTE.Kind, **values: Any) -> Notification:
    """Puts something into a member's inbox."""
    number = len(db.scalars(sa.select(Notification.id)).all())
    notification = Notification(user_id=member.id, kind=kind, event=f"test:{number}", **values)
    db.add(notification)
    db.flush()
    touch_inboxes(db, [member.id])
    return notification


def items(page: webtest.TestResponse) -> list[str]:
    """What stands in the inbox, in words."""
    return [
        " ".join(each.get_text(" ", strip=True).split()) for each in page.html.select(".notices li p:first-child")
    ]


def in_header(client: Client, address: str = "/about/") -> str:
    link = client.get(address).html.select_one("header a[href$='/notifications/']")
    return " ".join(link.get_text("", strip=False).split())


def test_it_says_who_did_what_and_leads_there(
    client: Client, db: Session, ann: User, bob: User, post: Post
) -> None:
    comment = make_comment(db, post, bob)
    db.execute(sa.delete(Notification))
    about = {"post_id": post.id, "actor_id": bob.id}
    expected = {
        "bob replied to your comment on On bread": (NOTE.Kind.COMMENT_REPLY, {"comment_id": comment.id}),
        "bob commented on your post On bread": (NOTE.Kind.POST_REPLY, {"comment_id": comment.id}),
        "bob mentioned you in a comment on On bread": (NOTE.Kind.MENTION, {"comment_id": comment.id}),
        "bob mentioned you in the post On bread": (NOTE.Kind.MENTION, {}),
        "bob likes your post On bread": (NOTE.Kind.LIKE, {}),
        "bob and 4 more like your post On bread": (NOTE.Kind.LIKE, {"actor_count": 5}),
        "The site's staff have changed your post On bread": (
            NOTE.Kind.MODERATION,
            {"actor_id": None, "decision": NOTE.Decision.EDITED, "note": "Calmer words."},
        ),
    }
    for kind, values in expected.values():
        tell(db, ann, kind, **about | values)
    page = client.get("/notifications/")
    assert items(page) == [f"Unread {sentence}" for sentence in reversed(expected)]
    assert "Calmer words." in page
    links = [each.select("p a")[-1]["href"] for each in page.html.select(".notices li")]
    to_post, to_comment = f"/posts/{post.id}/{post.slug}/", f"/comments/{comment.id}/"
    assert links[::-1] == [to_comment] * 3 + [to_post] * 4


def test_an_empty_one_says_so(client: Client, ann: User) -> None:
    assert (
        client.get("/notifications/").html.select_one(".empty-title").get_text()
        == "Nobody has told you anything yet"
    )


def test_every_page_counts_what_is_unread_until_it_is_read(
    client: Client, make_client: Callable[..., Client], db: Session, ann: User, bob: User, post: Post
) -> None:
    assert in_header(client) == "Notifications"
    for _ in range(3):
        tell(db, ann, NOTE.Kind.POST_REPLY, post_id=post.id, actor_id=bob.id)
    assert in_header(client) == "Notifications, 3 unread"
    page = client.get("/notifications/")
    form = form_with(page, "up_to")
    one = page.html.select(".notices li")[1].select_one("button")
    client.post(form.action, {"csrf_token": csrf_token(page), one["name"]: one["value"]}, status=303)
    assert [text.startswith("Unread") for text in items(client.get("/notifications/"))] == [True, False, True]
    assert in_header(client) == "Notifications, 2 unread"
    answer = form.submit("up_to", status=303).follow()
    assert flashes(answer) == ["All is marked as read"]
    assert "Nothing is unread" in answer
    assert in_header(client) == "Notifications"
    guest = make_client().get("/about/")
    assert "/notifications/" not in guest


def test_what_came_after_the_list_was_opened_stays_unread(
    client: Client, db: Session, ann: User, bob: User, post: Post
) -> None:
    tell(db, ann, NOTE.Kind.POST_REPLY, post_id=post.id, actor_id=bob.id)
    form = form_with(client.get("/notifications/"), "up_to")
    tell(db, ann, NOTE.Kind.LIKE, post_id=post.id, actor_id=bob.id)
    form.submit("up_to", status=303)
    assert in_header(client) == "Notifications, 1 unread"


def test_counting_costs_no_statement_where_nothing_has_changed(
    client: Client,
    app: Router,
    db: Session,
    ann: User,
    post: Post,
    query_counter: Callable[..., AbstractContextManager[list[str]]],
) -> None:
    tell(db, ann, NOTE.Kind.LIKE, post_id=post.id)
    in_header(client)
    with query_counter() as statements:
        assert in_header(client) == "Notifications, 1 unread"
    assert [statement for statement in statements if "notifications" in statement] == []


def test_whoever_reads_the_post_has_read_what_they_were_told_of_it(
    client: Client, app: Router, db: Session, ann: User, bob: User, post: Post
) -> None:
    other = make_post(db, ann, "Another")
    for about in (post, post, other):
        tell(db, ann, NOTE.Kind.LIKE, post_id=about.id, actor_id=bob.id)
    client.get(f"/posts/{post.id}/{post.slug}/")
    # Looking writes nothing; a worker does.
    assert in_header(client) == "Notifications, 3 unread"
    run_tasks(app.registry)
    assert in_header(client) == "Notifications, 1 unread"
    # Seen a moment ago, and told again.
    tell(db, ann, NOTE.Kind.LIKE, post_id=post.id, actor_id=bob.id)
    client.get(f"/posts/{post.id}/{post.slug}/")
    run_tasks(app.registry)
    assert [text.startswith("Unread") for text in items(client.get("/notifications/"))] == [
        False,
        True,
        False,
        False,
    ]


def test_what_stands_on_another_page_of_a_long_discussion_stays_unread(
    make_app: Callable[..., Router], make_client: Callable[..., Client], db: Session, bob: User
) -> None:
    app = make_app(notifications_window=10)
    client, member = make_client(app), make_user(db, "joe")
    sign_in(client, member)
    post = make_post(db, member, "A long one")
    make_comments(db, post, member, 150)
    last = make_comment(db, post, bob, "At the end, zebra")
    tell(db, member, NOTE.Kind.LIKE, post_id=post.id, actor_id=bob.id)
    address = f"/posts/{post.id}/{post.slug}/"
    first = client.get(address)
    assert "zebra" not in first
    run_tasks(app.registry)
    # The like of the post, and not the comment.
    db.commit()
    assert in_header(client) == "Notifications, 1 unread"
    db.execute(sa.update(Notification).values(mail_at=utc_now()))
    assert "zebra" in client.get(f"/comments/{last.id}/").follow()
    run_tasks(app.registry)
    assert in_header(client) == "Notifications"


def test_a_visit_to_the_first_page_of_a_long_discussion_keeps_no_mail_away(
    app: Router, client: Client, db: Session, bob: User, post: Post, mails: Callable[..., list[Any]]
) -> None:
    make_comments(db, post, bob, 150)
    make_comment(db, post, bob, "At the end, zebra")
    assert "zebra" not in client.get(f"/posts/{post.id}/{post.slug}/")
    assert len(mails(to="ann@")) == 1


def test_what_was_read_in_a_long_discussion_is_not_mailed_without_an_inbox_either(
    app: Router, client: Client, db: Session, ann: User, bob: User, post: Post, mails: Callable[..., list[Any]]
) -> None:
    choices.set_choice(db, ann.id, NOTE.Kind.POST_REPLY, False, NOTE.Way.NOW)
    make_comments(db, post, ann, 60)
    window = sa.update(Notification)
    make_comment(db, post, bob, "Zebra, the first")
    db.execute(window.values(mail_at=utc_now() + timedelta(minutes=10)))
    assert "Zebra, the first" in client.get(f"/posts/{post.id}/{post.slug}/")
    make_comment(db, post, bob, "Zebra, the second")
    db.execute(window.values(mail_at=utc_now() + timedelta(minutes=10)))
    db.commit()
    run_tasks(app.registry)
    db.execute(window.values(mail_at=utc_now()))
    db.commit()
    mail_due(app.registry)
    (mail,) = mails(to="ann@")
    assert "Zebra, the second" in text_of(mail)
    assert "Zebra, the first" not in text_of(mail)


def test_whoever_is_shown_that_their_comment_is_gone_has_read_that(
    client: Client, app: Router, db: Session, ann: User, bob: User, post: Post
) -> None:
    comment = make_comment(db, post, ann)
    remove_comment(db, Actor(bob.id, bob.name), comment.id, "Not here.")
    assert in_header(client) == "Notifications, 1 unread"
    page = client.get("/notifications/")
    client.get(page.html.select_one(".notices p a")["href"], status=410)
    run_tasks(app.registry)
    assert in_header(client) == "Notifications"


def test_whoever_reads_why_their_post_was_removed_has_read_that_it_was(
    client: Client, app: Router, db: Session, ann: User, post: Post
) -> None:
    remove_post(db, Actor(make_user(db, "boss").id, "boss"), post.id, "Not here.")
    page = client.get("/notifications/")
    assert "Not here." in client.get(page.html.select_one(".notices p a")["href"], status=410)
    run_tasks(app.registry)
    assert in_header(client) == "Notifications"


def test_what_is_unread_stands_on_a_page_of_its_own(
    client: Client, db: Session, ann: User, bob: User, post: Post
) -> None:
    told = [tell(db, ann, NOTE.Kind.LIKE, post_id=post.id, actor_id=bob.id) for _ in range(NOTE.PAGE_SIZE + 2)]
    told[-1].read_at = utc_now()
    page = client.get("/notifications/").click("Unread", href="show=unread")
    assert len(items(page)) == NOTE.PAGE_SIZE
    last = page.click("Older")
    assert items(last) == ["Unread bob likes your post On bread"]
    back = form_with(last, "show").submit("up_to", status=303)
    assert back.location.endswith(f"/notifications/?show=unread&after={told[1].id}")
    assert "Nothing is unread" in back.follow()


def test_a_long_one_has_pages_and_more_than_a_hundred_unread(
    client: Client, app: Router, db: Session, ann: User, bob: User, post: Post
) -> None:
    other = make_post(db, ann, "Another")
    first = tell(db, ann, NOTE.Kind.LIKE, post_id=other.id, actor_id=bob.id)
    values = {"user_id": ann.id, "kind": NOTE.Kind.LIKE, "post_id": post.id, "actor_id": bob.id}
    db.execute(sa.insert(Notification), [values | {"event": f"many:{count}"} for count in range(110)])
    assert in_header(client) == "Notifications, 99+ unread"
    page, seen = client.get("/notifications/"), 0
    while True:
        seen += len(items(page))
        more = page.html.select_one(".pager-next")
        if more is None:
            break
        page = page.click(href=more["href"].replace("?", r"\?"), index=0)
    assert seen == 111
    # The oldest of all, behind those that are counted.
    client.get(f"/posts/{other.id}/{other.slug}/")
    run_tasks(app.registry)
    page = client.get(f"/notifications/?after={first.id + 1}")
    assert items(page) == ["bob likes your post Another"]
    back = form_with(page, "after").submit("up_to", status=303)
    assert back.location.endswith(f"/notifications/?after={first.id + 1}")
    assert "Nothing is unread" in back.follow()


def test_of_a_text_that_is_gone_no_title_is_told_but_to_its_author(
    client: Client, db: Session, ann: User, bob: User
) -> None:
    theirs, own = make_post(db, bob, "Secret of bob"), make_post(db, ann, "Words of ann")
    comment = make_comment(db, theirs, ann)
    about = {"post_id": theirs.id, "comment_id": comment.id}
    tell(db, ann, NOTE.Kind.MODERATION, decision=NOTE.Decision.EDITED, **about)
    tell(db, ann, NOTE.Kind.FOLLOWED_POST, post_id=theirs.id, actor_id=bob.id)
    tell(db, ann, NOTE.Kind.MODERATION, post_id=own.id, decision=NOTE.Decision.REMOVED)
    staff = Actor(bob.id, bob.name, "")
    for post in (theirs, own):
        remove_post(db, staff, post.id, "Not here.")
    page = client.get("/notifications/")
    assert [text.removeprefix("Unread ") for text in items(page)][-3:] == [
        "The site's staff have removed your post Words of ann",
        "bob commented on a text that is not there any more , which you follow",
        "The site's staff have changed your comment on a text that is not there any more",
    ]
    assert "Secret" not in page


@pytest.mark.one_database
def test_where_only_the_comment_is_gone_the_post_that_stands_is_linked(
    client: Client, db: Session, ann: User, bob: User, post: Post
) -> None:
    remove_comment(db, Actor(bob.id, bob.name, ""), make_comment(db, post, bob).id)
    page = client.get("/notifications/")
    assert items(page) == ["Unread bob commented on your post On bread (the comment is not there any more)"]
    assert page.html.select_one(f".notices a[href$='/posts/{post.id}/{post.slug}/']").get_text() == "On bread"


@pytest.mark.one_database
def test_each_item_acts_in_place(client: Client, db: Session, ann: User, bob: User, post: Post) -> None:
    theirs = make_post(db, bob, "On rye", tags=["rye"])
    tag = find_tag(db, "rye")
    assert tag is not None
    follow_tag(db, ann.id, tag.id, True)
    set_attention(db, ann.id, theirs.id, Attention.FOLLOW)
    make_comment(db, theirs, bob)
    tell(db, ann, NOTE.Kind.LIKE, post_id=post.id, actor_id=bob.id)
    tell(db, ann, NOTE.Kind.FOLLOWED_TAG, post_id=theirs.id, actor_id=bob.id, tag_id=tag.id)
    tell(db, ann, NOTE.Kind.SECURITY)
    here = "/notifications/?show=unread"
    for text in ("Mute the post", "Stop following the post", "Stop following rye"):
        page = client.get(here)
        (button,) = [each for each in page.html.select(".notices button") if text in each.get_text()]
        form = page.forms["read"]
        form.action = button["formaction"]
        fields = [*form.submit_fields(), (button["name"], button["value"])]
        back = client.post(form.action, fields, status=303)
        assert back.location.endswith(here)
        assert not [each for each in client.get(here).html.select(".notices button") if text in each.get_text()]
    assert find_marks(db, ann.id, tag.id).followed is False
    assert [row.attention for row in list_attention(db, ann.id).rows] == [Attention.MUTE]
    assert "Where you are signed in" in client.get(here).html.select_one(".notices").get_text()


def test_nobody_marks_what_others_were_told(client: Client, db: Session, ann: User, bob: User, post: Post) -> None:
    theirs = tell(db, bob, NOTE.Kind.LIKE, post_id=post.id)
    token = csrf_token(client.get("/notifications/settings/"))
    for fields in ({"id": str(theirs.id)}, {"up_to": str(theirs.id)}):
        client.post("/notifications/read/", fields | {"csrf_token": token}, status=303)
    db.refresh(theirs)
    assert theirs.read_at is None
    for fields in ({}, {"id": "x"}, {"up_to": "9" * 40}):
        client.post("/notifications/read/", fields | {"csrf_token": token}, status=400)
    for after in ("x", "0", "", "-1", "9" * 40):
        client.get(f"/notifications/?after={after}", status=404)
