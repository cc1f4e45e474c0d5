"""Removing a post, and putting it back."""

from typing import Any

import colander
import deform
from pyramid.httpexceptions import HTTPSeeOther
from pyramid.response import Response

from myproject.audit import actor_of
from myproject.errors import Overtaken
from myproject.forms.view import FormView
from myproject.i18n import _
from myproject.posts import constants as POST
from myproject.posts import errors, schemas
from myproject.posts.services import removal, rows
from myproject.web.request import Request
from myproject.web.templating import url


class RemovePost(FormView):
    """Asks whether a post is to be removed; staff say why, where it is not their own."""

    schema = schemas.Reason
    title = _("Remove the post")
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
        """What removing does, in words."""
        post: rows.PostPage = self.request.context
        days = self.request.site.retention_restore_days
        said = []
        if post.is_published and post.comment_count:
            said.append(
                _("It disappears from every list, with all its comments. Its address says that it was removed.")
            )
        elif post.is_published:
            said.append(_("It disappears from every list. Its address says that it was removed."))
        if self.is_own and post.is_hidden:
            said.append(_("Restored, it would be hidden until staff have looked at it, as it is now."))
        if self.is_own:
            said.append(_("You can restore it for ${days} days. After that it is gone.", mapping={"days": days}))
        else:
            said.append(_("Your reason stands at its address for everybody to read, and in the audit."))
        return said

    def values(self) -> dict[str, Any]:
        post: rows.PostPage = self.request.context
        address = url(self.request, "posts.view", id=post.id, slug=post.slug)
        return {"subject": post.title, "address": address, "effects": self.effects(), "text": ""}

    def submit(self, data: dict[str, Any]) -> Response:
        request = self.request
        post = removal.remove_post(
            request.dbsession, actor_of(request), request.context.id, data.get("reason", "")
        )
        request.flash(_("The post is removed"))
        return self.redirect("posts.view", id=post.id, slug=post.slug)


def restore_post(context: removal.Tombstone | rows.PostPage, request: Request) -> Response:
    """Puts a removed post back; leads to one that is back already."""
    if isinstance(context, removal.Tombstone):
        if not context.may_restore(request.identity, request.site.retention_restore_days):
            request.flash(_("Only the site's staff can restore this now"), "warning")
            return HTTPSeeOther(url(request, "posts.view", id=context.id, slug=context.slug))
        try:
            post = removal.restore_post(
                request.dbsession, actor_of(request), context.id, removed_at=context.removed_at
            )
        except (errors.NotRestorable, Overtaken) as error:
            request.flash(error.message, "warning")
        else:
            request.flash(_("The post is back"))
            if post.status == POST.Status.DRAFT:
                return HTTPSeeOther(url(request, "posts.edit", id=post.id))
    return HTTPSeeOther(url(request, "posts.view", id=context.id, slug=context.slug))
