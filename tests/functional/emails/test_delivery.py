"""Mail as members meet it: pages do not wait for the mail server, and links lead to the site."""

import re
from collections.abc import Callable
from email.message import EmailMessage

from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.emails.constants import Kind, State
from myproject.emails.services.lists import list_emails
from myproject.emails.tasks import deliver_due
from tests import servers
from tests.conftest import PASSWORD, Client, form_with
from tests.factories import make_user, sign_in
from tests.functional.pages import text_of


def test_registering_works_while_the_mail_server_is_away_and_the_mail_waits(
    make_app: Callable[..., Router], make_client: Callable[..., Client], db: Session
) -> None:
    app = make_app(mail_transport="smtp", mail_port=servers.free_port(), mail_tls="none")
    assert make_client(app).register("ann").status_int == 303
    deliver_due(app.registry)
    (row,) = list_emails(db)
    assert (row.kind, row.state, row.attempts) == (Kind.VERIFY, State.QUEUED, 1)
    assert "Can't connect" in (row.last_error or "")


def test_links_in_mails_begin_with_the_sites_own_address(
    make_app: Callable[..., Router],
    make_client: Callable[..., Client],
    mails: Callable[..., list[EmailMessage]],
) -> None:
    app = make_app(site_url="http://site.example:8080", site_hosts="other.example")
    client = make_client(app)
    # A host the site answers to as well, for instance of a health check.
    client.extra_environ["HTTP_HOST"] = "other.example"
    client.register("ann")
    (mail,) = mails(app, to="ann@example.org")
    body = mail.get_body(("plain",))
    assert body is not None
    links = re.findall(r"https?://\S+", body.get_content())
    assert links
    assert all(link.startswith("http://site.example:8080") for link in links)


def test_times_in_mails_are_in_the_members_own_zone(
    db: Session, client: Client, mails: Callable[..., list[EmailMessage]]
) -> None:
    ann = make_user(db, "ann")
    ann.time_zone = "Asia/Kathmandu"
    sign_in(client, ann)
    form = form_with(client.get("/users/me/password/"), "current")
    form["current"], form["password"], form["confirm"] = PASSWORD, "staple battery horse", "staple battery horse"
    form.submit(status=303)
    changed = next(mail for mail in mails() if "was changed" in str(mail["Subject"]))
    assert re.search(r"When: .* \+0545", text_of(changed))
