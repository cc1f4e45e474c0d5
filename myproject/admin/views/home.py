"""The admins' dashboard, and what can be turned off while the site runs."""

from typing import Any

from pyramid.response import Response
from sqlalchemy.orm import Session

from myproject import audit, switches
from myproject.admin import schemas
from myproject.admin.views.shared import Choices, changes
from myproject.i18n import _
from myproject.switches import Position
from myproject.transactions import reading
from myproject.users.services import approvals
from myproject.web.request import Request


def home(request: Request) -> dict[str, Any]:
    return {"waiting": approvals.count_waiting(request.dbsession)}


# The fields of the form, and what they turn.
FIELDS = {"newcomers": switches.Name.CAPTCHA, "writing": switches.Name.WRITING}


class EditSettings(Choices):
    """What can be turned off while the site runs."""

    schema = schemas.Switches
    title = _("Settings")
    template = "myproject:templates/admin/settings.html"

    def present(self, db: Session) -> dict[str, str]:
        on = {field: switches.is_on(db, name) for field, name in FIELDS.items()}
        return {field: (Position.ON if is_on else Position.OFF).value for field, is_on in on.items()}

    def values(self) -> dict[str, Any]:
        with reading(self.request) as db:
            return changes(db, switches.Switch)

    def change(self, wanted: dict[str, str], reason: str) -> Response:
        db, actor = self.request.dbsession, audit.actor_of(self.request)
        for field, position in wanted.items():
            switches.turn(db, actor, FIELDS[field], Position(position), reason)
        self.request.flash(_("The settings are saved"))
        return self.redirect("admin.settings")
