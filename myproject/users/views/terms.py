"""The terms, to members who have not accepted the present version."""

from typing import Any

import deform
from pyramid.httpexceptions import HTTPSeeOther
from pyramid.response import Response

from myproject.forms.view import FormView
from myproject.i18n import _
from myproject.security.redirects import local_path
from myproject.security.terms import terms_due
from myproject.users import schemas
from myproject.users.services.terms import accept_terms
from myproject.users.views.client import client_of
from myproject.web.templating import url


class AcceptTerms(FormView):
    """Shows the terms, takes the acceptance, and goes where the member wanted to be."""

    schema = schemas.Terms
    title = _("New terms")
    template = "myproject:templates/users/terms.html"
    buttons = (deform.Button("accept", _("Go on")),)

    def get(self) -> Response:
        if not terms_due(self.request.member.terms_version, self.request.site.site_terms_version):
            return HTTPSeeOther(self.target())
        return super().get()

    def target(self) -> str:
        return local_path(self.request.GET.get("next"), url(self.request, "users.home"))

    def values(self) -> dict[str, Any]:
        # Who was made at the command line has accepted none so far.
        return {"accepted_before": bool(self.request.member.terms_version)}

    def submit(self, data: dict[str, Any]) -> Response:
        request = self.request
        accept_terms(request.dbsession, request.member.id, request.site.site_terms_version, client_of(request))
        return HTTPSeeOther(self.target())
