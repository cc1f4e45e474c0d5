"""Who asked to join: the list, one request."""

from typing import Any

import deform
from pyramid.httpexceptions import HTTPConflict
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
from myproject.users import errors
from myproject.users.models import User
from myproject.users.services import approvals
from myproject.web.request import Request

# What is said to who decides about what is no longer so.
OVERTAKEN = {
    USER.Approval.WAITING: _("This page was not up to date: they wait again. Nothing of yours is done yet."),
    USER.Approval.GIVEN: _("Somebody has let them in since you opened this page. Nothing of yours was done."),
    USER.Approval.REFUSED: _(
        "Somebody has refused them since you opened this page, as you see below. Nothing of yours is done yet: "
        "press again if they are to be let in all the same."
    ),
}


def list_approvals(request: Request) -> dict[str, Any]:
    """Who waits to be let in, who came first at the top; or who was refused."""
    refused = request.GET.get("show") == "refused"
    approval = USER.Approval.REFUSED if refused else USER.Approval.WAITING
    after_id = number_of(request.GET.get("after"))
    rows = approvals.list_requests(request.dbsession, approval, after_id, ADMIN.PAGE_SIZE + 1)
    return {
        "page": cut_by_number(rows, ADMIN.PAGE_SIZE),
        "refused": refused,
        "shown": approval.name,
        "message_max": audit.REASON_MAX_LENGTH,
    }


class DecideApproval(FormView):
    """One request to join: lets the person in or refuses them, each with an optional message."""

    schema = schemas.Decision
    title = _("Request to join")
    template = "myproject:templates/admin/approval.html"

    def __init__(self, request: Request) -> None:
        approval = request.context.approval
        approve = [] if approval is USER.Approval.GIVEN else [deform.Button("approve", _("Let in"))]
        refuse = [deform.Button("refuse", _("Refuse"))] if approval is USER.Approval.WAITING else []
        self.buttons = (*approve, *refuse)
        super().__init__(request)

    def initial(self) -> dict[str, Any]:
        return {"message": "", "shown_approval": self.request.context.approval.name}

    def values(self) -> dict[str, Any]:
        user: User = self.request.context
        with reading(self.request) as db:
            return {
                "user": user,
                "may_decide": user.approval is not USER.Approval.GIVEN,
                "approval_titles": schemas.APPROVAL_TITLES,
            } | changes(db, user)

    def submit(self, data: dict[str, Any]) -> Response:
        db, actor, user = self.request.dbsession, audit.actor_of(self.request), self.request.context
        pressed = next((name for name in ("refuse", "approve") if name in self.request.POST), None)
        if pressed is None:
            raise InputError(_("Press one of the buttons"))
        decide, done = {
            "refuse": (approvals.refuse, _("${name} is refused", mapping={"name": user.name})),
            "approve": (approvals.approve, _("${name} is let in", mapping={"name": user.name})),
        }[pressed]
        seen = USER.Approval.__members__.get(data["shown_approval"], USER.Approval.GIVEN)
        try:
            decide(db, actor, user.id, data["message"], seen)
        except errors.AlreadyDecided as error:
            return self.overtaken(error.approval)
        self.request.flash(done)
        return self.redirect("admin.approvals")

    def overtaken(self, approval: USER.Approval) -> Response:
        """The page as it is now, with what was typed, for who saw another one: somebody else has decided."""
        self.refuse(OVERTAKEN[approval])
        # Who sends it again has seen what is there.
        self.child("shown_approval").cstruct = approval.name
        return self.page(HTTPConflict.code)
