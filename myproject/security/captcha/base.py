"""What a check that somebody is a person gives, and what the providers share."""

from typing import Any, Protocol

from markupsafe import Markup
from pyramid.interfaces import IRequest
from pyramid.renderers import render
from translationstring import TranslationString

from myproject.i18n import _, translate
from myproject.security.ratelimit import client_key, fingerprint

TEMPLATES = "myproject:templates/captcha/"
PASSED = "myproject.captcha_passed"  # the key in a request's environ
RESPONSE_MAX_LENGTH = 16_384


class CaptchaFailed(Exception):
    """The check was not passed. `message` is for the person, who may try again."""

    def __init__(self, message: TranslationString) -> None:
        super().__init__(message)
        self.message = message


class CaptchaUnavailable(Exception):
    """The provider gave no answer, so nobody was let through. `message` asks the person to come back."""

    def __init__(self) -> None:
        self.message = _(
            "The service that checks that you are a person does not answer just now, so no account was made."
            " Please try again in a minute: what you typed is still here, but for the password."
        )
        super().__init__(self.message)


class Captcha(Protocol):
    """What a provider gives."""

    field_name: str
    """The input that an error belongs to."""
    anchor: str
    """The id in the page to which an error leads."""
    hosts: tuple[str, ...]
    """Origins for the page's Content-Security-Policy: in script-src, frame-src, style-src and connect-src."""

    def render(self, request: IRequest, error: str | TranslationString | None = None) -> Markup:
        """The HTML of the fields, with `error` where there is one; what was posted stays filled in."""

    def look(self, request: IRequest) -> None:
        """Raises CaptchaFailed where `verify` would, as far as can be told without using the answer up."""

    def verify(self, request: IRequest) -> None:
        """Looks at what was posted. Raises CaptchaFailed or CaptchaUnavailable.

        It may wait for the network, and uses the answer up: call it last, and before the first write.
        """


def network_of(request: IRequest) -> str:
    """A hash of the visitor's network address, as limits know it: what a challenge is signed for. Who has one
    solved by others has to send from where they are.
    """
    return fingerprint((client_key(request.client_addr),))


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

    def look(self, request: IRequest) -> None:
        """Nothing can be told: the page that comes back has another check to make."""

    def verify(self, request: IRequest) -> None:
        if not request.environ.get(PASSED):
            self.check(request)
            request.environ[PASSED] = True

    def check(self, request: IRequest) -> None:
        """`verify`, the first time."""
        raise NotImplementedError


class NoCaptcha:
    """Everybody passes."""

    field_name = anchor = ""
    hosts: tuple[str, ...] = ()

    def render(self, request: IRequest, error: str | TranslationString | None = None) -> Markup:
        return Markup("")

    def look(self, request: IRequest) -> None:
        pass

    def verify(self, request: IRequest) -> None:
        pass
