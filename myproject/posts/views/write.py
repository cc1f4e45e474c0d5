"""Writing and editing posts."""

from typing import Any

import deform
from pyramid.response import Response

from myproject.db import reading
from myproject.forms.view import FormView
from myproject.i18n import _
from myproject.posts import errors, schemas
from myproject.posts.models import Post
from myproject.posts.services import rows, writing
from myproject.security.permissions import may_publish
from myproject.security.ratelimit import client_key, limiter_of
from myproject.web.request import Request

PUBLISH = deform.Button("publish", _("Publish"))
PREVIEW = deform.Button("preview", _("Preview"), css_class="secondary")
SAVE_DRAFT = deform.Button("save_draft", _("Save as draft"), css_class="secondary")
SAVE = deform.Button("save", _("Save"))


class WritePost(FormView):
    """A new post: published, previewed, or kept as a draft."""

    schema = schemas.PostText
    title = _("New post")
    template = "myproject:templates/posts/write.html"
    buttons: tuple[deform.Button, ...] = (PUBLISH, PREVIEW, SAVE_DRAFT)
    preview: writing.Text | None = None

    def submit(self, data: dict[str, Any]) -> Response:
        # Rendering is slow: it comes before the transaction's first statement.
        text = writing.render(data["title"], data["body"], schemas.tag_list(data["tags"]))
        posted = self.request.POST
        if "preview" in posted:
            self.limit("preview_account")
            self.preview = text
            return self.page()
        publish = self.is_published() or "save_draft" not in posted
        if publish and not self.is_published():
            limiter_of(self.request.registry).hit("write_address", client_key(self.request.client_addr))
            self.limit("post_account")
        else:
            self.limit("preview_account")
        if publish and not may_publish(self.request.identity, self.request.site.users_require_verified_email):
            raise errors.NotVerified
        return self.save(text, data, publish)

    def is_published(self) -> bool:
        return False

    def limit(self, name: str) -> None:
        limiter_of(self.request.registry).hit(name, str(self.request.member.id))

    def save(self, text: writing.Text, data: dict[str, Any], publish: bool) -> Response:
        post = writing.create_post(self.request.dbsession, self.request.member.id, text, publish=publish)
        return self.leave(post, publish)

    def leave(self, post: Post, published: bool) -> Response:
        if published:
            self.request.flash(_("Your post is published"))
            return self.redirect("posts.view", id=post.id, slug=post.slug)
        self.request.flash(_("Your draft is saved"))
        return self.redirect("posts.edit", id=post.id)

    def values(self) -> dict[str, Any]:
        return {
            "preview": self.preview,
            "may_publish": may_publish(self.request.identity, self.request.site.users_require_verified_email),
        }


class EditPost(WritePost):
    """A draft or a published post, changed by its author or by staff."""

    schema = schemas.EditedPostText
    title = _("Edit post")

    def __init__(self, request: Request) -> None:
        context: rows.PostPage = request.context
        self.buttons = (PUBLISH, PREVIEW, SAVE_DRAFT) if context.is_draft else (SAVE, PREVIEW)
        super().__init__(request)

    def is_published(self) -> bool:
        return not self.request.context.is_draft

    def initial(self) -> dict[str, Any]:
        with reading(self.request) as db:
            post = db.get_one(Post, self.request.context.id)
            return {
                "title": post.title,
                "body": post.body,
                "tags": ", ".join(tag.name for tag in post.tags),
                "version": post.version,
            }

    def save(self, text: writing.Text, data: dict[str, Any], publish: bool) -> Response:
        post = writing.edit_post(
            self.request.dbsession, self.request.context.id, data["version"], text, publish=publish
        )
        if not self.is_published():
            return self.leave(post, publish)
        self.request.flash(_("Your changes are saved"))
        return self.redirect("posts.view", id=post.id, slug=post.slug)
