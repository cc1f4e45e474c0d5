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
from tests.conftest import Client


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
