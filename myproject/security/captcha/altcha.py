"""Proof of work: the browser searches a key for a second or two, which costs who registers by the thousand. The
site gives the task and checks the answer itself; the widget's script and its worker are static files of ours.

A challenge is signed, ends after `CHALLENGE_SECONDS`, is for registration from one network alone, and serves once.
The visitor's pointer, keys and browser are not looked at.
"""

import secrets
import time
from typing import Any

from altcha import Payload, create_challenge, verify_solution
from markupsafe import Markup
from pyramid.interfaces import IRequest
from translationstring import TranslationString

from myproject.i18n import _
from myproject.security.captcha.base import (
    RESPONSE_MAX_LENGTH,
    CaptchaFailed,
    SingleUse,
    network_of,
    posted,
    render_fields,
)
from myproject.security.keys import KeyRing
from myproject.security.ratelimit import RateLimiter

ALGORITHM = "PBKDF2/SHA-256"
# Rounds of one key: half a millisecond of the server's time for a challenge, and none to check its answer.
ROUNDS = 1_000
CHALLENGE_SECONDS = 20 * 60
PURPOSE = "registration"


def purpose_of(request: IRequest) -> dict[str, str]:
    """What a challenge is signed for."""
    return {"for": PURPOSE, "network": network_of(request)}


class AltchaCaptcha(SingleUse):
    """The widget `altcha` with its own server, this one. `work`: how many keys a browser tries on average."""

    field_name = anchor = "altcha"
    hosts: tuple[str, ...] = ()

    def __init__(self, work: int, keys: KeyRing, limiter: RateLimiter) -> None:
        self.work = work
        self.limiter = limiter
        # Of each secret one key for challenges and one for solutions, the newest first.
        self.keys = list(zip(keys.derive("captcha.challenge"), keys.derive("captcha.solution"), strict=True))

    def issue(self, request: IRequest) -> dict[str, Any]:
        """A new challenge, for the widget as JSON."""
        challenge_key, solution_key = self.keys[0]
        challenge = create_challenge(
            ALGORITHM,
            ROUNDS,
            counter=self.work // 2 + secrets.randbelow(self.work + 1),
            expires_at=int(time.time()) + CHALLENGE_SECONDS,
            data=purpose_of(request),
            hmac_secret=challenge_key,
            hmac_key_secret=solution_key,
        )
        return challenge.to_dict()

    def render(self, request: IRequest, error: str | TranslationString | None = None) -> Markup:
        return render_fields(request, "altcha.jinja2", error, field_name=self.field_name)

    def check(self, request: IRequest) -> None:
        response = posted(request, self.field_name)
        if not response or not response.isascii() or len(response) > RESPONSE_MAX_LENGTH:
            raise CaptchaFailed(_("Please complete the check that you are a person."))
        results = [verify_solution(response, first, hmac_key_secret=second) for first, second in self.keys]
        if any(result.expired for result in results):
            raise CaptchaFailed(_("The check that you are a person has expired. Please make it again."))
        if not any(result.verified for result in results):
            raise CaptchaFailed(_("Please complete the check that you are a person."))
        # Signed by us, so it is as we made it.
        parameters = Payload.from_base64(response).challenge.parameters
        made_for: Any = parameters.data or {}
        if made_for.get("for") != PURPOSE:
            raise CaptchaFailed(_("Please complete the check that you are a person."))
        if made_for != purpose_of(request):
            raise CaptchaFailed(
                _("Your network address has changed since the check was made. Please make it again.")
            )
        if not self.limiter.once("altcha", parameters.nonce, CHALLENGE_SECONDS):
            raise CaptchaFailed(_("This check was used already. Please make it again."))
