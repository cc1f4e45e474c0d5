"""Where a member is signed in, and ending it there."""

from typing import Any

from pyramid.httpexceptions import HTTPNotFound, HTTPSeeOther
from pyramid.response import Response

from myproject.i18n import _
from myproject.pagination import row_number
from myproject.users.services import sign_ins
from myproject.users.views.client import browser_name, client_of, coarse_network
from myproject.web.request import Request
from myproject.web.templating import url


class SessionList:
    """The sign-ins of a member; ended one by one, or all but this one (OWASP ASVS 5.0: 7.5.2)."""

    def __init__(self, request: Request) -> None:
        self.request = request

    def get(self) -> dict[str, Any]:
        member = self.request.member
        sessions = sign_ins.list_sessions(self.request.dbsession, member.id)
        return {
            "sessions": sessions,
            "here": member.session_id,
            "browser_name": browser_name,
            "coarse_network": coarse_network,
        }

    def post(self) -> Response:
        """Ends the session that the field `session` numbers, or `others`. Raises HTTPNotFound for one of somebody
        else, or of nobody.
        """
        db, member, posted = self.request.dbsession, self.request.member, self.request.POST
        client = client_of(self.request)
        if "others" in posted:
            sign_ins.end_other_sessions(db, member.id, member.session_id, client)
            self.request.flash(_("Every other device is signed out"))
        else:
            number = row_number(str(posted.get("session", "")))
            if number is None or not sign_ins.end_session(db, member.id, number, client):
                raise HTTPNotFound
            self.request.flash(_("That device is signed out"))
        return HTTPSeeOther(url(self.request, "users.sessions"))
