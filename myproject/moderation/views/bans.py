"""Who may not comment for a time."""

from typing import Any

import colander
import deform
from pyramid.httpexceptions import HTTPSeeOther
from pyramid.response import Response

from myproject.audit import actor_of
from myproject.forms.view import FormView
from myproject.i18n import _
from myproject.moderation import schemas
from myproject.moderation.services import bans as moderation
from myproject.pagination import row_number
from myproject.transactions import reading
from myproject.users.models import User
from myproject.users.services import bans, profiles
from myproject.web.request import Request
from myproject.web.templating import url


def list_bans(request: Request) -> dict[str, Any] | Response:
    """The bans that run; `?name=` leads to the page of one member."""
    name = request.GET.get("name", "").strip().lstrip("@")
    user = profiles.find_profile(request.dbsession, name) if name else None
    if user is not None:
        return HTTPSeeOther(url(request, "moderation.ban", id=user.id))
    return {"bans": bans.list_bans(request.dbsession), "name": name}


class BanMember(FormView):
    """Bans one member from commenting, or lifts that."""

    title = _("Ban from commenting")
    template = "myproject:templates/moderation/ban.html"
    keeps = ("reason",)

    def __init__(self, request: Request) -> None:
        with reading(request) as db:
            self.ban = bans.find_ban(db, request.context.id)
        # What was pressed, whatever somebody else has done meanwhile.
        self.lifting = "lift" in request.POST or (self.ban is not None and "ban" not in request.POST)
        self.buttons = (
            deform.Button("lift", _("Let them comment again"))
            if self.lifting
            else deform.Button("ban", _("Ban from commenting"), css_class="button-danger"),
        )
        super().__init__(request)

    def make_schema(self) -> colander.SchemaNode:
        return schemas.Lift() if self.lifting else schemas.Ban()

    def values(self) -> dict[str, Any]:
        user: User = self.request.context
        return {"title": user.title, "user": user, "ban": self.ban}

    def initial(self) -> dict[str, Any]:
        return {"show": True, "shown": self.present_state()} if self.lifting else {}

    def present_state(self) -> str:
        """The number of the ban that runs; 0 where none does."""
        return str(self.ban.id if self.ban is not None else 0)

    def submit(self, data: dict[str, Any]) -> Response:
        request, user = self.request, self.request.context
        db, actor = request.dbsession, actor_of(request)
        if self.lifting:
            seen_id = row_number(data["shown"]) or 0
            moderation.lift_ban(db, actor, user.id, show_comments=data["show"], seen_id=seen_id)
            request.flash(_("${name} may comment again", mapping={"name": user.title}))
        else:
            moderation.ban_member(db, actor, user.id, data["days"], data["reason"], hide_comments=data["hide"])
            request.flash(_("${name} may not comment for now", mapping={"name": user.title}))
        return self.redirect("moderation.bans")
