"""Mail as members meet it: pages do not wait for the mail server, and links lead to the site."""

import re
from collections.abc import Callable
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.emails.constants import Kind, State
from myproject.emails.services.lists import list_emails
from myproject.emails.services.outbox import queue_mail
from myproject.notifications import constants as NOTE
from myproject.notifications.services.choices import read_choices
from tests import servers
from tests.conftest import PASSWORD, Client, form_with
from tests.factories import make_post, make_user, sign_in
from tests.functional.pages import text_of
from tests.outbox import deliver_due
from tests.unit.emails.samples import content, sample


def test_registering_works_while_the_mail_server_is_away_and_the_mail_waits(
    make_app: Callable[..., Router], make_client: Callable[..., Client], db: Session
) -> None:
    app = make_app(mail_transport="smtp", mail_port=servers.free_port(), mail_tls="none")
    assert make_client(app).register("ann").status_int == 303
    deliver_due(app.registry)
    (row,) = list_emails(db)
    assert (row.kind, row.state, row.attempts) == (Kind.VERIFY, State.QUEUED, 0)
    assert "Can't connect" in (row.last_error or "")


def test_links_in_mails_are_the_sites_own_whatever_host_a_request_names(
    make_app: Callable[..., Router],
    make_client: Callable[..., Client],
    db: Session,
    mails: Callable[..., list[EmailMessage]],
) -> None:
    app = make_app(site_url="http://site.example:8080", site_hosts="other.example")
    client = make_client(app)
    # A host the site answers to as well, for instance of a health check, and what a proxy might have said.
    forwarded = ("X_FORWARDED_HOST", "X_FORWARDED_SERVER", "X_HOST", "X_ORIGINAL_HOST")
    client.extra_environ |= {f"HTTP_{name}": "evil.example" for name in forwarded}
    client.extra_environ |= {"HTTP_HOST": "other.example", "HTTP_FORWARDED": "host=evil.example;proto=https"}
    client.register("ann")
    bob = make_user(db, "bob")
    post = make_post(db, make_user(db, "cyd"))

    def send(path: str, field: str, button: str = "", **values: str) -> None:
        form = form_with(client.get(path), field)
        for name, value in values.items():
            form[name] = value
        form.submit(button or None, status=303)

    send("/users/lost-password/", "email", email="bob@example.org")
    sign_in(client, bob)
    send(f"/posts/{post.id}/{post.slug}/", "body", "send", body="Hello")
    send("/users/me/email/", "email", email="new@example.org", password=PASSWORD)
    new = "staple battery horse"
    send("/users/me/password/", "current", current=PASSWORD, password=new, confirm=new)
    sent = mails(app)
    assert len(sent) >= 5
    for mail in sent:
        raw = mail.as_string()
        assert "evil.example" not in raw
        assert "other.example" not in raw
        html = mail.get_body(("html",))
        links = re.findall(r"https?://[^\s\"<>]+", text_of(mail) + str(html and html.get_content()))
        links += re.findall(r"https?://[^\s<>]+", str(mail["List-Unsubscribe"] or ""))
        assert links
        assert {link for link in links if not link.startswith("http://site.example:8080")} == set()


def test_a_staging_site_mails_one_address_and_its_links_are_those_of_the_real_reader(
    make_app: Callable[..., Router],
    make_client: Callable[..., Client],
    db: Session,
    smtp_server: servers.SmtpServer,
) -> None:
    app = make_app(
        mail_transport="smtp",
        mail_port=smtp_server.port,
        mail_tls="none",
        mail_redirect_all_to="Staging <staging@example.org>",
    )
    ann, bob = make_user(db, "ann"), make_user(db, "bob")
    for user in (ann, bob):
        queue_mail(db, sample(to_address=user.email, user_id=user.id, topic="reply", thread_scope=4))
    db.commit()
    deliver_due(app.registry)
    assert [envelope.rcpt_tos for envelope in smtp_server.messages] == [["staging@example.org"]] * 2
    sent = [message_from_bytes(content(envelope), policy=default) for envelope in smtp_server.messages]
    assert {mail["To"].addresses[0].addr_spec for mail in sent} == {"staging@example.org"}
    (to_ann,) = (mail for mail in sent if mail["X-Original-To"] == "ann@example.org")
    client = make_client(app)
    client.post(str(to_ann["List-Unsubscribe"]).strip("<>"), {"List-Unsubscribe": "One-Click"}, status=200)
    ways = [read_choices(db, user.id)[NOTE.Kind.POST_REPLY].mail for user in (ann, bob)]
    assert ways == [NOTE.Way.NEVER, NOTE.Way.NOW]


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
