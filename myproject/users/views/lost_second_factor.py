"""Losing the second factor: asking for it to be turned off, waiting, and stopping that."""

from functools import partial
from typing import Any

import deform
from pyramid.httpexceptions import HTTPSeeOther
from pyramid.response import Response

from myproject.forms.schema import Schema
from myproject.i18n import DOMAIN, _
from myproject.security.ratelimit import limiter_of
from myproject.transactions import reading
from myproject.users import constants as USER
from myproject.users import errors
from myproject.users.services import accounts, lost_second_factor
from myproject.users.views.client import client_of
from myproject.users.views.enter import WaitingSignIn
from myproject.users.views.mailed_links import MailedLink
from myproject.web.request import Request
from myproject.web.templating import url


class LostSecondFactor(WaitingSignIn):
    """Asks for the link that begins the wait: for somebody whose password was right a moment ago."""

    schema = Schema
    title = _("Lost your second factor?")
    template = "myproject:templates/users/lost_second_factor.html"
    buttons = (deform.Button("send", _("Send me a link")),)

    def values(self) -> dict[str, Any]:
        assert self.user_id is not None
        with reading(self.request) as db:
            waiting = lost_second_factor.find(db, self.user_id)
        days = self.request.site.users_second_factor_reset_days
        return {"waiting": waiting, "days": days}

    def submit(self, data: dict[str, Any]) -> Response:
        assert self.user_id is not None
        limiter_of(self.request.registry).hit("lost_second_factor_account", str(self.user_id))
        lost_second_factor.send_link(self.request.dbsession, self.user_id)
        self.request.flash(
            _(
                "We have sent a link to the address of your account. It works for ${minutes} minutes.",
                mapping={"minutes": USER.RESET_MINUTES},
            ),
            "info",
        )
        return self.redirect("users.login")


class ResetLink(MailedLink):
    """Begins the wait."""

    purpose = USER.TokenPurpose.RESET_SECOND_FACTOR
    title = _("Turn the second factor off?")
    button = _("Turn it off after that time")
    over = _("This link has been used, or is too old. Sign in with your password to ask for another.")
    instead = ("users.login", _("Sign in"))

    def ask(self, owner: Any) -> str:
        ngettext = partial(self.request.localizer.pluralize, domain=DOMAIN)
        days = self.days()
        return ngettext(
            "Press the button, and it is turned off after ${days} day. Each day a mail tells you so, and how to "
            "stop it.",
            "Press the button, and it is turned off after ${days} days. Each day a mail tells you so, and how to "
            "stop it.",
            days,
            mapping={"days": days},
        )

    def days(self) -> int:
        return self.request.site.users_second_factor_reset_days

    def act(self) -> Response:
        lost_second_factor.begin(self.request.dbsession, self.token, self.days(), client_of(self.request))
        self.request.flash(
            _("It has begun. We mail you each day until your second factor is turned off, and when it is."), "info"
        )
        return self.onward()


class KeepLink(MailedLink):
    """Ends the wait: the second factor stays."""

    purpose = USER.TokenPurpose.KEEP_SECOND_FACTOR
    title = _("Keep the second factor?")
    question = _(
        "Press the button, and signing in goes on asking for a code. If it wasn’t you who asked to turn it off, "
        "somebody knows your password: choose another one."
    )
    button = _("Keep the second factor")
    over = _(
        "This link has been used, or nothing waits any more. Signing in with your app or a recovery code keeps "
        "the second factor too."
    )
    instead = ("users.login", _("Sign in"))

    def act(self) -> Response:
        lost_second_factor.cancel_by_token(self.request.dbsession, self.token, client_of(self.request))
        self.request.flash(_("Your second factor stays on"))
        return self.onward()


def warning(request: Request) -> dict[str, Any]:
    """What `users/second_factor_waiting.html` needs, on the member's own pages."""
    member = request.member
    waiting = lost_second_factor.find(request.dbsession, member.id) if member.second_factor else None
    return {"waiting": waiting}


def keep(request: Request) -> Response:
    """Ends the wait from inside: who is signed in has shown the second factor."""
    db = request.dbsession
    user = accounts.lock_user(db, request.member.id)
    if lost_second_factor.cancel(db, user, client_of(request)):
        request.flash(_("Your second factor stays on"))
    else:
        request.flash(errors.NothingWaits.message, "info")
    return HTTPSeeOther(url(request, "users.second_factor.settings"))
