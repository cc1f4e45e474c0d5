"""Changing one's nickname."""

from typing import Any

import deform
from pyramid.response import Response

from myproject.db import utc_now
from myproject.forms.view import FormView
from myproject.i18n import _
from myproject.security.ratelimit import limiter_of
from myproject.transactions import reading
from myproject.users import constants as USER
from myproject.users import schemas
from myproject.users.models import User
from myproject.users.services import names
from myproject.users.views.client import client_of


class Rename(FormView):
    """Changes the nickname; the old one is parked and leads to the new one."""

    schema = schemas.Rename
    title = _("Change your nickname")
    template = "myproject:templates/users/name.html"
    buttons = (deform.Button("save", _("Change it")),)

    def values(self) -> dict[str, Any]:
        with reading(self.request) as db:
            user = db.get_one(User, self.request.member.id)
            possible_at = names.may_rename_at(user)
            return {
                "user": user,
                "possible_at": possible_at if possible_at > utc_now() else None,
                "former_names": names.list_former(db, user.id),
                "rename_days": USER.RENAME_DAYS,
                "parked_days": USER.FORMER_NAME_DAYS,
            }

    def submit(self, data: dict[str, Any]) -> Response:
        request = self.request
        limiter_of(request.registry).hit("rename_account", str(request.member.id))
        user = names.rename(request.dbsession, request.member.id, data["name"], client_of(request))
        request.flash(_("Your nickname is ${name} now", mapping={"name": user.name}))
        return self.redirect("users.profile", name=user.name_canonical)
