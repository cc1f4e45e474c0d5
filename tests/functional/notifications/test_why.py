"""Why somebody heard of a post, or why not: for themselves, and for admins."""

from collections.abc import Callable
from email.message import EmailMessage

import pytest
import sqlalchemy as sa
import webtest
from sqlalchemy.orm import Session

from myproject.audit import COMMAND_LINE
from myproject.emails import constants as EMAIL
from myproject.emails.models import Email
from myproject.posts import constants as POST
from myproject.posts.models import Post
from myproject.posts.services.attention import set_attention
from myproject.posts.services.removal import remove_post
from myproject.users import constants as USER
from myproject.users.models import User
from tests.conftest import Client, form_with
from tests.factories import make_comment, make_post, make_user, sign_in

Mails = Callable[..., list[EmailMessage]]


pytestmark = pytest.mark.usefixtures("signed_in")


def chains(page: webtest.TestResponse) -> dict[str, list[str]]:
    """What stands on the page: of each event the lines."""
    return {
        each.h2.get_text(strip=True): [line.get_text(strip=True) for line in each.select(".steps li")]
        for each in page.html.select(".explained > li")
    }


def choose(client: Client, **fields: str | bool) -> None:
    """Changes settings as a member does."""
    form = client.get("/notifications/settings/").forms["form"]
    for name, value in fields.items():
        form[name] = value
    form.submit("save", status=303)


def test_what_a_member_chose_decides_where_they_are_told(
    client: Client, db: Session, ann: User, bob: User, post: Post, mails: Mails
) -> None:
    choose(client, mail_post_reply="0", inbox_post_reply=True)
    make_comment(db, post, bob)
    assert mails(to="ann@example.org") == []
    page = client.get("/notifications/")
    assert "bob commented on your post" in page.html.select_one(".notices li").get_text()
    why = page.click("Why")
    assert chains(why)["bob answered your post."][-2:] == [
        "It is in your inbox.",
        "You want no mail about such things.",
    ]

    choose(client, mail_post_reply="1", inbox_post_reply=False)
    make_comment(db, post, bob, "Another one.")
    assert len(mails(to="ann@example.org")) == 1
    page = client.get("/notifications/")
    assert len(page.html.select(".notices li")) == 1
    lines = [
        [line.get_text(strip=True) for line in each.select("li")]
        for each in page.click("Why").html.select(".steps")
    ]
    assert "It is not in your inbox." in lines[1]
    assert "It was mailed to you." in lines[1]


def test_who_was_told_can_ask_why_also_when_the_post_is_gone(
    client: Client, make_client: Callable[..., Client], db: Session, ann: User, bob: User
) -> None:
    theirs = make_post(db, bob, "Secret of bob")
    set_attention(db, ann.id, theirs.id, POST.Attention.FOLLOW)
    make_comment(db, theirs, bob)
    address = f"/posts/{theirs.id}/why/"
    assert "Secret of bob" in client.get(address)
    remove_post(db, COMMAND_LINE, theirs.id, "Not here.")
    page = client.get(address)
    assert list(chains(page)) == ["bob commented on the post, which you follow."]
    assert "Secret" not in page
    # Who never heard of it learns nothing now.
    other = make_client()
    sign_in(other, make_user(db, "joe"))
    other.get(address, status=404)
    other.get("/posts/999999/why/", status=404)


def test_who_mutes_a_post_reads_at_once_that_what_waits_is_not_mailed(
    client: Client, db: Session, ann: User, bob: User, post: Post, mails: Mails
) -> None:
    make_comment(db, post, bob)
    why = f"/posts/{post.id}/why/"
    assert chains(client.get(why))["bob answered your post."][-1].startswith("The mail ")
    set_attention(db, ann.id, post.id, POST.Attention.MUTE)
    assert chains(client.get(why))["bob answered your post."][-1] == "You have muted the post."
    assert mails(to="ann@example.org") == []
    assert chains(client.get(why))["bob answered your post."][-1] == "You have muted the post."


def test_who_mutes_a_post_reads_so_of_a_mail_that_is_tried_again_too(
    client: Client, db: Session, ann: User, bob: User, post: Post, mails: Mails
) -> None:
    make_comment(db, post, bob)
    mails()
    db.execute(sa.update(Email).values(state=EMAIL.State.QUEUED, sent_at=None))
    why = f"/posts/{post.id}/why/"
    assert chains(client.get(why))["bob answered your post."][-1] == "The mail is on its way."
    set_attention(db, ann.id, post.id, POST.Attention.MUTE)
    assert chains(client.get(why))["bob answered your post."][-1] == "You have muted the post."


def test_admins_read_what_the_member_reads(client: Client, db: Session, ann: User, bob: User, post: Post) -> None:
    make_comment(db, post, bob)
    own = chains(client.get(f"/posts/{post.id}/why/"))
    assert "bob answered your post." in own
    sign_in(client, make_user(db, "boss", role=USER.Role.ADMIN))
    form = form_with(client.get(f"/admin/users/{ann.id}/why/"), "post")
    for asked in (str(post.id), f"#{post.id}", f"http://localhost/posts/{post.id}/{post.slug}/#comments"):
        form["post"] = asked
        page = form.submit(status=200)
        assert chains(page) == own
        assert "On bread" in page
    for asked in ("999999", "bees", "9" * 40, "-1", f"http://elsewhere.example/posts/{post.id}/"):
        form["post"] = asked
        assert "There is no such post" in form.submit(status=200)
    (link,) = client.get(f"/admin/users/{ann.id}/notifications/").html.select("a[href*='?post=']")
    assert chains(client.get(link["href"])) == own
