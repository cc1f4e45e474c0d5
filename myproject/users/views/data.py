"""Taking one's data along."""

from typing import Any

import deform
from pyramid.httpexceptions import HTTPNotFound
from pyramid.response import FileIter, Response

from myproject.forms.schema import Schema
from myproject.forms.view import FormView
from myproject.i18n import _
from myproject.security.ratelimit import limiter_of
from myproject.storage import storage_of
from myproject.tasks import enqueue
from myproject.text import slugify
from myproject.users import tasks
from myproject.users.services import export
from myproject.users.views.client import client_of
from myproject.web.request import Request

# It is for keeping, never for showing here (OWASP ASVS 5.0: 3.2.1).
CONTENT_SECURITY_POLICY = "default-src 'none'; sandbox"


class Data(FormView):
    """What there is to fetch; posting asks for it, and a mail tells when it is ready."""

    schema = Schema
    title = _("Your data")
    template = "myproject:templates/users/data.html"
    buttons = (deform.Button("export", _("Put my data together")),)

    def values(self) -> dict[str, Any]:
        return {"export": export.find_export(self.request.dbsession, self.request.member.id)}

    def submit(self, data: dict[str, Any]) -> Response:
        request = self.request
        limiter_of(request.registry).hit("export_account", str(request.member.id))
        asked = export.ask_for_export(request.dbsession, request.member.id, client_of(request))
        enqueue(request.dbsession, tasks.make_export, export_id=asked.id)
        if request.member.verified:
            request.flash(_("We put your data together, and send you a mail when they are ready."))
        else:
            request.flash(_("We put your data together. They will be here in a minute."))
        return self.redirect("users.data")


def fetch(request: Request) -> Response:
    """The member's own export, as a file. Raises HTTPNotFound where there is none, or it is not ready."""
    found = export.find_export(request.dbsession, request.member.id)
    if found is None or not found.file:
        raise HTTPNotFound
    try:
        file = storage_of(request.registry).open(found.file)
    except FileNotFoundError:
        raise HTTPNotFound from None
    response = Response(content_type="application/zip", app_iter=FileIter(file))
    response.content_length = found.size
    name = slugify(request.site.site_title).encode("ascii", "ignore").decode().strip("-") or "community"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}-{found.created_at:%Y-%m-%d}.zip"'
    response.headers["Cache-Control"] = "no-store"
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    return response
