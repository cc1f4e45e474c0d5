"""Addresses that optional mail does not go to: the list, one of them, and letting mail through again."""

from typing import Any

import deform
from pyramid.httpexceptions import HTTPNotFound
from pyramid.response import Response

from myproject import audit
from myproject.admin import constants as ADMIN
from myproject.admin import schemas
from myproject.admin.views.shared import changes, number_of
from myproject.emails import constants as EMAIL
from myproject.emails.models import Suppression
from myproject.emails.services import suppression
from myproject.forms.view import FormView
from myproject.i18n import _
from myproject.pagination import cut_by_number
from myproject.transactions import reading
from myproject.users.services import accounts
from myproject.web.request import Request


def list_suppressions(request: Request) -> dict[str, Any]:
    """Addresses that mail comes back from, the newest at the top; or, of these, where it goes all the same."""
    given = request.GET
    lifted = given.get("show") == "lifted"
    search = given.get("q", "").strip()[: EMAIL.ADDRESS_MAX_LENGTH]
    rows = suppression.list_suppressions(
        request.dbsession,
        lifted=lifted,
        search=search,
        before_id=number_of(given.get("before")),
        limit=ADMIN.PAGE_SIZE + 1,
    )
    return {
        "page": cut_by_number(rows, ADMIN.PAGE_SIZE),
        "lifted": lifted,
        "search": search,
        "reason_titles": schemas.SUPPRESSION_TITLES,
    }


class LiftSuppression(FormView):
    """One address: what came back, and a form that lets mail through again, with a reason and an audit row."""

    schema = schemas.Lift
    title = _("Mail that comes back")
    template = "myproject:templates/admin/suppression.html"
    buttons = (deform.Button("lift", _("Let mail through again")),)

    def found(self, db: Any) -> Suppression:
        """The row that the address names. Raises HTTPNotFound."""
        found = db.get(Suppression, int(self.request.matchdict["id"]))
        if found is None:
            raise HTTPNotFound
        return found

    def values(self) -> dict[str, Any]:
        with reading(self.request) as db:
            found = self.found(db)
            return {
                "suppression": found,
                "owner": accounts.find_verified(db, found.address),
                "reason_titles": schemas.SUPPRESSION_TITLES,
            } | changes(db, found)

    def submit(self, data: dict[str, Any]) -> Response:
        db = self.request.dbsession
        found = self.found(db)
        if suppression.lift(db, audit.actor_of(self.request), found.id, data["reason"]) is None:
            self.request.flash(_("Mail goes to ${address} already", mapping={"address": found.address}), "info")
        else:
            self.request.flash(_("Mail goes to ${address} again", mapping={"address": found.address}))
        return self.redirect("admin.suppressions")
