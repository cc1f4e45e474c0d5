"""Mails as they leave: nothing typed breaks a header or makes a link, every kind reads well without HTML."""

import dataclasses
import email as email_parser
import email.policy
import re
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyramid.registry import Registry
from pyramid.router import Router

from myproject.emails import constants as EMAIL
from myproject.emails.constants import Kind
from myproject.emails.message import inert, make_message
from myproject.emails.models import Email
from myproject.emails.services.outbox import one_line
from tests.unit.emails.samples import CONTEXTS

HEADERS = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Auto-Submitted",
    "X-Auto-Response-Suppress",
    "MIME-Version",
    "Content-Type",
]
ANY_TEXT = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=200),
    # What ends lines, quotes names or begins headers, closer together than chance would have it.
    st.text('\r\n\x0b\x0c\x1c\x85\u2028\u2029\u202e\ud800"\\<>@,;:= ()?ßé字🙂aB', max_size=200),
)
ADDRESS = re.compile(r"https?:|www\.|\w\.[a-z]|\S@\S", re.IGNORECASE)
SECURITY_KINDS = [kind for kind in Kind if EMAIL.LANES[kind] is EMAIL.Lane.SECURITY]


@pytest.fixture
def registry(app: Router) -> Iterator[Registry]:
    before = app.registry["settings"]
    yield app.registry
    app.registry["settings"] = before


def configure(registry: Registry, **values: Any) -> None:
    registry["settings"] = dataclasses.replace(registry["settings"], **values)


def row(kind: Kind = Kind.REPLY, context: dict[str, Any] | None = None, **values: Any) -> Email:
    defaults = {
        "to_address": "ann@example.org",
        "to_name": "Ann",
        "locale": "en",
        "message_id": "<1@localhost>",
    }
    return Email(kind=kind.value, context=CONTEXTS[kind] | (context or {}), **defaults | values)


def sent(message: EmailMessage) -> EmailMessage:
    """The message as its receiver reads it."""
    return email_parser.message_from_bytes(message.as_bytes(), policy=email.policy.default)


def part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    assert body is not None
    return str(body.get_content())


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=ANY_TEXT, title=ANY_TEXT, site_title=ANY_TEXT)
def test_no_text_breaks_or_adds_a_header(registry: Registry, name: str, title: str, site_title: str) -> None:
    configure(registry, site_title=site_title)
    message = sent(make_message(registry, row(to_name=name, context={"post_title": title, "author": name})))
    assert list(message.keys()) == HEADERS
    (to,) = message["To"].addresses
    assert (to.display_name, to.addr_spec) == (one_line(name, EMAIL.NAME_MAX_LENGTH), "ann@example.org")
    (sender,) = message["From"].addresses
    assert sender.addr_spec == "noreply@localhost"
    assert message["Subject"] == one_line(f"{name} answered your comment on “{title}”", EMAIL.SUBJECT_MAX_LENGTH)
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=ANY_TEXT)
@pytest.mark.parametrize("kind", Kind)
def test_no_text_in_a_context_keeps_a_mail_from_being_made(registry: Registry, kind: Kind, text: str) -> None:
    typed = {"name", "browser", "author", "post_title", "excerpt", "quote"} & CONTEXTS[kind].keys()
    assert sent(make_message(registry, row(kind, dict.fromkeys(typed, text))))


@pytest.mark.parametrize("kind", SECURITY_KINDS)
def test_what_people_typed_makes_no_link_in_a_security_mail(registry: Registry, kind: Kind) -> None:
    typed = {"name", "browser"} & CONTEXTS[kind].keys()
    hostile = 'https://evil.example/ <a href="//evil.example">www.evil.example</a> me@evil.example'
    message = make_message(registry, row(kind, dict.fromkeys(typed, hostile), to_name=""))
    for body in (part(message, "plain"), part(message, "html")):
        assert "evil" in body
        assert not ADDRESS.search(" ".join(re.findall(r"\S*evil\S*", body)))


@given(ANY_TEXT)
def test_inert_text_holds_nothing_that_a_mail_program_takes_for_an_address(text: str) -> None:
    assert not ADDRESS.search(inert(text + " evil.example " + text))


def test_inert_text_leaves_a_browser_its_name_and_version() -> None:
    assert (
        inert("Mozilla/5.0 (X11; Linux x86_64) Firefox/128.0") == "Mozilla/5.0 (X11; Linux x86_64) Firefox/128.0"
    )


@pytest.mark.parametrize("kind", Kind)
def test_both_parts_lead_to_the_same_page_of_the_site_and_nowhere_else(registry: Registry, kind: Kind) -> None:
    configure(registry, site_url="https://site.example")
    message = make_message(registry, row(kind))
    in_text = set(re.findall(r"https?://\S+", part(message, "plain"))) - {"https://site.example"}
    in_html = set(re.findall(r'href="([^"]*)"', part(message, "html")))
    assert in_text
    assert in_text <= in_html
    assert all(address.startswith("https://site.example/") for address in in_text | in_html)


@pytest.mark.parametrize("kind", Kind)
def test_a_mail_loads_nothing(registry: Registry, kind: Kind) -> None:
    html = part(make_message(registry, row(kind)), "html")
    assert not re.search(r"<(img|script|link|iframe|object)|\bsrc=|url\(", html, re.IGNORECASE)


@pytest.mark.parametrize("kind", Kind)
def test_a_mail_says_why_it_came(registry: Registry, kind: Kind) -> None:
    message = make_message(registry, row(kind))
    for body in (part(message, "plain"), part(message, "html")):
        assert "You get this because" in body
        assert ("can't be turned off" in body) is (kind in SECURITY_KINDS)


def test_html_in_what_people_typed_is_shown_and_not_run(registry: Registry) -> None:
    message = make_message(registry, row(context={"excerpt": "<b>bold & loud</b>"}))
    assert "<b>bold & loud</b>" in part(message, "plain")
    assert "&lt;b&gt;bold &amp; loud&lt;/b&gt;" in part(message, "html")


def test_a_reply_names_who_answered_whom_and_where(registry: Registry) -> None:
    configure(registry, site_url="https://site.example")
    text = part(make_message(registry, row()), "plain")
    for piece in (
        "Hello ann,",
        "bob answered your comment on “Tea”",
        "I agree.\n\nSo does my cat.",
        "> Tea is good.\n> Even cold.",
        "https://site.example/comments/7/",
        "You get this because you wrote the comment.",
    ):
        assert piece in text
    assert "bob answered your post" in part(make_message(registry, row(context={"what": "post"})), "plain")


def test_a_verification_carries_link_and_code(registry: Registry) -> None:
    configure(registry, site_url="https://site.example")
    text = part(make_message(registry, row(Kind.VERIFY)), "plain")
    assert "https://site.example/users/verify/t0ken/" in text
    assert "123456" in text


def test_a_mail_is_marked_as_a_machines(registry: Registry) -> None:
    message = make_message(registry, row())
    assert (message["Auto-Submitted"], message["X-Auto-Response-Suppress"]) == ("auto-generated", "All")


def test_a_mail_of_a_thread_refers_to_its_first(registry: Registry) -> None:
    message = sent(make_message(registry, row(in_reply_to="<post-4@localhost>", references="<post-4@localhost>")))
    assert message["In-Reply-To"] == message["References"] == "<post-4@localhost>"


def test_the_message_id_is_the_rows_own_at_every_try(registry: Registry) -> None:
    email = row(message_id="<abc@localhost>")
    assert (
        make_message(registry, email)["Message-ID"]
        == make_message(registry, email)["Message-ID"]
        == "<abc@localhost>"
    )


def test_redirected_mail_goes_to_one_address_and_names_the_one_it_was_for(registry: Registry) -> None:
    configure(registry, mail_redirect_all_to="staging@example.org")
    message = make_message(registry, row())
    assert message["To"].addresses[0].addr_spec == "staging@example.org"
    assert message["X-Original-To"] == "ann@example.org"


def test_mail_comes_from_the_address_that_the_settings_name(registry: Registry) -> None:
    configure(registry, mail_sender="hello@site.example", site_title="Tea, and more")
    (sender,) = sent(make_message(registry, row()))["From"].addresses
    assert (sender.display_name, sender.addr_spec) == ("Tea, and more", "hello@site.example")


def test_a_domain_beyond_ascii_is_written_in_ascii(registry: Registry) -> None:
    message = make_message(registry, row(to_address="ann@bücher.example"))
    assert message["To"].addresses[0].addr_spec == "ann@xn--bcher-kva.example"


@pytest.mark.parametrize("address", ["", "ann", "ann@", "@example.org", "a@b.org\r\nBcc: c@d.org"])
def test_what_is_no_address_is_an_error(registry: Registry, address: str) -> None:
    with pytest.raises(Exception):  # noqa: B017, PT011 - the library has several for it
        make_message(registry, row(to_address=address))


def test_a_mail_whose_content_is_gone_is_an_error(registry: Registry) -> None:
    email = row()
    email.context = None
    with pytest.raises(LookupError):
        make_message(registry, email)
