"""Absolute addresses come from `site.url`, whatever host a request names."""

import re
from collections.abc import Callable
from email.message import EmailMessage

import pytest
from pyramid.router import Router
from sqlalchemy.orm import Session

from tests.conftest import PASSWORD, Client, form_with
from tests.factories import make_comment, make_post, make_user, sign_in
from tests.functional.pages import link_in, text_of

pytestmark = pytest.mark.one_database

SITE = "http://site.example:8080"
Mails = Callable[..., list[EmailMessage]]


@pytest.fixture
def site(make_app: Callable[..., Router]) -> Router:
    """A site that answers to a second host, for instance of a health check."""
    return make_app(site_url=SITE, site_hosts="other.example")


@pytest.fixture
def visitor(site: Router, make_client: Callable[..., Client]) -> Client:
    """A browser at the second host, behind something that names a third."""
    client = make_client(site)
    client.extra_environ |= {
        "HTTP_HOST": "other.example",
        "HTTP_X_FORWARDED_HOST": "evil.example",
        "HTTP_X_FORWARDED_PROTO": "https",
        "HTTP_FORWARDED": "host=evil.example;proto=https",
    }
    return client


def check_links(mail: EmailMessage) -> None:
    html = mail.get_body(("html",))
    assert html is not None
    links = re.findall(r"https?://[^\s\"'<>)]+", text_of(mail) + html.get_content())
    assert links
    assert [link for link in links if not link.startswith(SITE + "/") and link != SITE] == []


def test_registering_with_an_address_that_is_taken(
    site: Router, visitor: Client, db: Session, mails: Mails
) -> None:
    make_user(db, "olga")
    visitor.register("ann", email="olga@example.org")
    (mail,) = mails(site)
    check_links(mail)


def test_verifying_again(site: Router, visitor: Client, mails: Mails) -> None:
    visitor.register("ann")
    form_with(visitor.get("/users/verify/"), "resend").submit("resend", status=303)
    assert len(mails(site)) == 2
    for mail in mails(site):
        check_links(mail)


def test_a_lost_and_a_changed_password(site: Router, visitor: Client, db: Session, mails: Mails) -> None:
    make_user(db, "ann")
    form = form_with(visitor.get("/users/lost-password/"), "email")
    form["email"] = "ann@example.org"
    form.submit(status=303)
    (lost,) = mails(site)
    check_links(lost)
    form = form_with(visitor.get(link_in(lost)), "confirm")
    form["password"] = form["confirm"] = PASSWORD + " 2"
    form.submit(status=303)
    for mail in mails(site):
        check_links(mail)


def test_a_reply(site: Router, visitor: Client, db: Session, mails: Mails) -> None:
    post = make_post(db, make_user(db, "ann"))
    comment = make_comment(db, post, make_user(db, "bob"))
    db.commit()
    sent = len(mails(site))
    sign_in(visitor, make_user(db, "eve"))
    form = form_with(visitor.get(f"/comments/{comment.id}/reply/"), "body")
    form["body"] = "Indeed"
    form.submit("send", status=303)
    replies = mails(site)[sent:]
    assert replies
    for mail in replies:
        check_links(mail)


def test_the_canonical_address_of_a_post(visitor: Client, db: Session) -> None:
    make_post(db, make_user(db, "ann"), "Of tea")
    page = visitor.get("/posts/1/of-tea/")
    assert page.html.select_one("link[rel=canonical]")["href"] == f"{SITE}/posts/1/of-tea/"
    assert "evil.example" not in page


def test_a_page_made_for_one_host_names_no_other_to_the_next_guest(
    site: Router, visitor: Client, make_client: Callable[..., Client], db: Session
) -> None:
    make_post(db, make_user(db, "ann"), "Of tea")
    visitor.get("/posts/1/of-tea/")
    assert "other.example" not in make_client(site).get("/posts/1/of-tea/")
