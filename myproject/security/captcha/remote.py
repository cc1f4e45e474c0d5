"""Widgets of other companies, which share reCAPTCHA's siteverify protocol."""

import logging
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from markupsafe import Markup
from pyramid.interfaces import IRequest
from translationstring import TranslationString

from myproject.i18n import _
from myproject.security.captcha.base import (
    RESPONSE_MAX_LENGTH,
    CaptchaFailed,
    CaptchaUnavailable,
    SingleUse,
    posted,
    render_fields,
)
from myproject.security.outbound import open_session
from myproject.settings import Settings
from myproject.settings_users import CaptchaProvider

log = logging.getLogger(__name__)

REPLY_MAX_BYTES = 64 * 1024
TIMEOUT_SECONDS = 5.0
# Error codes of a siteverify reply that are the site's or the provider's fault, and not the person's.
NOT_THE_PERSONS_FAULT = frozenset(
    {"missing-input-secret", "invalid-input-secret", "sitekey-secret-mismatch", "internal-error"}
)


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
        # The widget makes an input of the field's own name and id, which nobody sees.
        self.anchor = f"{provider.field_name}-check"
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
            anchor=self.anchor,
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
        # Where a setting names the host, it may be in a private network.
        named = [urlsplit(self.verify_url).netloc.lower()] if self.verify_url != self.provider.verify_url else []
        try:
            with open_session(named, seconds=self.timeout, most_bytes=REPLY_MAX_BYTES) as session:
                response = session.post(self.verify_url, data=form)
            if response.status_code != requests.codes.ok:
                raise ValueError(f"status {response.status_code}")
            reply = response.json()
            if not isinstance(reply, dict):
                raise ValueError("no JSON object")
        # RecursionError comes out of JSON nested too deep.
        except (requests.RequestException, ValueError, RecursionError) as error:
            log.warning("captcha: no answer from %s: %s", self.verify_url, error)
            raise CaptchaUnavailable from error
        return reply
