"""The outbox as admins see it: the list, one mail, and what can be done with them."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import sqlalchemy as sa
from pyramid.httpexceptions import HTTPNotFound, HTTPSeeOther
from pyramid.response import Response
from sqlalchemy.orm import Session

from myproject import audit
from myproject.admin import constants as ADMIN
from myproject.admin import schemas
from myproject.admin.views.shared import changes, number_of
from myproject.emails import constants as EMAIL
from myproject.emails.models import Email
from myproject.emails.services import handling, lists, pacing
from myproject.errors import InputError
from myproject.i18n import _
from myproject.pagination import cut_by_number
from myproject.web.request import Request
from myproject.web.templating import url


def wanted_of(given: Any) -> lists.Filter:
    """The mails that an address or a form names: `state`, `topic` and `q`, an address. Raises HTTPNotFound."""
    state, topic = number_of(given.get("state")), given.get("topic", "")
    if topic and topic not in schemas.TOPIC_TITLES:
        raise HTTPNotFound
    try:
        wanted = None if state is None else EMAIL.State(state)
    except ValueError:
        raise HTTPNotFound from None
    return lists.Filter(wanted, topic, given.get("q", "").strip()[: EMAIL.ADDRESS_MAX_LENGTH])


def list_emails(request: Request) -> dict[str, Any]:
    """The outbox, newest first, by state, topic and address; what keeps mails from going."""
    wanted = wanted_of(request.GET)
    before_id = number_of(request.GET.get("before"))
    rows = lists.list_emails(request.dbsession, wanted, before_id, ADMIN.PAGE_SIZE + 1)
    return {
        "page": cut_by_number(rows, ADMIN.PAGE_SIZE),
        "wanted": wanted,
        "query": urlencode(query_of(wanted)),
        "routes": pacing.closed_routes(request.dbsession),
        "kind_titles": schemas.KIND_TITLES,
        "state_titles": schemas.STATE_TITLES,
        "topic_titles": schemas.TOPIC_TITLES,
    }


def query_of(wanted: lists.Filter) -> dict[str, str | int]:
    """What `wanted_of` reads again."""
    return {"state": "" if wanted.state is None else int(wanted.state), "topic": wanted.topic, "q": wanted.address}


def email_of(request: Request) -> Email:
    """The mail that the address names. Raises HTTPNotFound."""
    email = request.dbsession.get(Email, int(request.matchdict["id"]))
    if email is None:
        raise HTTPNotFound
    return email


def show_email(request: Request) -> dict[str, Any]:
    """One mail: how its sending goes, and its text without what lets anybody in."""
    email = email_of(request)
    return {
        "email": email,
        "preview": request.registry["mail_templates"].preview(email),
        "has_secrets": email.kind in EMAIL.SECRETS,
        "max_attempts": EMAIL.MAX_ATTEMPTS,
        "kind_titles": schemas.KIND_TITLES,
        "state_titles": schemas.STATE_TITLES,
    } | changes(request.dbsession, email)


class ChangeEmail:
    """Sends a mail again or gives it up."""

    def __init__(self, request: Request) -> None:
        self.request = request

    def resend(self) -> Response:
        return self.change(handling.resend, _("The mail is queued again"))

    def cancel(self) -> Response:
        return self.change(handling.cancel, _("The mail is given up"))

    def change(self, verb: Callable[[Session, audit.Actor, int], None], message: str) -> Response:
        request = self.request
        email_id = int(request.matchdict["id"])
        # Only asked for: also a mail that can't be read can be given up.
        if request.dbsession.scalar(sa.select(Email.id).where(Email.id == email_id)) is None:
            raise HTTPNotFound
        try:
            verb(request.dbsession, audit.actor_of(request), email_id)
        except InputError as error:
            request.flash(error.message, "error")
        else:
            request.flash(message)
        return HTTPSeeOther(url(request, "admin.emails"))


class ChangeEmails:
    """Sends all mails of a list again or gives them up; of a long one the workers do the rest."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.wanted = wanted_of(request.POST)

    def resend(self) -> Response:
        return self.change(handling.Verb.RESEND, _("The mails are queued again, as far as they can be"))

    def cancel(self) -> Response:
        return self.change(handling.Verb.CANCEL, _("The mails are given up, as far as they still wait"))

    def change(self, verb: handling.Verb, message: str) -> Response:
        request, wanted = self.request, self.wanted
        handling.change_all(request.dbsession, audit.actor_of(request), verb, wanted)
        request.flash(message)
        return HTTPSeeOther(url(request, "admin.emails") + "?" + urlencode(query_of(wanted)))


def open_route(request: Request) -> Response:
    """Has the workers try the mail server, or a domain, at once."""
    domain = request.POST.get("domain", "")
    pacing.try_now(request.dbsession, domain)
    request.flash(_("It is tried again now"))
    return HTTPSeeOther(url(request, "admin.emails"))
