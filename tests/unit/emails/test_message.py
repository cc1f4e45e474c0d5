"""Mails as they leave: nothing typed breaks a header or makes a link, every kind reads well without HTML."""

import dataclasses
import email as email_parser
import email.policy
import re
import unicodedata
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from linkify_it import LinkifyIt
from linkify_it.tlds import TLDS
from pyramid.registry import Registry
from pyramid.router import Router

import myproject
from myproject.emails import constants as EMAIL
from myproject.emails.constants import Kind
from myproject.emails.message import header_text, inert, make_message, stop_links
from myproject.emails.models import Email
from myproject.emails.services import choosing
from myproject.emails.services.outbox import one_line, printable
from myproject.emails.services.samples import sample_row
from myproject.emails.services.unsubscribing import Stop, make_token, read_token
from myproject.security.keys import keys_of
from tests.unit.emails.samples import CONTEXTS

HEADERS = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Auto-Submitted",
    "X-Auto-Response-Suppress",
    "List-Id",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "MIME-Version",
    "Content-Type",
]
ANY_TEXT = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=200),
    # What ends lines, quotes names or begins headers, closer together than chance would have it.
    # Encoded words (RFC 2047), which hold them in disguise.
    st.lists(
        st.sampled_from(
            [
                *(
                    "=?utf-8?q?",
                    "=?UTF-8*en?B?",
                    "=?latin1?Q?",
                    "?=",
                    "=0D=0A",
                    "Bcc=3A_a=40b",
                    "DQpCY2M6IGFAYg==",
                    " ",
                ),
                *("=", "?", "_", "a", "ß", '"', "<", ","),
            ]
        ),
        max_size=20,
    ).map("".join),
    st.text('\r\n\x0b\x0c\x1c\x85\u2028\u2029\u202e\ud800"\\<>@,;:= ()?ßé字🙂aB', max_size=200),
)
pytestmark = [
    pytest.mark.usefixtures("backend"),
    pytest.mark.one_database,
]

ADDRESS = re.compile(r"https?:|www\.|\w\.[a-z]|\S@\S", re.IGNORECASE)
TEMPLATES = Path(myproject.__file__).parent / "templates/emails"
SECURITY_KINDS = [kind for kind in Kind if EMAIL.LANES[kind] is EMAIL.Lane.SECURITY]


@pytest.fixture
def registry(app: Router) -> Iterator[Registry]:
    before = app.registry["settings"]
    yield app.registry
    app.registry["settings"] = before


def configure(registry: Registry, **values: Any) -> None:
    registry["settings"] = dataclasses.replace(registry["settings"], **values)


def row(kind: Kind = Kind.REPLY, context: dict[str, Any] | None = None, **values: Any) -> Email:
    email = sample_row(kind)
    email.context = email.context | (context or {}) if email.context else context
    for name, value in ({"message_id": "<1@localhost>"} | values).items():
        setattr(email, name, value)
    return email


def sent(message: EmailMessage) -> EmailMessage:
    """The message as its receiver reads it."""
    return email_parser.message_from_bytes(message.as_bytes(), policy=email.policy.default)


PLAIN_HEADERS: dict[Kind, list[str]] = {}


def plain_headers(registry: Registry, kind: Kind) -> list[str]:
    """The names of a sample's headers, looked up once."""
    if kind not in PLAIN_HEADERS:
        PLAIN_HEADERS[kind] = list(sent(make_message(registry, row(kind))).keys())
    return PLAIN_HEADERS[kind]


def part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    assert body is not None
    return str(body.get_content())


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=ANY_TEXT, title=ANY_TEXT, site_title=ANY_TEXT)
def test_no_text_breaks_or_adds_a_header(registry: Registry, name: str, title: str, site_title: str) -> None:
    configure(registry, site_title=site_title)
    email = row(to_name=name, sender_name=name, context={"post_title": title, "author": name})
    message = sent(make_message(registry, email))
    assert list(message.keys()) == HEADERS
    (to,) = message["To"].addresses
    shown = header_text(one_line(name, EMAIL.NAME_MAX_LENGTH))
    assert (to.display_name, to.addr_spec) == (shown, "ann@example.org")
    (sender,) = message["From"].addresses
    assert sender.addr_spec == "noreply@localhost"
    subject = one_line(f"About “{title}”", EMAIL.SUBJECT_MAX_LENGTH)
    assert message["Subject"] == header_text(subject)
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]


@pytest.mark.parametrize(
    "name",
    [
        "=?utf-8?q?Ed=0D=0AReply-To=3A_e=40x.example?=",
        "=?utf-8?b?RWQNClJlcGx5LVRvOiBlQHguZXhhbXBsZQ==?=",
        "=?utf-8?q?E=0D=0A=0D=0AGo_to_http=3A//evil.example_?=",
        "=?utf-8?q?admin=40community?=",
        "=?utf-8?q?x=40y.example=2C?=",
        "=?utf-8?q?=22=3Cboss=40bank.example=3E?=",
        "=?utf-8?q??= =?utf-8?q?=0D=0AX=3A_y?=",
    ],
)
@pytest.mark.parametrize("kind", [Kind.REPLY, Kind.PASSWORD_CHANGED])
def test_encoded_words_in_a_name_are_read_as_they_were_typed(registry: Registry, kind: Kind, name: str) -> None:
    context = {"author": name} if kind is Kind.REPLY else {"name": name}
    raw = make_message(registry, row(kind, context, to_name=name, sender_name=name)).as_bytes()
    lines = raw.partition(b"\r\n\r\n")[0].decode("ascii").split("\r\n")
    names = [line.partition(":")[0] for line in lines if not line.startswith(" ")]
    assert names == plain_headers(registry, kind)
    head = email_parser.message_from_bytes(raw, policy=email.policy.default)
    for field in ("To", "From"):
        (mailbox,) = head[field].addresses
        assert "= ?utf-8?" in mailbox.display_name
        assert "@" not in mailbox.display_name
    assert "Reply-To" not in head


def with_text(value: Any, text: str, keep: set[str]) -> Any:
    """A context with `text` for each text in it, but for what stands under the names to keep."""
    if isinstance(value, dict):
        return {key: item if key in keep else with_text(item, text, keep) for key, item in value.items()}
    if isinstance(value, list):
        return [with_text(item, text, keep) for item in value]
    return text if isinstance(value, str) else value


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=ANY_TEXT)
@pytest.mark.parametrize("kind", Kind)
def test_no_text_anywhere_keeps_a_mail_from_being_made_or_adds_a_header(
    registry: Registry, kind: Kind, text: str
) -> None:
    context = printable(with_text(CONTEXTS[kind], text, {"when", "due"}))
    named = row(kind, context, to_name=one_line(text, 100), sender_name=one_line(text, 100))
    made = sent(make_message(registry, named))
    assert list(made.keys()) == plain_headers(registry, kind)
    assert [part.get_content_type() for part in made.iter_parts()] == ["text/plain", "text/html"]


@pytest.mark.parametrize("kind", SECURITY_KINDS)
def test_what_people_typed_makes_no_link_in_a_security_mail(registry: Registry, kind: Kind) -> None:
    hostile = 'https://evil.example/ <a href="//evil.example">www.evil.example</a> me@evil.example'
    ours = {"token", "code", "event", "when", "due", "address"}
    events = re.findall(r'event == "(\w+)"', (TEMPLATES / "security_notice/what.txt").read_text())
    for event in events if kind == Kind.SECURITY_NOTICE else [""]:
        context = with_text(CONTEXTS[kind], hostile, ours) | {"event": event}
        message = make_message(registry, row(kind, context, to_name=hostile))
        to_name = message["To"].addresses[0].display_name
        for text in (part(message, "plain"), part(message, "html"), to_name):
            assert "evil" in text
            assert not ADDRESS.search(" ".join(re.findall(r"\S*evil\S*", text)))


PIECES = [
    "evil",
    "com",
    "example",
    "www",
    "http",
    "localhost",
    "mailto",
    "xn--",
    "рф",
    "1",
    "203",
    "0",
    "113",
    "9",
    "8000",
    "::1",
    "[",
    "]",
    "/",
    "//",
    ":",
    "@",
    ".",
    "。",
    "．",
    "｡",
    "․",
    "：",
    "／",
    "＠",
]
# As mail programs look for links; a browser takes other full stops for one as well (UTS 46, 4.5).
LINKS = LinkifyIt(options={"fuzzy_link": True, "fuzzy_email": True, "fuzzy_ip": True}).tlds(TLDS)


@settings(max_examples=400, deadline=None)
@example("203.0.113.9/unlock")
@example("Chrome/128.0.0.0 203.0.113.9.")
@example("evil。com evil．com evil｡com evil․com")
@example("www.evil localhost:8000/x user@evil [::1]/x //evil")
@given(ANY_TEXT | st.lists(st.sampled_from([*PIECES, " ", "\u200b"]), max_size=20).map("".join))
def test_inert_text_holds_nothing_that_a_mail_program_takes_for_an_address(text: str) -> None:
    shown = inert(text + " evil.example " + text)
    assert not ADDRESS.search(shown)
    for seen in (shown, unicodedata.normalize("NFKC", shown).replace("。", ".")):
        assert not LINKS.test(seen), LINKS.match(seen)


@pytest.mark.one_database
@pytest.mark.parametrize("kind", [Kind.ACCOUNT_APPROVED, Kind.ACCOUNT_REFUSED])
def test_words_of_staff_to_an_address_that_nobody_has_proved_stay_whole_and_make_no_link(
    registry: Registry, kind: Kind
) -> None:
    words = "Not now. Ask again at 10:30, and/or in 1.5 years (or so.)"
    hostile = "https://evil.example/ <www.evil.example> me@evil.example 203.0.113.9 //evil.example evil。com"
    message = make_message(registry, row(kind, CONTEXTS[kind] | {"message": f"{words}\n{hostile}"}))
    for text in (part(message, "plain"), part(message, "html")):
        assert words in text
        (line,) = [line for line in text.splitlines() if "evil" in line]
        assert not LINKS.test(line)


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
def test_a_mail_says_why_it_came_and_how_to_stop_it_or_that_nobody_can(registry: Registry, kind: Kind) -> None:
    email = row(kind)
    message = make_message(registry, email)
    optional = email.topic is not None
    assert not (optional and kind in SECURITY_KINDS)
    links = stop_links(registry, email)
    for body in (part(message, "plain"), part(message, "html")):
        assert "You get this because" in body
        assert bool(re.search(r"\sMail of this kind can't be turned off", body)) is not optional
        assert ("No more mail of this kind" in body) is optional
        assert ("No more mail about this post" in body) is (email.thread_scope is not None)
        follows = email.context and email.context.get("follows_post", True)
        assert ("#follow" in body) is not follows
        for link in filter(None, (links.kind, links.thread, links.why, links.settings) if links else ()):
            assert link in body


@pytest.mark.parametrize("kind", Kind)
def test_mail_programs_can_stop_what_can_be_stopped_and_nothing_else(registry: Registry, kind: Kind) -> None:
    configure(registry, site_url="https://site.example")
    email = row(kind, user_id=7)
    raw = make_message(registry, email).as_bytes().decode("ascii")
    names = ("List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "Precedence")
    headers = {line.partition(":")[0]: line for line in raw.partition("\r\n\r\n")[0].split("\r\n")}
    found = {name: headers[name] for name in names if name in headers}
    if email.topic is None:
        assert found == {}
        return
    # One line each, as it stands here: programs look for exactly this.
    token = make_token(keys_of(registry), Stop(7, topic=email.topic))
    assert found == {
        "List-Id": f"List-Id: <{email.topic}.site.example>",
        "List-Unsubscribe": f"List-Unsubscribe: <https://site.example/emails/unsubscribe/{token}/>",
        "List-Unsubscribe-Post": "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
    }


def test_the_links_of_the_footer_stop_what_they_say(registry: Registry) -> None:
    keys, text = keys_of(registry), part(make_message(registry, row(user_id=7)), "plain")
    stops = [read_token(keys, token) for token in re.findall(r"/emails/unsubscribe/([^/]+)/", text)]
    assert stops == [Stop(7, topic="comment_reply"), Stop(7, post_id=4)]
    (choices,) = re.findall(r"/notifications/settings/([^/]+)/", text)
    assert choosing.read_token(keys, choices) == 7


def test_a_mail_that_is_made_again_has_the_same_links(registry: Registry) -> None:
    first, second = (make_message(registry, row()) for _time in range(2))
    assert first["List-Unsubscribe"] == second["List-Unsubscribe"]
    assert part(first, "plain") == part(second, "plain")


def test_a_mail_that_nobody_could_stop_is_an_error(registry: Registry) -> None:
    with pytest.raises(LookupError):
        make_message(registry, row(user_id=None))


def test_a_preview_stops_nothing(registry: Registry) -> None:
    preview = registry["mail_templates"].preview(row())
    assert preview is not None
    tokens = re.findall(r"/(?:emails/unsubscribe|notifications/settings)/([^/]+)/", preview[1])
    assert tokens == [EMAIL.MASK] * 3
    keys = keys_of(registry)
    assert {read(keys, EMAIL.MASK) for read in (read_token, choosing.read_token)} == {None}


@pytest.mark.parametrize("kind", Kind)
def test_the_text_reads_well_alone(registry: Registry, kind: Kind) -> None:
    text = part(make_message(registry, row(kind)), "plain").replace("\r\n", "\n")
    assert not re.search(r"</?[a-z]+[ >]|&[a-z]+;|\{\{|\}\}|None|Undefined", text)
    assert "\n\n\n" not in text
    for line in text.splitlines():
        # A link stands alone on its line, behind a line that says what it is for.
        assert "http" not in line or re.fullmatch(r"https?://\S+", line), line
    said = [line for line in text.partition("\n-- \n")[2].splitlines() if line and not line.startswith("http")]
    assert all(line[-1] in ".:" for line in said[1:]), said


@pytest.mark.parametrize("kind", Kind)
def test_html_in_what_people_typed_is_shown_and_not_run(registry: Registry, kind: Kind) -> None:
    hostile = '<b>bold & loud</b><img src=x onerror="x"></p><script>x</script>\'"'

    def tags(context: dict[str, Any]) -> set[str]:
        return set(re.findall(r"<[^>]*>", part(make_message(registry, row(kind, context)), "html")))

    ours = {"token", "code", "event", "when", "due", "decision", "kind", "what"}
    # Links hold a slug, which is quoted; the title of the page is the subject.
    found = {tag for tag in tags(with_text(CONTEXTS[kind], hostile, ours)) if "href" not in tag}
    assert found <= tags(with_text(CONTEXTS[kind], "plain", ours))
    if "excerpt" in CONTEXTS[kind]:
        message = make_message(registry, row(kind, {"excerpt": hostile}))
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


def test_all_mails_about_a_post_are_one_thread_and_mails_about_another_are_not(registry: Registry) -> None:
    threads = {}
    for number, post in enumerate((4, 4, 4, 5)):
        root = f"<post-{post}@localhost>"
        email = row(message_id=f"<{number}@localhost>", in_reply_to=root, references=root)
        message = sent(make_message(registry, email))
        assert message["In-Reply-To"] == root
        # What programs thread by. No message is an answer to itself.
        threads.setdefault(message["References"].split()[0], []).append(message["Message-ID"])
    assert [len(ids) for ids in threads.values()] == [3, 1]
    assert not set(threads) & {id for ids in threads.values() for id in ids}


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
    hostile = make_message(registry, row(to_address="=?utf-8?q?=0D=0AX=3Ay?=@b.org"))
    assert "X" not in sent(hostile)


@pytest.mark.parametrize("setting", ["hello@site.example", "The Teapot <hello@site.example>"])
def test_mail_comes_from_the_sites_address_with_the_name_of_who_caused_it(
    registry: Registry, setting: str
) -> None:
    configure(registry, mail_sender=setting, site_title="Tea, and more")
    for name, shown in (
        ("", "Tea, and more"),
        ("Bob", "Bob (Tea, and more)"),
        ("Jörg 字", "Jörg 字 (Tea, and more)"),
        # A name that looks like an address would pass for the sender's.
        ("boss@bank.example", "boss bank example (Tea, and more)"),
        ('"<x@y.example>"', '" x y example " (Tea, and more)'),
        ("@", "Tea, and more"),
    ):
        (sender,) = sent(make_message(registry, row(sender_name=name)))["From"].addresses
        assert (sender.display_name, sender.addr_spec) == (shown, "hello@site.example")


def test_answers_go_where_the_settings_say(registry: Registry) -> None:
    assert make_message(registry, row())["Reply-To"] is None
    configure(registry, mail_reply_to="Desk <desk@site.example>")
    assert make_message(registry, row())["Reply-To"] == "desk@site.example"


def test_times_stand_in_the_readers_zone_and_language(registry: Registry) -> None:
    configure(registry, site_timezone="UTC")

    def when(zone: str, locale: str) -> str:
        context = {"when": "2026-11-22T20:30+00:00", "zone": zone}
        return part(make_message(registry, row(Kind.PASSWORD_CHANGED, context, locale=locale)), "plain")

    assert "When: November 23, 2026, 5:30:00" in when("Asia/Tokyo", "en").replace("\u202f", " ")
    assert re.search(r"22\. November 2026.*21:30:00 MEZ", when("Europe/Berlin", "de"))
    # Who chose none, and one that this machine does not know.
    for zone in ("", "Mars/Olympus", "../etc"):
        assert "8:30:00" in when(zone, "en")


def test_a_domain_beyond_ascii_is_written_in_ascii(registry: Registry) -> None:
    message = make_message(registry, row(to_address="ann@bücher.example"))
    assert message["To"].addresses[0].addr_spec == "ann@xn--bcher-kva.example"


@pytest.mark.parametrize(
    "address", ["", "ann", "ann@", "@example.org", "a@b.org\r\nBcc: c@d.org", "=?utf-8?q?=0D=0AX=3Ay?=@b.org"]
)
def test_what_is_no_address_is_an_error(registry: Registry, address: str) -> None:
    with pytest.raises(Exception):  # noqa: B017, PT011 - the library has several for it
        make_message(registry, row(to_address=address))


def test_a_mail_whose_content_is_gone_is_an_error(registry: Registry) -> None:
    email = row()
    email.context = None
    with pytest.raises(LookupError):
        make_message(registry, email)
