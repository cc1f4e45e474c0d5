"""The pages behind links in mails: looking at one changes nothing, its button acts. They work without being signed
in.
"""

from typing import Any, ClassVar

from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPSeeOther
from pyramid.renderers import render_to_response
from pyramid.response import Response
from translationstring import TranslationString

from myproject.errors import InputError
from myproject.i18n import _
from myproject.security.permissions import Permission
from myproject.security.ratelimit import client_key, limiter_of
from myproject.users import constants as USER
from myproject.users import errors
from myproject.users.services import tokens
from myproject.web.request import Request
from myproject.web.templating import url


class MailedLink:
    """A link for one `purpose`. A subclass names the words of its page, and writes `act`."""

    purpose: ClassVar[USER.TokenPurpose]
    title: ClassVar[TranslationString]
    question: ClassVar[TranslationString]
    button: ClassVar[TranslationString]
    # What is said where the link does nothing any more, and the route that leads on from there, with its words.
    over: ClassVar[TranslationString] = errors.LinkInvalid.message
    instead: ClassVar[tuple[str, TranslationString] | None] = None

    def __init__(self, request: Request) -> None:
        self.request = request
        self.token: str = request.matchdict["token"]

    def get(self) -> Response:
        owner = tokens.token_owner(self.request.dbsession, self.token, self.purpose)
        return self.page(self.over) if owner is None else self.page(question=self.ask(owner))

    def post(self) -> Response:
        limiter_of(self.request.registry).hit("verify_address", client_key(self.request.client_addr))
        try:
            return self.act()
        except errors.LinkInvalid:
            return self.page(self.over)
        except InputError as error:
            return self.page(error.message)

    def ask(self, owner: Any) -> str:
        """What pressing the button does, for a row of `tokens.token_owner`."""
        known = {"name": owner.name, "email": owner.new_email}
        return self.request.translate(_(self.question, mapping=known))

    def act(self) -> Response:
        """Spends the link and answers. Raises InputError."""
        raise NotImplementedError

    def onward(self, route_name: str = "users.home") -> Response:
        """Leads who is signed in to a page of theirs, and others to sign in."""
        return HTTPSeeOther(url(self.request, route_name if self.request.identity else "users.login"))

    def page(self, problem: str = "", question: str = "") -> Response:
        values = {"view": self, "problem": problem, "question": question}
        response = render_to_response("myproject:templates/users/mailed_link.html", values, request=self.request)
        response.status_int = 410 if problem else 200
        return response


def add_mailed_link(config: Configurator, link: type[MailedLink], *, route_name: str, path: str) -> None:
    """Shows and takes the links that begin with `path` and end with their token."""
    config.add_route(route_name, f"{path}{{token:[A-Za-z0-9_-]{{20,100}}}}/")
    for method in ("GET", "POST"):
        config.add_view(
            link,
            attr=method.lower(),
            route_name=route_name,
            request_method=method,
            permission=Permission.ACCOUNT_ENTER,
        )
