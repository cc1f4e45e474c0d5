"""Telling people from programs: the site's own question, and providers asked over HTTP at a real server."""

import json
import logging
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from pyramid import testing
from pyramid.config import Configurator
from pyramid.testing import DummyRequest

from myproject.i18n import _
from myproject.security.captcha.base import Captcha, CaptchaFailed, CaptchaUnavailable
from myproject.security.captcha.provider import captcha_of
from myproject.security.captcha.question import TOKEN_SECONDS, QuestionCaptcha
from myproject.security.captcha.remote import SITEVERIFY, RemoteCaptcha
from myproject.settings import Settings
from myproject.settings_users import CaptchaProvider
from tests import servers

HOSTILE = '"><script>alert(1)</script>&'


@pytest.fixture
def config() -> Iterator[Configurator]:
    # Templates translate for the request that the thread is at.
    with testing.testConfig(request=DummyRequest()) as config:
        config.include("pyramid_jinja2")
        yield config


@pytest.fixture
def make_captcha(config: Configurator, make_settings: Callable[..., Settings]) -> Callable[..., Captcha]:
    """`make_captcha(**options)` gives the captcha of a site with those settings."""

    def make(**options: str) -> Captcha:
        config.registry["settings"] = make_settings(**options)
        config.include("myproject.security.keys")
        config.registry["sessions"] = None
        config.include("myproject.security.ratelimit")
        config.include("myproject.security.captcha")
        config.commit()
        return captcha_of(config.registry)

    return make


def form(**values: object) -> DummyRequest:
    """A request that posts those fields; without any, one that looks at the page."""
    return DummyRequest(post=values or None, client_addr="192.0.2.1")


def attributes(html: str, name: str) -> dict[str, str]:
    """The attributes of the input of that name."""
    (tag,) = [tag for tag in re.findall(r"<input[^>]*>", html) if f'name="{name}"' in tag]
    return {key: unescape(value) for key, value in re.findall(r'([\w-]+)="([^"]*)"', tag)}


def why(captcha: Captcha, **values: object) -> str:
    """What the person reads who posts those fields."""
    with pytest.raises(CaptchaFailed) as failed:
        captcha.verify(form(**values))
    return failed.value.message.interpolate()


# No captcha


def test_without_a_captcha_everybody_passes_and_nothing_shows(make_captcha: Callable[..., Captcha]) -> None:
    captcha = make_captcha(captcha_provider="none")
    captcha.verify(form(a="b"))
    assert captcha.render(form()) == ""
    assert captcha.hosts == ()


# The question


@pytest.fixture
def make_question(make_captcha: Callable[..., Captcha]) -> Callable[..., QuestionCaptcha]:
    def make(**options: str) -> QuestionCaptcha:
        defaults = {"captcha_questions": "What is 2 + 2 = ? = 4, Four", "captcha_min_seconds": "0"}
        captcha = make_captcha(**defaults | options)
        assert isinstance(captcha, QuestionCaptcha)
        return captcha

    return make


@pytest.fixture
def question(make_question: Callable[..., QuestionCaptcha]) -> QuestionCaptcha:
    return make_question()


class Clock:
    def __init__(self) -> None:
        self.ahead = 0.0
        self.real = time.time

    def time(self) -> float:
        return self.real() + self.ahead


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """`clock.ahead = 60` makes it a minute later."""
    clock = Clock()
    monkeypatch.setattr(time, "time", clock.time)
    return clock


def token_of(captcha: Captcha, request: DummyRequest | None = None, error: str | None = None) -> str:
    return attributes(captcha.render(request or form(), error), "captcha_token")["value"]


def test_question_is_what_a_new_site_asks(make_captcha: Callable[..., Captcha]) -> None:
    assert isinstance(make_captcha(), QuestionCaptcha)


@pytest.mark.parametrize("answer", ["4", "four", "Four", " FOUR ", "ｆｏｕｒ", "４"], ids=ascii)
def test_right_answer_passes_however_it_is_spelled(question: QuestionCaptcha, answer: str) -> None:
    question.verify(form(captcha_answer=answer, captcha_token=token_of(question), homepage=""))


@pytest.mark.parametrize(
    "answer", ["", " ", "5", "4,", "4, Four", "= 4", "fourfour", "4".ljust(201), "\ud800", "\0"], ids=ascii
)
def test_wrong_answer_fails(question: QuestionCaptcha, answer: str) -> None:
    assert "not the answer" in why(question, captcha_answer=answer, captcha_token=token_of(question))


def test_a_question_is_answered_from_the_network_that_it_was_asked_in(question: QuestionCaptcha) -> None:
    token = token_of(question)
    answered = {"captcha_answer": "4", "captcha_token": token}
    elsewhere = DummyRequest(post=answered, client_addr="198.51.100.7")
    with pytest.raises(CaptchaFailed, match="network address has changed"):
        question.verify(elsewhere)
    # Who comes back with the form is asked anew, and the first question is not used up.
    assert token_of(question, elsewhere) != token
    question.verify(form(**answered))


def test_a_token_of_an_earlier_version_has_expired(question: QuestionCaptcha) -> None:
    old = str(question.signer.dumps([0, "n0nce"]))
    assert "has expired" in why(question, captcha_answer="4", captcha_token=old)


def test_missing_answer_fails(question: QuestionCaptcha) -> None:
    assert "not the answer" in why(question, captcha_token=token_of(question))


def test_files_for_texts_fail(question: QuestionCaptcha) -> None:
    file = object()
    assert "not the answer" in why(question, captcha_answer=file, captcha_token=token_of(question))
    assert "expired" in why(question, captcha_answer="4", captcha_token=file)


def test_no_empty_answer_is_ever_right(make_question: Callable[..., QuestionCaptcha]) -> None:
    question = make_question(captcha_questions="Say something = a, , ")
    assert "not the answer" in why(question, captcha_answer="", captcha_token=token_of(question))


def test_each_question_has_its_own_answers(make_question: Callable[..., QuestionCaptcha]) -> None:
    question = make_question(captcha_questions="One? = 1\nTwo? = 2")
    answers = {"One?": "1", "Two?": "2"}
    asked = set()
    while len(asked) < 2:
        html = question.render(form())
        (text,) = [text for text in answers if text in html]
        token = attributes(html, "captcha_token")["value"]
        wrong = next(answer for other, answer in answers.items() if other != text)
        assert "not the answer" in why(question, captcha_answer=wrong, captcha_token=token)
        question.verify(form(captcha_answer=answers[text], captcha_token=token))
        asked.add(text)


@pytest.mark.parametrize(
    "token", ["", "a", "a.b.c", "\ud800", "é", "\0", "." * 10_000], ids=lambda token: ascii(token)[:20]
)
def test_token_that_is_not_ours_fails(question: QuestionCaptcha, token: str) -> None:
    assert "expired" in why(question, captcha_answer="4", captcha_token=token)


def test_missing_token_fails(question: QuestionCaptcha) -> None:
    assert "expired" in why(question, captcha_answer="4")


def test_token_with_a_changed_character_fails(question: QuestionCaptcha) -> None:
    token = token_of(question)
    changed = ("A" if token[0] != "A" else "B") + token[1:]
    assert "expired" in why(question, captcha_answer="4", captcha_token=changed)


def test_token_signed_for_another_purpose_fails(question: QuestionCaptcha, config: Configurator) -> None:
    token = config.registry["keys"].signer("flash").dumps([0, "nonce"])
    assert "expired" in why(question, captcha_answer="4", captcha_token=token)


def test_token_of_a_question_that_was_taken_out_fails(
    make_question: Callable[..., QuestionCaptcha], config: Configurator
) -> None:
    question = make_question()
    token = config.registry["keys"].signer("captcha").dumps([1, "nonce"])
    assert "expired" in why(question, captcha_answer="4", captcha_token=token)


def test_token_passes_for_two_hours(question: QuestionCaptcha, clock: Clock) -> None:
    token = token_of(question)
    clock.ahead = TOKEN_SECONDS - 10
    question.verify(form(captcha_answer="4", captcha_token=token))


def test_token_fails_after_two_hours(question: QuestionCaptcha, clock: Clock) -> None:
    token = token_of(question)
    clock.ahead = TOKEN_SECONDS + 1
    assert "expired" in why(question, captcha_answer="4", captcha_token=token)


def test_token_passes_once(question: QuestionCaptcha) -> None:
    filled = {"captcha_answer": "4", "captcha_token": token_of(question)}
    question.verify(form(**filled))
    assert "answered already" in why(question, **filled)


def test_request_that_is_repeated_after_a_database_error_passes_again(question: QuestionCaptcha) -> None:
    request = form(captcha_answer="4", captcha_token=token_of(question))
    question.verify(request)
    question.verify(request)


def test_request_that_failed_is_looked_at_again(question: QuestionCaptcha) -> None:
    request = form(captcha_answer="5", captcha_token=token_of(question))
    for _try in range(2):
        with pytest.raises(CaptchaFailed):
            question.verify(request)


def test_of_many_who_send_a_token_at_once_one_passes(question: QuestionCaptcha) -> None:
    filled = {"captcha_answer": "4", "captcha_token": token_of(question)}
    barrier = threading.Barrier(8)
    outcomes: list[str] = []

    def send() -> None:
        barrier.wait(10)
        try:
            question.verify(form(**filled))
            outcomes.append("passed")
        except CaptchaFailed:
            outcomes.append("failed")

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(outcomes) == ["failed"] * 7 + ["passed"]


def test_failed_check_does_not_use_the_token_up(
    make_question: Callable[..., QuestionCaptcha], clock: Clock
) -> None:
    question = make_question(captcha_min_seconds="3")
    token = token_of(question)
    assert "faster" in why(question, captcha_answer="4", captcha_token=token)
    clock.ahead = 5
    assert "not the answer" in why(question, captcha_answer="5", captcha_token=token)
    assert "hidden field" in why(question, captcha_answer="4", captcha_token=token, homepage="x")
    question.verify(form(captcha_answer="4", captcha_token=token))


def test_form_sent_too_fast_fails(make_question: Callable[..., QuestionCaptcha], clock: Clock) -> None:
    question = make_question(captcha_min_seconds="10")
    token = token_of(question)
    clock.ahead = 8
    assert "faster" in why(question, captcha_answer="4", captcha_token=token)
    clock.ahead = 11
    question.verify(form(captcha_answer="4", captcha_token=token))


@pytest.mark.parametrize("filled", ["https://evil.example", " ", "0"])
def test_filled_trap_fails(question: QuestionCaptcha, filled: str) -> None:
    assert "hidden field" in why(question, captcha_answer="4", captcha_token=token_of(question), homepage=filled)


# The question's fields


def test_tokens_differ_from_page_to_page(question: QuestionCaptcha) -> None:
    assert token_of(question) != token_of(question)


def test_form_shown_again_keeps_token_and_answer(question: QuestionCaptcha) -> None:
    token = token_of(question)
    html = question.render(form(captcha_answer="Four", captcha_token=token))
    assert attributes(html, "captcha_token")["value"] == token
    assert attributes(html, "captcha_answer")["value"] == "Four"


def test_quick_fix_of_another_field_is_not_too_fast(
    make_question: Callable[..., QuestionCaptcha], clock: Clock
) -> None:
    question = make_question(captcha_min_seconds="10")
    token = token_of(question)
    clock.ahead = 11
    token = token_of(question, form(captcha_answer="4", captcha_token=token))
    clock.ahead = 12
    question.verify(form(captcha_answer="4", captcha_token=token))


def test_form_shown_again_after_the_token_was_used_asks_anew(question: QuestionCaptcha) -> None:
    filled = {"captcha_answer": "4", "captcha_token": token_of(question)}
    question.verify(form(**filled))
    html = question.render(form(**filled))
    assert attributes(html, "captcha_answer")["value"] == ""
    new = attributes(html, "captcha_token")["value"]
    assert new != filled["captcha_token"]
    question.verify(form(captcha_answer="4", captcha_token=new))


@pytest.mark.parametrize("token", ["", "forged", "\ud800"], ids=ascii)
def test_form_shown_again_with_a_bad_token_asks_anew(question: QuestionCaptcha, token: str) -> None:
    html = question.render(form(captcha_answer="4", captcha_token=token))
    assert attributes(html, "captcha_answer")["value"] == ""
    question.verify(form(captcha_answer="4", captcha_token=attributes(html, "captcha_token")["value"]))


def test_form_shown_again_after_two_hours_asks_anew(question: QuestionCaptcha, clock: Clock) -> None:
    token = token_of(question)
    clock.ahead = TOKEN_SECONDS + 1
    question.verify(
        form(
            captcha_answer="4",
            captcha_token=token_of(question, form(captcha_answer="4", captcha_token=token)),
        )
    )


def test_question_labels_its_input(question: QuestionCaptcha) -> None:
    html = question.render(form())
    field = attributes(html, "captcha_answer")
    assert f'for="{field["id"]}">What is 2 + 2 = ?</label>' in html
    assert "aria-invalid" not in field
    assert field["type"] == "text"
    assert f'id="{field["aria-describedby"]}"' in html


def test_error_stands_at_the_input(question: QuestionCaptcha) -> None:
    html = question.render(form(), error="That is not the answer.")
    field = attributes(html, "captcha_answer")
    assert field["aria-invalid"] == "true"
    described_by = field["aria-describedby"].split()
    assert re.search(rf'<p class="field-error" id="{described_by[-1]}">.*That is not the answer\.</p>', html)
    assert all(f'id="{id}"' in html for id in described_by)


def test_error_is_translated_and_filled_in(question: QuestionCaptcha) -> None:
    error = _("Please wait ${seconds} seconds.", mapping={"seconds": 3})
    assert "Please wait 3 seconds." in question.render(form(), error=error)


def test_trap_is_out_of_sight_of_eyes_screen_readers_and_the_tab_key(question: QuestionCaptcha) -> None:
    html = question.render(form(homepage="x"))
    trap = attributes(html, "homepage")
    assert (trap["tabindex"], trap["autocomplete"], trap["value"]) == ("-1", "off", "")
    assert re.search(r'<div class="visually-hidden" aria-hidden="true">[^§]*name="homepage"', html)
    assert "required" not in re.findall(r'<input[^>]*name="homepage"[^>]*>', html)[0]


def test_question_needs_no_script_and_no_third_party(question: QuestionCaptcha) -> None:
    html = question.render(form(), error="x")
    assert question.hosts == ()
    assert "<script" not in html
    assert "style=" not in html
    assert "//" not in html


def test_markup_in_question_answer_and_error_is_escaped(
    make_question: Callable[..., QuestionCaptcha],
) -> None:
    question = make_question(captcha_questions=f"{HOSTILE} = a")
    html = question.render(form(captcha_answer=HOSTILE, captcha_token=token_of(question)), error=HOSTILE)
    assert "<script" not in html
    assert html.count("&lt;script&gt;") == 3
    assert attributes(html, "captcha_answer")["value"] == HOSTILE


# Providers elsewhere


class SiteverifyServer(ThreadingHTTPServer):
    """A provider's server: answers as told, and remembers what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__((servers.LOOPBACK, 0), SiteverifyHandler)
        self.asked: list[dict[str, list[str]]] = []
        self.status = 200
        self.headers: dict[str, str] = {}
        self.body: bytes = b'{"success": true}'
        self.drip = False
        self.released = threading.Event()

    @property
    def url(self) -> str:
        return f"http://{servers.LOOPBACK}:{self.server_port}/siteverify"

    def reply(self, **values: object) -> None:
        self.body = json.dumps(values).encode()


class SiteverifyHandler(BaseHTTPRequestHandler):
    server: SiteverifyServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append(parse_qs(body.decode(), keep_blank_values=True))
        self.send_response(self.server.status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            if self.server.drip:
                # One byte at a time, each before a socket would give up; for ever.
                while not self.server.released.wait(0.02):
                    self.wfile.write(b" ")
            self.wfile.write(self.server.body)
        except OSError:
            pass  # the client hung up, as it should

    def do_GET(self) -> None:
        self.server.asked.append({"GET": [self.path]})
        self.send_error(404)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def provider() -> Iterator[SiteverifyServer]:
    with servers.serving(SiteverifyServer()) as server:
        yield server
        server.released.set()


@pytest.fixture
def make_remote(make_settings: Callable[..., Settings]) -> Callable[..., RemoteCaptcha]:
    def make(url: str, provider: str = "hcaptcha", timeout: float = 5, **options: str) -> RemoteCaptcha:
        settings = make_settings(
            captcha_provider=provider,
            captcha_site_key="site-key",
            captcha_secret_key="secret-key",
            captcha_verify_url=url,
            **options,
        )
        return RemoteCaptcha(SITEVERIFY[settings.captcha_provider], settings, timeout)

    return make


@pytest.fixture
def remote(make_remote: Callable[..., RemoteCaptcha], provider: SiteverifyServer) -> RemoteCaptcha:
    return make_remote(provider.url)


ANSWERED = {"h-captcha-response": "P1_answer"}


@pytest.mark.parametrize("name", ["recaptcha", "hcaptcha", "turnstile"])
def test_provider_is_asked_with_secret_response_and_address(
    make_remote: Callable[..., RemoteCaptcha], provider: SiteverifyServer, name: str
) -> None:
    captcha = make_remote(provider.url, name)
    captcha.verify(form(**{captcha.field_name: "an answer"}))
    assert provider.asked == [{"secret": ["secret-key"], "response": ["an answer"], "remoteip": ["192.0.2.1"]}]


def test_provider_is_asked_once_a_request(remote: RemoteCaptcha, provider: SiteverifyServer) -> None:
    request = form(**ANSWERED)
    remote.verify(request)
    remote.verify(request)
    assert len(provider.asked) == 1


def test_unknown_address_is_not_sent(remote: RemoteCaptcha, provider: SiteverifyServer) -> None:
    remote.verify(DummyRequest(post=ANSWERED, client_addr=None))
    assert "remoteip" not in provider.asked[0]


@pytest.mark.parametrize(
    "response", ["", "é", "\ud800", "a" * 20_000, object()], ids=lambda value: ascii(value)[:10]
)
def test_response_that_no_widget_gives_fails_without_asking(
    remote: RemoteCaptcha, provider: SiteverifyServer, response: object
) -> None:
    assert "complete the check" in why(remote, **{"h-captcha-response": response})
    assert "complete the check" in why(remote, another="field")
    assert provider.asked == []


@pytest.mark.parametrize(
    "reply",
    [
        {"success": False},
        {"success": False, "error-codes": ["invalid-input-response"]},
        {"success": False, "error-codes": ["timeout-or-duplicate"]},
        {"success": False, "error-codes": [1, None, {}]},
        {"success": False, "error-codes": "missing"},
        {"success": "true"},
        {"success": 1},
        {"success": None},
        {},
    ],
    ids=json.dumps,
)
def test_whatever_is_not_success_fails(
    remote: RemoteCaptcha, provider: SiteverifyServer, reply: dict[str, object]
) -> None:
    provider.reply(**reply)
    assert "complete the check" in why(remote, **ANSWERED)


@pytest.mark.parametrize("hostname", ["site.example", "SITE.example", "", None])
def test_answer_given_on_this_site_passes(
    remote: RemoteCaptcha, provider: SiteverifyServer, hostname: str | None
) -> None:
    provider.reply(success=True, hostname=hostname)
    remote.verify(form(**ANSWERED))


@pytest.mark.parametrize(
    "hostname", ["evil.example", "site.example.evil.example", "evil-site.example", ["site.example"], 7]
)
def test_answer_given_on_another_site_fails(
    remote: RemoteCaptcha, provider: SiteverifyServer, hostname: object
) -> None:
    provider.reply(success=True, hostname=hostname)
    assert "complete the check" in why(remote, **ANSWERED)


def test_port_of_the_site_is_no_part_of_its_hostname(
    make_remote: Callable[..., RemoteCaptcha], provider: SiteverifyServer
) -> None:
    provider.reply(success=True, hostname="localhost")
    make_remote(provider.url, site_url="http://localhost:6543").verify(form(**ANSWERED))


def unavailable(captcha: Captcha) -> CaptchaUnavailable:
    with pytest.raises(CaptchaUnavailable) as outage:
        captcha.verify(form(**ANSWERED))
    return outage.value


@pytest.mark.parametrize("status", [400, 403, 404, 429, 500, 502, 503])
def test_error_of_the_provider_is_an_outage(
    remote: RemoteCaptcha, provider: SiteverifyServer, status: int
) -> None:
    provider.status = status
    assert "try again in a minute" in unavailable(remote).message.interpolate()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"\xff\xfe",
        b"null",
        b"true",
        b"[]",
        b'"success"',
        b'{"success": tru',
        b"[" * 60_000,
        b"{" * 9,
    ],
    ids=lambda body: ascii(body[:10]),
)
def test_garbage_is_an_outage(remote: RemoteCaptcha, provider: SiteverifyServer, body: bytes) -> None:
    provider.body = body
    unavailable(remote)


def test_reply_of_64_kib_is_read(remote: RemoteCaptcha, provider: SiteverifyServer) -> None:
    provider.body = b'{"success": true}'.ljust(64 * 1024)
    remote.verify(form(**ANSWERED))


def test_longer_reply_is_an_outage(remote: RemoteCaptcha, provider: SiteverifyServer) -> None:
    provider.body = b'{"success": true}'.ljust(64 * 1024 + 1)
    unavailable(remote)


def test_compressed_reply_is_an_outage(remote: RemoteCaptcha, provider: SiteverifyServer) -> None:
    # It was not asked for, and a small one may be very long.
    provider.headers["Content-Encoding"] = "gzip"
    provider.body = b"\x1f\x8b\x08\x00\x00\x00\x00\x00"
    unavailable(remote)


def test_body_that_ends_early_is_an_outage(remote: RemoteCaptcha, provider: SiteverifyServer) -> None:
    provider.headers["Content-Length"] = "1000"
    unavailable(remote)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_an_outage_and_not_followed(
    remote: RemoteCaptcha, provider: SiteverifyServer, status: int
) -> None:
    provider.status = status
    provider.headers["Location"] = provider.url
    unavailable(remote)
    assert len(provider.asked) == 1


@pytest.mark.parametrize("code", ["invalid-input-secret", "missing-input-secret", "internal-error"])
def test_what_is_not_the_persons_fault_is_an_outage_and_logged(
    remote: RemoteCaptcha, provider: SiteverifyServer, caplog: pytest.LogCaptureFixture, code: str
) -> None:
    provider.reply(success=False, **{"error-codes": [code]})
    unavailable(remote)
    assert [(record.levelno, code in record.getMessage()) for record in caplog.records] == [(logging.ERROR, True)]


def test_provider_that_nobody_answers_for_is_an_outage(make_remote: Callable[..., RemoteCaptcha]) -> None:
    unavailable(make_remote(f"http://{servers.LOOPBACK}:{servers.free_port()}/"))


def test_provider_that_hangs_is_an_outage_soon(make_remote: Callable[..., RemoteCaptcha]) -> None:
    with socket.create_server((servers.LOOPBACK, 0)) as silent:
        remote = make_remote(f"http://{servers.LOOPBACK}:{silent.getsockname()[1]}/", timeout=0.1)
        begin = time.monotonic()
        unavailable(remote)
        assert time.monotonic() - begin < 2


def test_provider_that_drips_is_an_outage_soon(
    make_remote: Callable[..., RemoteCaptcha], provider: SiteverifyServer
) -> None:
    provider.drip = True
    begin = time.monotonic()
    unavailable(make_remote(provider.url, timeout=0.2))
    assert time.monotonic() - begin < 2


def test_certificate_of_the_provider_is_checked(
    make_remote: Callable[..., RemoteCaptcha], caplog: pytest.LogCaptureFixture
) -> None:
    with servers.smtp_server(tls="implicit") as server:
        unavailable(make_remote(f"https://localhost:{server.port}/", timeout=2))
    assert "CERTIFICATE_VERIFY_FAILED" in caplog.text


def test_secret_is_not_logged_and_not_shown(
    make_remote: Callable[..., RemoteCaptcha],
    provider: SiteverifyServer,
    config: Configurator,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    remote = make_remote(provider.url)
    provider.status = 500
    unavailable(remote)
    assert "secret-key" not in caplog.text
    assert "secret-key" not in remote.render(form(**ANSWERED))


# The providers' widgets


@pytest.mark.parametrize("name", ["recaptcha", "hcaptcha", "turnstile"])
def test_widget_comes_from_the_providers_hosts(make_captcha: Callable[..., Captcha], name: str) -> None:
    captcha = make_captcha(captcha_provider=name, captcha_site_key='site"key', captcha_secret_key="secret")
    html = captcha.render(form())
    (script,) = re.findall(r'<script src="([^"]+)" async defer></script>', html)
    parts = urlsplit(script)
    parents = {f"https://{parts.hostname}", f"https://*.{(parts.hostname or '').partition('.')[2]}"}
    assert parts.scheme == "https"
    assert parents & set(captcha.hosts)
    assert all(re.fullmatch(r"https://[a-z.*]+", host) for host in captcha.hosts)
    assert 'data-sitekey="site&#34;key"' in html
    assert "JavaScript" in re.findall(r"<noscript>(.*?)</noscript>", html, re.DOTALL)[0]


@pytest.mark.parametrize("name", ["recaptcha", "hcaptcha", "turnstile"])
def test_error_stands_at_the_widget(make_captcha: Callable[..., Captcha], name: str) -> None:
    captcha = make_captcha(captcha_provider=name, captcha_site_key="key", captcha_secret_key="secret")
    html = captcha.render(form(), error=HOSTILE)
    error_id = f"{captcha.field_name}-error"
    assert f'aria-describedby="{error_id}"' in html
    assert f'<p class="field-error" id="{error_id}">' in html
    assert "<script>alert" not in html


@pytest.mark.parametrize("name", [provider for provider in CaptchaProvider if provider in SITEVERIFY])
def test_own_address_of_a_provider_is_asked_over_tls(
    make_remote: Callable[..., RemoteCaptcha], name: CaptchaProvider
) -> None:
    captcha = make_remote("", name)
    assert captcha.verify_url == SITEVERIFY[name].verify_url
    assert captcha.verify_url.startswith("https://")
