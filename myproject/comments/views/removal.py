"""Removing a comment, and putting it back."""

from typing import Any

import colander
import deform
from pyramid.httpexceptions import HTTPSeeOther
from pyramid.response import Response

from myproject.audit import actor_of
from myproject.comments import errors
from myproject.comments.services import removal, rows
from myproject.forms.view import FormView
from myproject.i18n import _
from myproject.posts import schemas
from myproject.posts.services.pages import find_post
from myproject.transactions import reading
from myproject.web.gone import Removed
from myproject.web.request import Request
from myproject.web.templating import url


def post_address(request: Request, post_id: int) -> tuple[str, str]:
    """Title and address of a comment's post, which the reader may see."""
    with reading(request) as db:
        post = find_post(db, post_id, request.identity)
    return (post.title, url(request, "posts.view", id=post.id, slug=post.slug)) if post else ("", "")


class RemoveComment(FormView):
    """Asks whether a comment is to be removed; staff say why, where it is not their own."""

    schema = schemas.Reason
    title = _("Remove the comment")
    template = "myproject:templates/posts/ask.html"
    buttons = (deform.Button("remove", _("Remove"), css_class="button-danger"),)
    keeps = ("reason",)

    @property
    def is_own(self) -> bool:
        own: bool = self.request.context.author_id == self.request.member.id
        return own

    def make_schema(self) -> colander.SchemaNode:
        return schemas.NoFields() if self.is_own else schemas.Reason()

    def effects(self) -> list[str]:
        said = [_("It disappears. Where there are replies, its place says who removed it.")]
        if not self.is_own:
            said.append(_("Your reason stands in its place for everybody to read, and in the audit."))
        elif self.request.context.published or self.request.context.hidden:
            days = self.request.site.retention_restore_days
            said.append(_("You can restore it for ${days} days. After that it is gone.", mapping={"days": days}))
        else:
            said.append(_("It waits for approval, so nobody has answered it: it is gone at once."))
        return said

    def values(self) -> dict[str, Any]:
        comment: rows.CommentRow = self.request.context
        title, address = post_address(self.request, comment.post_id)
        return {"subject": title, "address": address, "effects": self.effects(), "text": comment.body_html}

    def submit(self, data: dict[str, Any]) -> Response:
        request, comment = self.request, self.request.context
        _title, address = post_address(request, comment.post_id)
        try:
            left = removal.remove_comment(request.dbsession, actor_of(request), comment.id, data.get("reason", ""))
        except errors.NoLongerThere:
            # Pressed twice, it is what they asked for.
            if not self.is_own:
                raise
            left = None
        request.flash(_("The comment is removed"))
        if left is None:
            return Response(status=303, location=address)
        # There it can be undone.
        return self.redirect("comments.restore", id=comment.id)


class RestoreComment(FormView):
    """A removed comment, for who may put it back."""

    schema = schemas.NoFields
    title = _("A removed comment")
    template = "myproject:templates/posts/ask.html"
    buttons = (deform.Button("restore", _("Restore")),)

    def __init__(self, request: Request) -> None:
        stone = request.context
        if not isinstance(stone, removal.Tombstone):
            # It is back already.
            raise HTTPSeeOther(url(request, "comments.view", id=stone.id))
        if not stone.may_restore(request.identity, request.site.retention_restore_days):
            raise Removed("comment", by_author=stone.removed_by_author, reason=stone.removal_reason)
        super().__init__(request)

    def values(self) -> dict[str, Any]:
        stone: removal.Tombstone = self.request.context
        if stone.removed_by_author:
            who = _("It was removed by its author.")
        else:
            who = _("It was removed by the site's staff: ${reason}", mapping={"reason": stone.removal_reason})
        return {
            "subject": stone.post_title,
            "address": url(self.request, "posts.view", id=stone.post_id, slug=stone.post_slug),
            "effects": [who, _("Nobody else can read it. You can put it back as it was.")],
            "text": stone.body_html,
        }

    def submit(self, data: dict[str, Any]) -> Response:
        request, stone = self.request, self.request.context
        comment = removal.restore_comment(
            request.dbsession, actor_of(request), stone.id, removed_at=stone.removed_at
        )
        request.flash(_("The comment is back"))
        return self.redirect("comments.view", id=comment.id)
