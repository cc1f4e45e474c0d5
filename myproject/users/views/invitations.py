"""A member's invitations: making, listing and revoking them."""

from dataclasses import dataclass
from typing import Any

import deform
from pyramid.httpexceptions import HTTPNotFound, HTTPSeeOther
from pyramid.response import Response

from myproject.forms.view import FormView
from myproject.i18n import _
from myproject.security.ratelimit import limiter_of
from myproject.settings import Settings
from myproject.settings_users import Registration
from myproject.transactions import reading
from myproject.users import constants as USER
from myproject.users import schemas
from myproject.users.services import invitations
from myproject.web.request import Request
from myproject.web.templating import site_url, url


@dataclass(frozen=True)
class Inviting:
    """The context of these screens: the least role that may invite."""

    invite_role: USER.Role


def inviting_of(site: Settings) -> Inviting | None:
    """Who may invite; None where registration is not by invitation."""
    if site.users_registration is not Registration.INVITE:
        return None
    return Inviting(USER.Role[site.users_invite_role.name])


class Invitations(FormView):
    """Makes an invitation, whose link is shown once, and lists those there are and who joined by them."""

    schema = schemas.Invitation
    title = _("Invitations")
    template = "myproject:templates/users/invitations.html"
    buttons = (deform.Button("invite", _("Make an invitation")),)

    def initial(self) -> dict[str, Any]:
        return {"uses": 1, "days": 7, "note": ""}

    def values(self) -> dict[str, Any]:
        with reading(self.request) as db:
            return {
                "invitations": invitations.list_invitations(db, self.request.member.id),
                "invited": invitations.list_invited(db, self.request.member.id),
            }

    def submit(self, data: dict[str, Any]) -> Response:
        request = self.request
        limiter_of(request.registry).hit("invitation_account", str(request.member.id))
        token = invitations.make_invitation(
            request.dbsession, request.member.id, uses=data["uses"], days=data["days"], note=data["note"]
        )
        link = site_url(request.registry, "users.register") + f"?invitation={token}"
        request.flash(
            _("Copy the link of the invitation now, it is not shown again: ${link}", mapping={"link": link})
        )
        return self.redirect("users.invitations")


def revoke(request: Request) -> Response:
    """Ends an invitation of the member's own."""
    if not invitations.revoke_invitation(request.dbsession, request.member.id, int(request.matchdict["id"])):
        raise HTTPNotFound
    request.flash(_("The invitation is revoked"))
    return HTTPSeeOther(url(request, "users.invitations"))
