"""Telling people from programs at registration: one interface, and five providers behind it.

A form view calls `render` for the fields and, when all else is right, `verify`. The default is a question of
the site's own, with a hidden field that only programs fill and a least time: no script, no third party, no
puzzle (WCAG 2.2, 3.3.8; OWASP ASVS 5.0, 2.4.1). The remote providers share reCAPTCHA's siteverify protocol.
"""

import json
import logging
import secrets
import time
from dataclasses import dataclass
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

import requests
import urllib3
from itsdangerous import BadData, URLSafeTimedSerializer
from markupsafe import Markup
from pyramid.config import Configurator
from pyramid.interfaces import IRequest
from pyramid.renderers import render
from translationstring import TranslationString

from myproject.i18n import _, translate
from myproject.security.keys import keys_of
from myproject.security.ratelimit import RateLimiter, limiter_of
from myproject.settings import CaptchaProvider, Settings, settings_of
from myproject.text import canonical

log = logging.getLogger(__name__)

TEMPLATES = "myproject:templates/captcha/"
PASSED = "myproject.captcha_passed"  # the key in a request's environ
TOKEN_SECONDS = 2 * 60 * 60
ANSWER_MAX_LENGTH = 200
RESPONSE_MAX_LENGTH = 16_384
REPLY_MAX_BYTES = 64 * 1024
TIMEOUT_SECONDS = 5.0
# Error codes of a siteverify reply that are the site's or the provider's fault, and not the person's.
NOT_THE_PERSONS_FAULT = frozenset(
    {"missing-input-secret", "invalid-input-secret", "sitekey-secret-mismatch", "internal-error"}
)


class CaptchaFailed(Exception):
    """The check was not passed. `message` is for the person, who may try again."""

    def __init__(self, message: TranslationString) -> None:
        super().__init__(message)
        self.message = message


class CaptchaUnavailable(Exception):
    """The provider gave no answer, so nobody was let through. `message` asks the person to come back."""

    def __init__(self) -> None:
        self.message = _("The check that you are a person can't be made just now. Please try again in a minute.")
        super().__init__(self.message)


class Captcha(Protocol):
    """What a provider gives."""

    field_name: str
    """The input that an error belongs to."""
    hosts: tuple[str, ...]
    """Origins for the page's Content-Security-Policy: in script-src, frame-src, style-src and connect-src."""

    def render(self, request: IRequest, error: str | TranslationString | None = None) -> Markup:
        """The HTML of the fields, with `error` where there is one; what was posted stays filled in."""

    def verify(self, request: IRequest) -> None:
        """Looks at what was posted. Raises CaptchaFailed or CaptchaUnavailable.

        It may wait for the network, and uses the answer up: call it last, and before the first write.
        """


def posted(request: IRequest, name: str) -> str:
    """The posted text of a field; empty where it is missing or a file."""
    value = request.POST.get(name)
    return value if isinstance(value, str) else ""


def render_fields(
    request: IRequest, template: str, error: str | TranslationString | None, **values: Any
) -> Markup:
    values["error"] = translate(request, error) if error else ""
    html = render(TEMPLATES + template, values, request=request)
    return Markup(html)  # noqa: S704 (made by a template of ours, which escapes)


class SingleUse:
    """A captcha whose answers are used up by looking at them.

    A request may look twice: pyramid_retry repeats it, with the same environ, after a database error.
    """

    def verify(self, request: IRequest) -> None:
        if not request.environ.get(PASSED):
            self.check(request)
            request.environ[PASSED] = True

    def check(self, request: IRequest) -> None:
        """`verify`, the first time."""
        raise NotImplementedError


class NoCaptcha:
    """Everybody passes."""

    field_name = ""
    hosts: tuple[str, ...] = ()

    def render(self, request: IRequest, error: str | TranslationString | None = None) -> Markup:
        return Markup("")

    def verify(self, request: IRequest) -> None:
        pass


@dataclass(frozen=True)
class Question:
    text: str
    answers: frozenset[str]  # canonical

    @classmethod
    def parse(cls, line: str) -> "Question":
        """From `question = answer, other answer`; the question may hold `=` itself."""
        text, _sign, answers = line.rpartition("=")
        return cls(text.strip(), frozenset(canonical(answer) for answer in answers.split(",")) - {""})


@dataclass(frozen=True)
class Challenge:
    """What the signed token says: which question, a number used once, and when (seconds since the epoch)."""

    index: int
    nonce: str
    issued_at: float


class QuestionCaptcha(SingleUse):
    """A question of the site's own, a trap, a least time, and a signed token that works once in two hours."""

    field_name = "captcha_answer"
    token_name = "captcha_token"  # noqa: S105 (the name of a field)
    trap_name = "homepage"
    hosts: tuple[str, ...] = ()

    def __init__(
        self, lines: tuple[str, ...], min_seconds: int, signer: URLSafeTimedSerializer, limiter: RateLimiter
    ) -> None:
        self.questions = [Question.parse(line) for line in lines]
        self.min_seconds = min_seconds
        self.signer = signer
        self.limiter = limiter

    def issue(self) -> str:
        return str(self.signer.dumps([secrets.randbelow(len(self.questions)), secrets.token_urlsafe(12)]))

    def read(self, token: str) -> Challenge | None:
        """The challenge of a token that is ours and not too old, else None."""
        try:
            (index, nonce), issued = self.signer.loads(token, max_age=TOKEN_SECONDS, return_timestamp=True)
        except (BadData, UnicodeEncodeError):
            return None
        # The owner may have taken questions out since.
        return Challenge(index, nonce, issued.timestamp()) if index < len(self.questions) else None

    def is_spent(self, challenge: Challenge) -> bool:
        return self.limiter.seen("captcha", challenge.nonce, TOKEN_SECONDS)

    def render(self, request: IRequest, error: str | TranslationString | None = None) -> Markup:
        # The same token while it is good, so that who mends another field quickly is not taken for a program.
        token, answer = posted(request, self.token_name), posted(request, self.field_name)
        challenge = self.read(token)
        if challenge is None or self.is_spent(challenge):
            token, answer = self.issue(), ""
            challenge = self.read(token)
            assert challenge is not None
        return render_fields(
            request,
            "question.jinja2",
            error,
            question=self.questions[challenge.index].text,
            answer=answer[:ANSWER_MAX_LENGTH],
            answer_max_length=ANSWER_MAX_LENGTH,
            token=token,
            field_name=self.field_name,
            token_name=self.token_name,
            trap_name=self.trap_name,
        )

    def check(self, request: IRequest) -> None:
        challenge = self.read(posted(request, self.token_name))
        if challenge is None:
            raise CaptchaFailed(_("This question has expired. Please answer the new one."))
        if posted(request, self.trap_name):
            raise CaptchaFailed(_("A hidden field was filled in, as programs do. Please send the form again."))
        if time.time() - challenge.issued_at < self.min_seconds:
            raise CaptchaFailed(
                _("That was faster than people type. Please wait a moment and send the form again.")
            )
        answer = posted(request, self.field_name)
        right = self.questions[challenge.index].answers
        if len(answer) > ANSWER_MAX_LENGTH or canonical(answer) not in right:
            raise CaptchaFailed(_("That is not the answer. Please try again."))
        if not self.limiter.once("captcha", challenge.nonce, TOKEN_SECONDS):
            raise CaptchaFailed(_("This question was answered already. Please answer the new one."))


@dataclass(frozen=True)
class Siteverify:
    """What differs between the remote providers, as their documentation has it."""

    script: str
    widget_class: str
    field_name: str
    verify_url: str
    hosts: tuple[str, ...]


SITEVERIFY = {
    CaptchaProvider.RECAPTCHA: Siteverify(
        script="https://www.google.com/recaptcha/api.js",
        widget_class="g-recaptcha",
        field_name="g-recaptcha-response",
        verify_url="https://www.google.com/recaptcha/api/siteverify",
        hosts=("https://www.google.com", "https://www.gstatic.com", "https://recaptcha.google.com"),
    ),
    CaptchaProvider.HCAPTCHA: Siteverify(
        script="https://js.hcaptcha.com/1/api.js",
        widget_class="h-captcha",
        field_name="h-captcha-response",
        verify_url="https://api.hcaptcha.com/siteverify",
        hosts=("https://hcaptcha.com", "https://*.hcaptcha.com"),
    ),
    CaptchaProvider.TURNSTILE: Siteverify(
        script="https://challenges.cloudflare.com/turnstile/v0/api.js",
        widget_class="cf-turnstile",
        field_name="cf-turnstile-response",
        verify_url="https://challenges.cloudflare.com/turnstile/v0/siteverify",
        hosts=("https://challenges.cloudflare.com",),
    ),
}


class RemoteCaptcha(SingleUse):
    """A widget of another company's, whose answer its server is asked about."""

    def __init__(self, provider: Siteverify, settings: Settings, timeout: float = TIMEOUT_SECONDS) -> None:
        """`timeout`: seconds for the whole exchange, and for each silence within."""
        self.provider = provider
        self.field_name = provider.field_name
        self.hosts = provider.hosts
        self.site_key = settings.captcha_site_key
        self.secret_key = settings.captcha_secret_key
        self.verify_url = settings.captcha_verify_url or provider.verify_url
        self.site_hostname = urlsplit(settings.site_url).hostname
        self.timeout = timeout

    def render(self, request: IRequest, error: str | TranslationString | None = None) -> Markup:
        return render_fields(
            request,
            "siteverify.jinja2",
            error,
            script=self.provider.script,
            widget_class=self.provider.widget_class,
            site_key=self.site_key,
            field_name=self.field_name,
        )

    def check(self, request: IRequest) -> None:
        failed = CaptchaFailed(_("Please complete the check that you are a person."))
        response = posted(request, self.field_name)
        # The providers' answers are plain ASCII; anything else need not be sent to them.
        if not response or not response.isascii() or len(response) > RESPONSE_MAX_LENGTH:
            raise failed
        reply = self.ask({"secret": self.secret_key, "response": response, "remoteip": request.client_addr})
        if reply.get("success") is not True:
            codes = reply.get("error-codes")
            if isinstance(codes, list) and any(code in NOT_THE_PERSONS_FAULT for code in map(str, codes)):
                log.error("captcha: %s refused us: %s", self.verify_url, codes)
                raise CaptchaUnavailable
            raise failed
        hostname = reply.get("hostname")
        if hostname and str(hostname).lower() != self.site_hostname:
            log.warning("captcha: an answer given at %r, not at %r", hostname, self.site_hostname)
            raise failed

    def ask(self, form: dict[str, str | None]) -> dict[str, Any]:
        """The provider's reply to `form`, in which None is left out. Raises CaptchaUnavailable."""
        try:
            with requests.post(
                self.verify_url,
                data=form,
                headers={"Accept-Encoding": "identity"},
                timeout=self.timeout,
                allow_redirects=False,
                stream=True,
            ) as response:
                if response.status_code != requests.codes.ok:
                    raise ValueError(f"status {response.status_code}")
                reply = json.loads(self.read_body(response))
            if not isinstance(reply, dict):
                raise ValueError("no JSON object")
        # urllib3's own come out of reading the raw body; RecursionError out of JSON nested too deep.
        except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError, RecursionError) as error:
            log.warning("captcha: no answer from %s: %s", self.verify_url, error)
            raise CaptchaUnavailable from error
        return reply

    def read_body(self, response: requests.Response) -> bytes:
        """The body, in bounded size and time: a slow drip would reset the socket's own clock for ever."""
        body = bytearray()
        deadline = time.monotonic() + self.timeout
        while chunk := response.raw.read1(REPLY_MAX_BYTES):
            body += chunk
            if len(body) > REPLY_MAX_BYTES:
                raise ValueError("reply too long")
            if time.monotonic() > deadline:
                raise ValueError("reply too slow")
        return bytes(body)


def make_captcha(settings: Settings, signer: URLSafeTimedSerializer, limiter: RateLimiter) -> Captcha:
    if settings.captcha_provider is CaptchaProvider.NONE:
        return NoCaptcha()
    if settings.captcha_provider is CaptchaProvider.QUESTION:
        return QuestionCaptcha(settings.captcha_questions, settings.captcha_min_seconds, signer, limiter)
    return RemoteCaptcha(SITEVERIFY[settings.captcha_provider], settings)


def captcha_of(registry: Any) -> Captcha:
    return cast(Captcha, registry["captcha"])


def includeme(config: Configurator) -> None:
    """After `security.keys` and `security.ratelimit`."""
    registry = config.registry
    registry["captcha"] = make_captcha(
        settings_of(registry), keys_of(registry).signer("captcha"), limiter_of(registry)
    )
