"""The outbox as admins see it: the list, one mail."""

from functools import partial
from typing import Any

from pyramid.httpexceptions import HTTPNotFound, HTTPSeeOther
from pyramid.response import Response

from myproject import audit
from myproject.admin import constants as ADMIN
from myproject.admin import schemas
from myproject.admin.views.shared import changes, number_of
from myproject.emails import constants as EMAIL
from myproject.emails.models import Email
from myproject.emails.services import handling, lists
from myproject.errors import InputError
from myproject.i18n import _
from myproject.web.dates import exact
from myproject.web.request import Request
from myproject.web.templating import url


def list_emails(request: Request) -> dict[str, Any]:
    """The outbox, newest first, by state."""
    state = number_of(request.GET.get("state"))
    try:
        wanted = None if state is None else EMAIL.State(state)
    except ValueError:
        raise HTTPNotFound from None
    rows = lists.list_emails(request.dbsession, wanted, number_of(request.GET.get("before")), ADMIN.PAGE_SIZE + 1)
    more = len(rows) > ADMIN.PAGE_SIZE
    return {
        "emails": rows[: ADMIN.PAGE_SIZE],
        "next_id": rows[ADMIN.PAGE_SIZE - 1].id if more else None,
        "state": wanted,
        "kind_titles": schemas.KIND_TITLES,
        "state_titles": schemas.STATE_TITLES,
    }


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
        "exact": partial(exact, zone=request.time_zone, locale=request.locale_name),
    } | changes(request.dbsession, email)


class ChangeEmail:
    """Sends a mail again or gives it up, with an audit row."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.email = email_of(request)

    def resend(self) -> Response:
        return self.change("email.resend", handling.resend, _("The mail is queued again"))

    def cancel(self) -> Response:
        return self.change("email.cancel", handling.cancel, _("The mail is given up"))

    def change(self, action: str, verb: Any, message: str) -> Response:
        db, email = self.request.dbsession, self.email
        before = email.state.name
        try:
            verb(db, email)
        except InputError as error:
            self.request.flash(error.message, "error")
            return HTTPSeeOther(url(self.request, "admin.emails"))
        audit.record(
            db,
            action,
            email,
            actor=audit.actor_of(self.request),
            before={"state": before},
            after={"state": email.state.name},
        )
        self.request.flash(message)
        return HTTPSeeOther(url(self.request, "admin.emails"))
