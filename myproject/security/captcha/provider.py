"""Which of the providers a site has.

A form view calls `render` for the fields and, when all else is right, `verify`.
"""

from typing import Any, cast

from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPNotFound

from myproject.security.captcha.altcha import AltchaCaptcha
from myproject.security.captcha.base import Captcha, NoCaptcha
from myproject.security.captcha.question import QuestionCaptcha
from myproject.security.captcha.remote import SITEVERIFY, RemoteCaptcha
from myproject.security.keys import KeyRing, keys_of
from myproject.security.permissions import Permission
from myproject.security.ratelimit import RateLimiter, limiter_of
from myproject.settings import Settings, settings_of
from myproject.settings_users import CaptchaProvider


def make_captcha(settings: Settings, keys: KeyRing, limiter: RateLimiter) -> Captcha:
    if settings.captcha_provider is CaptchaProvider.NONE:
        return NoCaptcha()
    if settings.captcha_provider is CaptchaProvider.QUESTION:
        signer = keys.signer("captcha")
        return QuestionCaptcha(settings.captcha_questions, settings.captcha_min_seconds, signer, limiter)
    if settings.captcha_provider is CaptchaProvider.ALTCHA:
        return AltchaCaptcha(settings.captcha_work, keys, limiter)
    return RemoteCaptcha(SITEVERIFY[settings.captcha_provider], settings)


def captcha_of(registry: Any) -> Captcha:
    return cast(Captcha, registry["captcha"])


def give_challenge(request: Any) -> dict[str, Any]:
    """A new challenge for the widget of `altcha`. Raises HTTPNotFound where the site has another provider."""
    captcha = captcha_of(request.registry)
    if not isinstance(captcha, AltchaCaptcha):
        raise HTTPNotFound
    return captcha.issue(request)


def includeme(config: Configurator) -> None:
    registry = config.registry
    registry["captcha"] = make_captcha(settings_of(registry), keys_of(registry), limiter_of(registry))
    config.add_route("captcha.challenge", "/captcha/altcha/")
    config.add_view(
        give_challenge,
        route_name="captcha.challenge",
        request_method="GET",
        permission=Permission.SITE_VIEW,
        renderer="json",
    )
