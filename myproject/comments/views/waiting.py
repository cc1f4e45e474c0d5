"""What waits for approval: the queue of staff, and what authors see of it."""

from collections.abc import Callable
from typing import Any

import deform
from pyramid.httpexceptions import HTTPMovedPermanently
from pyramid.response import Response

from myproject import audit
from myproject.comments import schemas
from myproject.comments.services import approval, rows
from myproject.errors import InputError
from myproject.forms.view import FormView
from myproject.i18n import _
from myproject.posts.services import approval as post_approval
from myproject.posts.services.rows import PostPage
from myproject.web.request import Request
from myproject.web.templating import url


def go_to_queue(request: Request) -> Response:
    """What waits stands in the queue of staff, with all else that they have to look at."""
    return HTTPMovedPermanently(url(request, "moderation.queue"))


class AnswerWaiting(FormView):
    """One post or comment that waits: approves or removes it. Its author gets a mail with the reason."""

    schema = schemas.Answer
    title = _("Waiting for approval")
    template = "myproject:templates/comments/answer.html"
    buttons = (deform.Button("approve", _("Approve")), deform.Button("remove", _("Remove")))
    keeps = ("reason",)

    def values(self) -> dict[str, Any]:
        context: PostPage | rows.CommentRow = self.request.context
        return {"text": context, "heading": context.title if isinstance(context, PostPage) else None}

    def initial(self) -> dict[str, Any]:
        return {"shown": self.present_state()}

    def present_state(self) -> str:
        """The version of the text that the page shows."""
        return str(self.request.context.version)

    def submit(self, data: dict[str, Any]) -> Response:
        approve = "approve" in self.request.POST
        if not approve and "remove" not in self.request.POST:
            raise InputError(_("Press one of the buttons"))
        if not approve and not data["reason"]:
            raise InputError(_("Say why: its author gets to read it"), "reason")
        answer: Callable[..., Any] = (
            post_approval.answer if isinstance(self.request.context, PostPage) else approval.answer
        )
        actor = audit.actor_of(self.request)
        given = {"approve": approve, "reason": data["reason"], "seen": data["shown"]}
        answer(self.request.dbsession, actor, self.request.context.id, **given)
        self.request.flash(_("It is approved") if approve else _("It is removed"))
        return self.redirect("moderation.queue")
