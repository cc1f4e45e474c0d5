"""Moving a comment to another post or to one of its own, and merging a post into another."""

from typing import Any

import deform
from pyramid.response import Response

from myproject.audit import actor_of
from myproject.comments import errors, schemas
from myproject.comments.services import moving, rows
from myproject.comments.views.removal import post_address
from myproject.forms.view import FormView
from myproject.i18n import _
from myproject.posts.services.rows import PostPage
from myproject.posts.services.writing import render
from myproject.web.request import Request
from myproject.web.templating import url


class MoveComment(FormView):
    """Moves a comment with its replies to another post."""

    schema = schemas.Target
    title = _("Move the comment")
    template = "myproject:templates/posts/ask.html"
    keeps = ("target", "reason")
    buttons = (deform.Button("move", _("Move")),)

    def values(self) -> dict[str, Any]:
        comment: rows.CommentRow = self.request.context
        title, address = post_address(self.request, comment.post_id)
        effect = _("Its replies go with it, and links to it lead to its new place.")
        more = (url(self.request, "comments.split", id=comment.id), _("Or make a post of its own from it"))
        values = {"subject": title, "address": address, "effects": [effect], "text": comment.body_html}
        return values | {"more": more}

    def submit(self, data: dict[str, Any]) -> Response:
        request = self.request
        comment = moving.move_comment(
            request.dbsession, actor_of(request), request.context.id, target(request, data), data["reason"]
        )
        request.flash(_("The comment is moved"))
        return self.redirect("comments.view", id=comment.id)


class SplitThread(FormView):
    """Makes a post of its own from a comment with its replies."""

    schema = schemas.NewThread
    title = _("Make a post of this thread")
    template = "myproject:templates/posts/ask.html"
    buttons = (deform.Button("split", _("Make the post")),)
    keeps = ("title", "body", "reason")

    def initial(self) -> dict[str, Any]:
        comment: rows.CommentRow = self.request.context
        _title, address = post_address(self.request, comment.post_id)
        # As it stands, for a title may hold what Markdown takes for its own.
        words = _("This began at ${address}", mapping={"address": self.request.site.site_url + address})
        return {"title": "", "body": self.request.translate(words), "reason": "", "post_id": comment.post_id}

    def values(self) -> dict[str, Any]:
        comment: rows.CommentRow = self.request.context
        title, address = post_address(self.request, comment.post_id)
        effect = _("The comment and its replies stand below your new post then, and links to them lead there.")
        return {"subject": title, "address": address, "effects": [effect], "text": comment.body_html}

    def submit(self, data: dict[str, Any]) -> Response:
        request = self.request
        # Rendering is slow: it comes before the transaction's first statement.
        text = render(data["title"], data["body"], (), request.look_up)
        post = moving.split_thread(
            request.dbsession, actor_of(request), request.context.id, data["post_id"], text, data["reason"]
        )
        request.flash(_("The thread is a post of its own"))
        return self.redirect("posts.view", id=post.id, slug=post.slug)


class MergePosts(FormView):
    """Merges a post into another."""

    schema = schemas.Target
    title = _("Merge the post")
    template = "myproject:templates/posts/ask.html"
    buttons = (deform.Button("merge", _("Merge"), css_class="button-danger"),)
    keeps = ("target", "reason")

    def values(self) -> dict[str, Any]:
        post: PostPage = self.request.context
        effects = [
            _("Its comments go to the other post, and its address leads there. Its own text is shown no more."),
            _("This can't be undone."),
        ]
        address = url(self.request, "posts.view", id=post.id, slug=post.slug)
        return {"subject": post.title, "address": address, "effects": effects, "text": ""}

    def submit(self, data: dict[str, Any]) -> Response:
        request = self.request
        other = moving.merge_posts(
            request.dbsession, actor_of(request), request.context.id, target(request, data), data["reason"]
        )
        request.flash(_("The posts are merged"))
        return self.redirect("posts.view", id=other.id, slug=other.slug)


def target(request: Request, data: dict[str, Any]) -> int:
    """The post that the form names. Raises NoSuchPost."""
    number = moving.post_named(data["target"], request.site.host)
    if number is None:
        raise errors.NoSuchPost
    return number
