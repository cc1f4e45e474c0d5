"""The history of a comment: what it said before each change, and the way back to it for staff."""

from typing import Any

import deform
from pyramid.httpexceptions import HTTPNotFound
from pyramid.renderers import render_to_response
from pyramid.response import Response

from myproject.audit import actor_of
from myproject.comments.models import Comment
from myproject.comments.services import replies, revisions, rows, writing
from myproject.comments.views.removal import post_address
from myproject.diff import diff, shortened
from myproject.forms.view import FormView
from myproject.i18n import _
from myproject.posts import schemas
from myproject.posts.services.revisions import reads_withheld
from myproject.text import render_markdown
from myproject.transactions import reading
from myproject.web.asked import asked_number
from myproject.web.request import Request


class CommentHistory(FormView):
    """How a comment was changed, one change at a time: that of `?version=`, which was the text until then, or the
    latest; or all that was changed since the reply `?since=`, which answers it, was written. Staff post `revision`
    to make that older text the present one.
    """

    schema = schemas.RestoredVersion
    title = _("History of the comment")
    template = "myproject:templates/posts/history.html"
    buttons = (deform.Button("restore", _("Make the older text the present one"), css_class="secondary"),)

    def __init__(self, request: Request) -> None:
        comment: rows.CommentRow = request.context
        version, self.since = asked_number(request, "version"), asked_number(request, "since")
        withheld = reads_withheld(request.identity, comment.author_id)
        if comment.removed or (comment.hidden and not withheld):
            raise HTTPNotFound
        with reading(request) as db:
            self.changes = revisions.list_changes(db, comment.id, withheld=withheld)
            if self.since is not None:
                moment = replies.answered_at(db, self.since, comment.post_id, comment.id)
                self.shown = revisions.version_at(db, comment.id, moment, withheld=withheld) if moment else None
            else:
                found = (change.version for change in self.changes if version in (None, change.version))
                self.shown = next(found, None)
            if self.shown is None and (version, self.since) != (None, None):
                raise HTTPNotFound
            present = db.get_one(Comment, comment.id)
            self.present = present.version
            self.parts = []
            if self.shown is not None:
                old = revisions.body_at(db, comment.id, self.shown) or ""
                new = revisions.body_after(db, comment.id, self.shown) if self.since is None else present.body
                self.parts = [(_("Text"), list(shortened(diff(old, new))))] if old != new else []
        super().__init__(request)

    def initial(self) -> dict[str, Any]:
        return {"revision": self.shown, "version": self.present} if self.shown is not None else {}

    def may_restore(self) -> bool:
        identity = self.request.identity
        return identity is not None and identity.is_staff

    def get(self) -> Response:
        if self.may_restore():
            return super().get()
        # Without a form, whose token is somebody's own, it is one page for all guests.
        values = {"title": self.title} | self.values()
        return render_to_response(self.template, values, request=self.request)

    def values(self) -> dict[str, Any]:
        title, _address = post_address(self.request, self.request.context.post_id)
        return {
            "heading": title,
            "address": f"/comments/{self.request.context.id}/",
            "changes": self.changes,
            "shown": self.shown,
            "since": self.since is not None,
            "parts": self.parts,
            "may_restore": self.may_restore(),
        }

    def submit(self, data: dict[str, Any]) -> Response:
        request, comment_id = self.request, self.request.context.id
        with reading(request) as db:
            body = revisions.body_at(db, comment_id, data["revision"])
        if body is None:
            raise HTTPNotFound
        # Rendering is slow: it comes before the transaction's first statement.
        body_html = render_markdown(body, request.look_up)
        reason = request.translate(_("An older text was restored"))
        db, editor = request.dbsession, actor_of(request)
        comment = writing.edit_comment(
            db, comment_id, data["version"], body, body_html, editor=editor, reason=reason
        )
        request.flash(_("The older text is the present one again"))
        return self.redirect("comments.view", id=comment.id)
