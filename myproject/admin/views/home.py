"""The admins' dashboard, and what can be turned off while the site runs."""

from typing import Any

from pyramid.response import Response

from myproject import audit, switches
from myproject.admin import schemas
from myproject.admin.views.shared import changes
from myproject.db import reading
from myproject.forms.view import FormView
from myproject.i18n import _
from myproject.users.services import approvals
from myproject.web.request import Request


def home(request: Request) -> dict[str, Any]:
    return {"waiting": approvals.count_waiting(request.dbsession)}


# The fields of the form, and what they turn.
FIELDS = {"newcomers": switches.Name.CAPTCHA, "writing": switches.Name.WRITING}


class EditSettings(FormView):
    """What can be turned off while the site runs."""

    schema = schemas.Switches
    title = _("Settings")
    template = "myproject:templates/admin/settings.html"

    def initial(self) -> dict[str, Any]:
        with reading(self.request) as db:
            on = {field: switches.is_on(db, name) for field, name in FIELDS.items()}
        positions = {True: switches.Position.ON.value, False: switches.Position.OFF.value}
        return {field: positions[is_on] for field, is_on in on.items()} | {"reason": ""}

    def values(self) -> dict[str, Any]:
        with reading(self.request) as db:
            return changes(db, switches.Switch)

    def submit(self, data: dict[str, Any]) -> Response:
        db, actor = self.request.dbsession, audit.actor_of(self.request)
        for field, name in FIELDS.items():
            switches.turn(db, actor, name, switches.Position(data[field]), data["reason"])
        self.request.flash(_("The settings are saved"))
        return self.redirect("admin.settings")
