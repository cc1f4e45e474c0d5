"""What staff set about a post: locked, pinned."""

from typing import Any

import colander
import deform
from pyramid.httpexceptions import HTTPSeeOther
from pyramid.response import Response

from myproject.audit import actor_of
from myproject.forms.view import FormView
from myproject.i18n import _
from myproject.posts import errors, schemas
from myproject.posts.services import curation, rows
from myproject.web.request import Request
from myproject.web.templating import url

LOCK = deform.Button("lock", _("Lock"))
UNLOCK = deform.Button("unlock", _("Unlock"))


class LockPost(FormView):
    """Closes the comments of a post, with a reason, or opens them again."""

    schema = schemas.Reason
    title = _("Lock the post")
    template = "myproject:templates/posts/ask.html"
    keeps = ("reason",)

    def __init__(self, request: Request) -> None:
        # What was pressed, whatever somebody else has done meanwhile.
        pressed_lock, pressed_unlock = (name in request.POST for name in ("lock", "unlock"))
        self.locked = pressed_unlock or (request.context.locked_at is not None and not pressed_lock)
        self.buttons = (UNLOCK,) if self.locked else (LOCK,)
        super().__init__(request)

    def make_schema(self) -> colander.SchemaNode:
        return schemas.NoFields() if self.locked else schemas.Reason()

    def values(self) -> dict[str, Any]:
        post: rows.PostPage = self.request.context
        effect = (
            _("Members can comment on it again.")
            if self.locked
            else _("Nobody but staff can comment on it then; what was written stays. Your reason stands below it.")
        )
        title = _("Unlock the post") if self.locked else self.title
        address = url(self.request, "posts.view", id=post.id, slug=post.slug)
        return {"title": title, "subject": post.title, "address": address, "effects": [effect], "text": ""}

    def submit(self, data: dict[str, Any]) -> Response:
        request = self.request
        if self.locked:
            post = curation.unlock_post(request.dbsession, actor_of(request), request.context.id)
            request.flash(_("The post is open for comments"))
        else:
            post = curation.lock_post(request.dbsession, actor_of(request), request.context.id, data["reason"])
            request.flash(_("The post is locked"))
        return self.redirect("posts.view", id=post.id, slug=post.slug)


def pin_post(context: rows.PostPage, request: Request) -> Response:
    """Pins a post to the top of the front page, or takes it off where `off` is sent."""
    db, actor = request.dbsession, actor_of(request)
    if "off" in request.POST:
        curation.unpin_post(db, actor, context.id)
        request.flash(_("The post is no longer on top of the front page"))
    else:
        try:
            curation.pin_post(db, actor, context.id)
        except errors.TooManyPinned as error:
            request.flash(error.message, "warning")
        else:
            request.flash(_("The post stands on top of the front page"))
    return HTTPSeeOther(url(request, "posts.view", id=context.id, slug=context.slug))
