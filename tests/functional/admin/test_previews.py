"""Previews of every kind of mail, for admins."""

import pytest
from sqlalchemy.orm import Session

from myproject.admin.schemas import KIND_TITLES
from myproject.emails.constants import Kind
from myproject.emails.services.samples import SAMPLES
from myproject.users import constants as USER
from tests.conftest import Client
from tests.factories import make_user, sign_in

pytestmark = pytest.mark.one_database


@pytest.fixture
def root(client: Client, db: Session) -> Client:
    """An admin's browser."""
    sign_in(client, make_user(db, "root-of-all", role=USER.Role.ADMIN))
    return client


def test_every_kind_of_mail_has_a_preview_with_subject_text_and_html(root: Client) -> None:
    listed = root.get("/admin/emails/").click("What each mail looks like")
    links = {link["href"]: link.get_text() for link in listed.html.select("main li a")}
    for kind in Kind:
        address = f"/admin/emails/previews/{kind}/"
        assert links[address] == KIND_TITLES[kind]
        page = root.get(address)
        assert page.html.select_one("pre").get_text().startswith("Hello ann,")
        html = root.get(page.html.select_one("iframe")["src"])
        assert page.html.select("dl dd")[1].get_text() == html.html.title.get_text()
        # Nothing in them does anything.
        for part in (page, html):
            assert "t0ken" not in part
            for link in ("/emails/unsubscribe/********/", "/notifications/settings/********/"):
                assert (link in part) is (SAMPLES[kind].topic is not None)
    assert root.get("/admin/emails/previews/reply/").html.select("dl dd")[0].get_text() == (
        "bob (My community) <noreply@localhost>"
    )


def test_the_html_part_stands_in_a_frame_that_may_do_nothing(root: Client) -> None:
    page = root.get("/admin/emails/previews/verify/")
    assert page.html.select_one("iframe")["sandbox"] == []
    assert page.headers["Content-Security-Policy"].endswith("; frame-src 'self'")
    policy = root.get("/admin/emails/previews/verify/html/").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
