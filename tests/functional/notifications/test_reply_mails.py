"""The mail that says somebody answered: who gets it, and what stands in it."""

from collections.abc import Callable
from email.message import EmailMessage

import pytest
import sqlalchemy as sa
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.comments.models import Comment
from myproject.emails.models import Email
from myproject.posts.models import Post
from myproject.users import constants as USER
from myproject.users.models import User
from tests.conftest import Client, form_with
from tests.factories import make_comment, make_post, make_user, sign_in
from tests.functional.pages import text_of

Mails = Callable[..., list[EmailMessage]]


@pytest.fixture
def post(db: Session, ann: User) -> Post:
    return make_post(db, ann, "On bread", body="Bread is *good*.")


@pytest.fixture
def bob(client: Client, db: Session) -> User:
    """A member who is signed in as `client`."""
    user = make_user(db, "bob")
    sign_in(client, user)
    return user


def comment(client: Client, db: Session, post: Post, body: str = "Well said.") -> Comment:
    form = form_with(client.get(f"/posts/{post.id}/{post.slug}/"), "body")
    form["body"] = body
    form.submit("send", status=303)
    return db.scalars(sa.select(Comment).order_by(Comment.id.desc())).first() or Comment()


def reply(client: Client, db: Session, parent: Comment, body: str = "So it is.") -> Comment:
    form = form_with(client.get(f"/comments/{parent.id}/reply/"), "body")
    form["body"] = body
    form.submit("send", status=303)
    return db.scalars(sa.select(Comment).order_by(Comment.id.desc())).first() or Comment()


def lines_of(mail: EmailMessage) -> str:
    return text_of(mail).replace("\r\n", "\n")


def html_of(mail: EmailMessage) -> str:
    body = mail.get_body(("html",))
    assert body is not None
    return str(body.get_content())


def test_the_author_of_a_post_is_told_who_commented(
    client: Client, db: Session, mails: Mails, post: Post, bob: User
) -> None:
    bob.display_name = "Bob the Baker"
    made = comment(client, db, post, "Well **said**.")
    (mail,) = mails()
    assert mail["To"] == "ann <ann@example.org>"
    assert mail["From"].addresses[0].display_name == "Bob the Baker (My community)"
    assert mail["Subject"] == "About “On bread”"
    text = lines_of(mail)
    assert text.startswith("Hello ann,\n\nBob the Baker answered your post “On bread”:\n\nWell said.\n")
    assert "You wrote:\n\n> Bread is good.\n" in text
    assert f"http://localhost/comments/{made.id}/" in text
    assert "You get this because you wrote the post." in text


def test_the_author_of_a_comment_is_told_who_replied_and_nobody_else(
    client: Client, db: Session, mails: Mails, post: Post, bob: User
) -> None:
    cyd = make_user(db, "cyd")
    parent = make_comment(db, post, cyd, "Is rye *better*?")
    assert [mail["To"] for mail in mails()] == ["ann <ann@example.org>"]

    made = reply(client, db, parent, "It is.")
    (mail,) = mails(to="cyd@example.org")
    assert len(mails()) == 2
    assert mail["Subject"] == "About “On bread”"
    text = lines_of(mail)
    assert "bob answered your comment on “On bread”:\n\nIt is.\n" in text
    assert "You wrote:\n\n> Is rye better?\n" in text
    assert f"http://localhost/comments/{made.id}/" in text
    assert "You get this because you wrote the comment." in text


def test_the_html_part_says_the_same_and_links_to_the_comment(
    client: Client, db: Session, mails: Mails, post: Post, bob: User
) -> None:
    made = comment(client, db, post, "Well <b>said</b> & done")
    html = html_of(mails()[0])
    assert f'href="http://localhost/comments/{made.id}/"' in html
    assert f'href="http://localhost/posts/{post.id}/on-bread/"' in html
    assert "bob answered your post" in html
    assert "<b>said" not in html
    assert "You get this because you wrote the post." in html


def test_the_links_mail_leads_to_the_comment_in_its_place(
    client: Client, db: Session, mails: Mails, post: Post, bob: User
) -> None:
    made = comment(client, db, post)
    link = next(word for word in text_of(mails()[0]).split() if "/comments/" in word)
    answer = client.get(link, status=303)
    assert answer.location == f"http://localhost/posts/{post.id}/on-bread/#comment-{made.id}"


def test_who_is_post_author_and_parent_gets_one_mail(
    client: Client, db: Session, mails: Mails, post: Post, ann: User, bob: User
) -> None:
    reply(client, db, make_comment(db, post, ann, "My own comment"))
    (mail,) = mails()
    assert "bob answered your comment on “On bread”" in text_of(mail)


def test_a_mail_is_sent_once(client: Client, db: Session, mails: Mails, post: Post, bob: User) -> None:
    comment(client, db, post)
    assert len(mails()) == 1
    assert len(mails()) == 1
    assert db.scalar(sa.select(sa.func.count(Email.id))) == 1


def test_each_comment_is_told_of_by_a_mail_of_its_own_in_one_thread(
    client: Client, db: Session, mails: Mails, post: Post, bob: User
) -> None:
    for body in ("First", "Second"):
        comment(client, db, post, body)
        mails()
    first, second = mails()
    assert first["Message-ID"] != second["Message-ID"]
    assert first["In-Reply-To"] == second["In-Reply-To"] == f"<post-{post.id}@localhost>"


def test_nobody_is_told_of_what_they_wrote_themselves(
    client: Client, db: Session, mails: Mails, post: Post, ann: User
) -> None:
    sign_in(client, ann)
    own = comment(client, db, post)
    reply(client, db, own)
    assert mails() == []


def test_who_answers_oneself_below_the_post_of_another_tells_nobody(
    client: Client, db: Session, mails: Mails, post: Post, bob: User
) -> None:
    own = comment(client, db, post)
    assert len(mails()) == 1
    reply(client, db, own)
    assert len(mails()) == 1


def test_an_address_that_was_never_verified_gets_none(client: Client, db: Session, mails: Mails) -> None:
    nell = make_user(db, "nell", status=USER.Status.NEW)
    post = make_post(db, nell)
    assert len(mails(to="nell@example.org")) == 1
    sign_in(client, make_user(db, "bob"))
    comment(client, db, post)
    assert len(mails(to="nell@example.org")) == 1


def test_an_account_that_was_shut_gets_none(
    client: Client, db: Session, mails: Mails, ann: User, post: Post, bob: User
) -> None:
    ann.status = USER.Status.INACTIVE
    comment(client, db, post)
    assert mails() == []


def test_a_preview_and_a_refused_comment_send_none(
    client: Client, db: Session, mails: Mails, post: Post, bob: User
) -> None:
    form = form_with(client.get(f"/posts/{post.id}/{post.slug}/"), "body")
    form["body"] = "Not yet"
    form.submit("preview", status=200)
    form["body"] = ""
    form.submit("send", status=422)
    assert mails() == []


def test_an_edit_sends_none(client: Client, db: Session, mails: Mails, post: Post, bob: User) -> None:
    made = comment(client, db, post)
    assert len(mails()) == 1
    form = form_with(client.get(f"/comments/{made.id}/edit/"), "body")
    form["body"] = "Other words"
    form.submit("save", status=303)
    assert len(mails()) == 1


def test_no_name_or_title_can_break_the_mails_headers(
    client: Client, db: Session, mails: Mails, ann: User, bob: User
) -> None:
    bob.display_name = "Bob\r\nBcc: eve@example.org"
    ann.display_name = 'Ann" <eve@example.org>,'
    post = make_post(db, ann, "Title\u2028Bcc: eve@example.org")
    comment(client, db, post)
    (mail,) = mails()
    assert [address.addr_spec for address in mail["To"].addresses] == ["ann@example.org"]
    assert mail["Bcc"] is None
    assert "\n" not in mail["Subject"]


def test_the_mail_names_the_site_by_its_setting_not_by_the_host_that_was_asked(
    make_app: Callable[..., Router],
    make_client: Callable[..., Client],
    db: Session,
    mails: Mails,
    post: Post,
) -> None:
    app = make_app(site_hosts="other.example.org")
    client = make_client(app)
    token = sign_in(client, make_user(db, "bob"))
    form = form_with(client.get(f"/posts/{post.id}/{post.slug}/"), "body")
    form["body"] = "Hello"
    # The client would keep the cookie from another host.
    headers = {"Host": "other.example.org", "Cookie": f"session={token}"}
    form.submit("send", status=303, headers=headers)
    (mail,) = mails(app)
    assert "http://localhost/comments/" in text_of(mail)
    assert "other.example.org" not in mail.as_string()


def test_no_mail_is_kept_when_the_transaction_fails(
    make_app: Callable[..., Router],
    make_client: Callable[..., Client],
    db: Session,
    mails: Mails,
    post: Post,
) -> None:
    app = make_app(**{"pyramid.includes": "tests.reliability.faults"})
    client = make_client(app)
    sign_in(client, make_user(db, "bob"))
    form = form_with(client.get(f"/posts/{post.id}/{post.slug}/"), "body")
    form["body"] = "Hello"
    form.submit("send", status=500, headers={"X-Fail": "late"})
    assert mails(app) == []
    assert db.scalar(sa.select(sa.func.count(Email.id))) == 0
    form.submit("send", status=303)
    assert len(mails(app)) == 1
