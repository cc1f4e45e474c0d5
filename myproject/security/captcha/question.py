"""A question of the site's own, with a hidden field that only programs fill and a least time: no script, no third
party, no puzzle (WCAG 2.2, 3.3.8; OWASP ASVS 5.0, 2.4.1).
"""

import secrets
import time
from dataclasses import dataclass

from itsdangerous import BadData, URLSafeTimedSerializer
from markupsafe import Markup
from pyramid.interfaces import IRequest
from translationstring import TranslationString

from myproject.i18n import _
from myproject.security.captcha.base import CaptchaFailed, SingleUse, network_of, posted, render_fields
from myproject.security.ratelimit import RateLimiter
from myproject.text import canonical

TOKEN_SECONDS = 2 * 60 * 60
ANSWER_MAX_LENGTH = 200


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
    """What the signed token says: which question, a number used once, for which network, and when (seconds since
    the epoch).
    """

    index: int
    nonce: str
    network: str
    issued_at: float


class QuestionCaptcha(SingleUse):
    """A question of the site's own, a trap, a least time, and a signed token that works once in two hours, for one
    network.
    """

    field_name = anchor = "captcha_answer"
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

    def issue(self, request: IRequest) -> str:
        index = secrets.randbelow(len(self.questions))
        return str(self.signer.dumps([index, secrets.token_urlsafe(12), network_of(request)]))

    def read(self, token: str) -> Challenge | None:
        """The challenge of a token that is ours and not too old, else None."""
        try:
            values, issued = self.signer.loads(token, max_age=TOKEN_SECONDS, return_timestamp=True)
            index, nonce, network = values
        # ValueError is what a token of an earlier version gives.
        except (BadData, UnicodeEncodeError, ValueError):
            return None
        # The owner may have taken questions out since.
        challenge = Challenge(index, nonce, network, issued.timestamp())
        return challenge if index < len(self.questions) else None

    def is_spent(self, challenge: Challenge) -> bool:
        return self.limiter.seen("captcha", challenge.nonce, TOKEN_SECONDS)

    def render(self, request: IRequest, error: str | TranslationString | None = None) -> Markup:
        # The same token while it is good, so that who mends another field quickly is not taken for a program.
        token, answer = posted(request, self.token_name), posted(request, self.field_name)
        challenge = self.read(token)
        if challenge is None or challenge.network != network_of(request) or self.is_spent(challenge):
            token, answer = self.issue(request), ""
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

    def look(self, request: IRequest) -> None:
        self.answered(request)

    def check(self, request: IRequest) -> None:
        challenge = self.answered(request)
        if time.time() - challenge.issued_at < self.min_seconds:
            raise CaptchaFailed(
                _("That was faster than people type. Please wait a moment and send the form again.")
            )
        if not self.limiter.once("captcha", challenge.nonce, TOKEN_SECONDS):
            raise CaptchaFailed(_("This question was answered already. Please answer the new one."))

    def answered(self, request: IRequest) -> Challenge:
        """The challenge that was answered rightly, and maybe before. Raises CaptchaFailed."""
        challenge = self.read(posted(request, self.token_name))
        if challenge is None:
            raise CaptchaFailed(_("This question has expired. Please answer the new one."))
        if challenge.network != network_of(request):
            raise CaptchaFailed(
                _("Your network address has changed since the question was asked. Please answer the new one.")
            )
        if posted(request, self.trap_name):
            raise CaptchaFailed(_("A hidden field was filled in, as programs do. Please send the form again."))
        answer = posted(request, self.field_name)
        right = self.questions[challenge.index].answers
        if len(answer) > ANSWER_MAX_LENGTH or canonical(answer) not in right:
            raise CaptchaFailed(_("That is not the answer. Please try again."))
        return challenge
