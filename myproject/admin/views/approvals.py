"""Who asked to join: the list, one request."""

from typing import Any

import deform
from pyramid.response import Response

from myproject import audit
from myproject.admin import constants as ADMIN
from myproject.admin import schemas
from myproject.admin.views.shared import changes, number_of
from myproject.errors import InputError
from myproject.forms.view import FormView
from myproject.i18n import _
from myproject.pagination import cut_by_number
from myproject.transactions import reading
from myproject.users import constants as USER
from myproject.users.models import User
from myproject.users.services import approvals
from myproject.web.request import Request


def list_approvals(request: Request) -> dict[str, Any]:
    """Who waits to be let in, who came first at the top; or who was refused."""
    refused = request.GET.get("show") == "refused"
    approval = USER.Approval.REFUSED if refused else USER.Approval.WAITING
    after_id = number_of(request.GET.get("after"))
    rows = approvals.list_requests(request.dbsession, approval, after_id, ADMIN.PAGE_SIZE + 1)
    return {
        "page": cut_by_number(rows, ADMIN.PAGE_SIZE),
        "refused": refused,
        "message_max": audit.REASON_MAX_LENGTH,
    }


class DecideApproval(FormView):
    """One request to join: lets the person in or refuses them, each with an optional message."""

    schema = schemas.Decision
    title = _("Request to join")
    template = "myproject:templates/admin/approval.html"

    def __init__(self, request: Request) -> None:
        waits = request.context.approval is USER.Approval.WAITING
        refuse = [deform.Button("refuse", _("Refuse"))] if waits else []
        self.buttons = (deform.Button("approve", _("Let in")), *refuse)
        super().__init__(request)

    def values(self) -> dict[str, Any]:
        user: User = self.request.context
        with reading(self.request) as db:
            return {
                "user": user,
                "may_decide": user.approval is not USER.Approval.GIVEN,
                "approval_titles": schemas.APPROVAL_TITLES,
            } | changes(db, user)

    def submit(self, data: dict[str, Any]) -> Response:
        db, actor, user_id = self.request.dbsession, audit.actor_of(self.request), self.request.context.id
        name = self.request.context.name
        if "refuse" in self.request.POST:
            approvals.refuse(db, actor, user_id, data["message"])
            self.request.flash(_("${name} is refused", mapping={"name": name}))
        elif "approve" in self.request.POST:
            approvals.approve(db, actor, user_id, data["message"])
            self.request.flash(_("${name} is let in", mapping={"name": name}))
        else:
            raise InputError(_("Press one of the buttons"))
        return self.redirect("admin.approvals")
