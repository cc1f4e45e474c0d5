"""The history of a post: what it said before each change, and the way back to it for staff."""

from typing import Any

import deform
from pyramid.httpexceptions import HTTPNotFound
from pyramid.renderers import render_to_response
from pyramid.response import Response

from myproject.audit import actor_of
from myproject.comments.services import replies
from myproject.diff import diff, shortened
from myproject.forms.view import FormView
from myproject.i18n import _
from myproject.posts import schemas
from myproject.posts.models import Post
from myproject.posts.services import revisions, writing
from myproject.transactions import reading
from myproject.web.asked import asked_number
from myproject.web.request import Request
from myproject.web.templating import url


class PostHistory(FormView):
    """How a post was changed, one change at a time: that of `?version=`, which was the text until then, or the
    latest; or all that was changed since the comment `?since=`, which answers it, was written. Staff post
    `revision` to make that older text the present one.
    """

    schema = schemas.RestoredVersion
    title = _("History of the post")
    template = "myproject:templates/posts/history.html"
    buttons = (deform.Button("restore", _("Make the older text the present one"), css_class="secondary"),)

    def __init__(self, request: Request) -> None:
        post_id = request.context.id
        version, self.since = asked_number(request, "version"), asked_number(request, "since")
        withheld = revisions.reads_withheld(request.identity, request.context.author_id)
        with reading(request) as db:
            self.changes = revisions.list_changes(db, post_id, withheld=withheld)
            if self.since is not None:
                moment = replies.answered_at(db, self.since, post_id, None)
                self.shown = revisions.version_at(db, post_id, moment, withheld=withheld) if moment else None
            else:
                found = (change.version for change in self.changes if version in (None, change.version))
                self.shown = next(found, None)
            if self.shown is None and (version, self.since) != (None, None):
                raise HTTPNotFound
            present = db.get_one(Post, post_id)
            self.present = present.version
            self.parts = []
            if self.shown is not None:
                old = revisions.words_at(db, post_id, self.shown)
                after = revisions.words_after(db, post_id, self.shown)
                new = after if self.since is None else revisions.present_words(present)
                self.parts = compared(old, new) if old else []
        super().__init__(request)

    def initial(self) -> dict[str, Any]:
        return {"revision": self.shown, "version": self.present} if self.shown is not None else {}

    def may_restore(self) -> bool:
        identity = self.request.identity
        return identity is not None and identity.is_staff and not self.request.context.is_removed

    def get(self) -> Response:
        if self.may_restore():
            return super().get()
        # Without a form, whose token is somebody's own, it is one page for all guests.
        values = {"title": self.title} | self.values()
        return render_to_response(self.template, values, request=self.request)

    def values(self) -> dict[str, Any]:
        post = self.request.context
        return {
            "heading": post.title,
            "address": url(self.request, "posts.view", id=post.id, slug=post.slug),
            "changes": self.changes,
            "shown": self.shown,
            "since": self.since is not None,
            "parts": self.parts,
            "may_restore": self.may_restore(),
        }

    def submit(self, data: dict[str, Any]) -> Response:
        request, post_id = self.request, self.request.context.id
        with reading(request) as db:
            words = revisions.words_at(db, post_id, data["revision"])
        if words is None:
            raise HTTPNotFound
        # Rendering is slow: it comes before the transaction's first statement.
        text = writing.render(words.title, words.body, words.tags, request.look_up, link_url=words.link_url)
        reason = request.translate(_("An older text was restored"))
        post = writing.edit_post(
            request.dbsession, post_id, data["version"], text, editor=actor_of(request), reason=reason
        )
        request.flash(_("The older text is the present one again"))
        return self.redirect("posts.view", id=post.id, slug=post.slug)


def compared(old: revisions.Words, new: revisions.Words) -> list[tuple[Any, list[Any]]]:
    """What changed in each part of a post: its name, and the pieces of the difference."""
    parts = (
        (_("Title"), old.title, new.title),
        (_("Link"), old.link_url, new.link_url),
        (_("Tags"), ", ".join(old.tags), ", ".join(new.tags)),
        (_("Text"), old.body, new.body),
    )
    return [(name, list(shortened(diff(before, after)))) for name, before, after in parts if before != after]
