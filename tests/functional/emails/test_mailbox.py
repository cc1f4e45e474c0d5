"""The development mailbox."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.emails.constants import Kind
from myproject.emails.services.outbox import queue_mail
from tests.conftest import Client
from tests.outbox import deliver_due
from tests.unit.emails.samples import sample


@pytest.fixture
def mailbox(app: Router, db: Session, client: Client) -> Client:
    """A client of a site that has sent a reply and then a verification."""
    for kind in (Kind.REPLY, Kind.VERIFY):
        queue_mail(db, sample(kind))
        db.commit()
        deliver_due(app.registry)
    return client


def test_mails_are_listed_from_new_to_old_with_their_addressee(mailbox: Client) -> None:
    page = mailbox.get("/dev/mailbox/")
    entries = [entry.get_text(" ", strip=True) for entry in page.html.select("ol.mailbox > li")]
    assert [entry.partition(" To ")[0] for entry in entries] == [
        "Confirm your address for My community",
        "About “Tea”",
    ]
    assert all("ann@example.org" in entry for entry in entries)


def test_an_empty_mailbox_says_so(client: Client) -> None:
    assert "No mail yet" in client.get("/dev/mailbox/")


def test_a_mail_shows_its_text_with_links_to_follow_and_its_headers(mailbox: Client) -> None:
    page = mailbox.get("/dev/mailbox/").click("Confirm your address")
    assert page.html.select_one("pre").get_text().startswith("Hello ann,")
    assert page.html.select_one('pre a[href="http://localhost/users/verify/t0ken/"]')
    assert "Auto-Submitted auto-generated" in page.html.select_one("dl").get_text(" ", strip=True)


def test_the_html_part_is_a_page_of_its_own_that_may_load_nothing(mailbox: Client) -> None:
    page = mailbox.get("/dev/mailbox/").click("Confirm your address").click("HTML part")
    assert page.content_type == "text/html"
    assert page.html.select_one('a[href="http://localhost/users/verify/t0ken/"]')
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy


def test_what_people_typed_is_not_run(app: Router, db: Session, client: Client) -> None:
    hostile = '<script>alert(1)</script> http://evil.example/"onclick="x'
    context = sample().context | {"excerpt": hostile, "author": hostile}
    queue_mail(db, sample(context=context))
    db.commit()
    deliver_due(app.registry)
    page = client.get("/dev/mailbox/").click(href="/dev/mailbox/2")
    assert not page.html.select_one("pre").find("script")
    assert not page.html.select("[onclick]")


@pytest.mark.parametrize(
    "name",
    ["..%2f..%2fsecret", "20261122T100000000000-0000000g", "20261122T100000000000-00000000", "%00", "x.eml"],
)
def test_a_name_that_is_no_mails_is_not_found(client: Client, site_folder: Path, name: str) -> None:
    (site_folder / "mail").mkdir(exist_ok=True)
    (site_folder / "mail" / "x.eml").write_text("Subject: not by us\n\n")
    for suffix in ("", "html/"):
        assert client.get(f"/dev/mailbox/{name}/{suffix}", status="*").status_int in (400, 404)


def test_there_is_no_mailbox_in_production(
    make_app: Callable[..., Router], make_client: Callable[..., Client]
) -> None:
    app = make_app(
        site_mode="production",
        site_url="https://site.example",
        mail_transport="smtp",
        mail_sender="site@site.example",
        users_password_rounds=12,
    )
    assert make_client(app).get("/dev/mailbox/", status=404)
