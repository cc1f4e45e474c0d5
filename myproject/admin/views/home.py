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


class EditSettings(FormView):
    """What can be turned off while the site runs."""

    schema = schemas.Switches
    title = _("Settings")
    template = "myproject:templates/admin/settings.html"

    def initial(self) -> dict[str, Any]:
        with reading(self.request) as db:
            on = switches.is_on(db, switches.Name.CAPTCHA)
        return {"newcomers": (switches.Position.ON if on else switches.Position.OFF).value, "reason": ""}

    def values(self) -> dict[str, Any]:
        with reading(self.request) as db:
            return changes(db, switches.find_switch(db, switches.Name.CAPTCHA))

    def submit(self, data: dict[str, Any]) -> Response:
        position = switches.Position(data["newcomers"])
        actor = audit.actor_of(self.request)
        switches.turn(self.request.dbsession, actor, switches.Name.CAPTCHA, position, data["reason"])
        self.request.flash(_("The settings are saved"))
        return self.redirect("admin.settings")
