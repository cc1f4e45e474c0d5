"""The screens of posts: lists, one post, writing and editing."""

import re
from typing import Any

import deform
from markupsafe import Markup, escape
from pyramid.httpexceptions import HTTPMovedPermanently, HTTPNotFound
from pyramid.response import Response

from myproject.comments.services import list_comments
from myproject.db import reading
from myproject.forms.view import FormView
from myproject.i18n import _
from myproject.pagination import BadCursor, row_number
from myproject.posts import constants as POST
from myproject.posts import errors, schemas, services
from myproject.posts.models import Post
from myproject.security.permissions import may_publish
from myproject.security.ratelimit import client_key, limiter_of
from myproject.web.fragments import cached_fragment
from myproject.web.request import Request
from myproject.web.templating import url

EDIT_MARK = re.compile(r"<!--edit (post|[0-9]+) ([0-9]+)-->")

PUBLISH = deform.Button("publish", _("Publish"))
PREVIEW = deform.Button("preview", _("Preview"), css_class="secondary")
SAVE_DRAFT = deform.Button("save_draft", _("Save as draft"), css_class="secondary")
SAVE = deform.Button("save", _("Save"))


def list_posts(request: Request) -> dict[str, Any]:
    """The front page: posts by newest or by latest activity. `?after=` goes on where the page before ended."""
    try:
        sort = POST.Sort(request.GET.get("sort", POST.Sort.NEW))
    except ValueError:
        raise HTTPNotFound from None
    after = request.GET.get("after")
    first = after is None

    def values() -> dict[str, Any]:
        try:
            page = services.list_posts(request.dbsession, sort, after)
        except BadCursor:
            raise HTTPNotFound from None
        return {"page": page, "sort": sort, "first": first}

    template = "myproject:templates/posts/rows.html"
    rows = cached_fragment(request, f"posts:{sort}:{after or ''}", ("site", "posts"), template, values)
    return {"rows": rows, "sort": sort, "first": first}


def list_drafts(request: Request) -> dict[str, Any]:
    return {"drafts": services.list_drafts(request.dbsession, request.member.id)}


def show_post(context: services.PostPage, request: Request) -> dict[str, Any] | Response:
    """A post and its comments. `?from=` starts at that comment; a wrong slug leads to the right one."""
    if request.matchdict["slug"] != context.slug:
        return redirect_to_post(context, request)
    start = request.GET.get("from", "")
    start_id = row_number(start)
    if start and start_id is None:
        raise HTTPNotFound

    def values() -> dict[str, Any]:
        thread = list_comments(request.dbsession, context.id, start_id)
        return {"post": context, "thread": thread, "address": address}

    address = url(request, "posts.view", id=context.id, slug=context.slug)
    shared = cached_fragment(
        request,
        f"post:{context.id}:{start}",
        ("site", f"post:{context.id}"),
        "myproject:templates/posts/shared.html",
        values,
        keep=not context.is_draft,
    )
    return {
        "post": context,
        "address": address,
        "shared": add_edit_links(request, context, shared),
        "may_comment": may_publish(request.identity, request.site.users_require_verified_email),
    }


def add_edit_links(request: Request, post: services.PostPage, shared: Markup) -> Markup:
    """A post and comments for this reader: with a link where they may edit one, in the place that the template has
    marked.
    """
    identity = request.identity
    everything = identity is not None and identity.is_staff
    own = str(identity.id) if identity is not None else ""
    # As plain text, for Markup would escape every piece. Members' own text can't hold a mark: comments of HTML
    # don't pass the sanitiser.
    text = str(shared)
    if not everything and f" {own}-->" not in text:
        return Markup(EDIT_MARK.sub("", text))  # noqa: S704
    words = escape(request.translate(_("Edit")))

    def fill(mark: re.Match[str]) -> str:
        what, author_id = mark.groups()
        if not everything and author_id != own:
            return ""
        if what == "post":
            return f'<p class="post-tools"><a href="/posts/{post.id}/edit/">{words}</a></p>'
        return f'<a href="/comments/{what}/edit/">{words}</a>'

    return Markup(EDIT_MARK.sub(fill, text))  # noqa: S704


def redirect_to_post(context: services.PostPage, request: Request) -> Response:
    """`/posts/ID/` and wrong slugs lead to the post's canonical address."""
    return HTTPMovedPermanently(url(request, "posts.view", id=context.id, slug=context.slug))


class WritePost(FormView):
    """A new post: published, previewed, or kept as a draft."""

    schema = schemas.PostText
    title = _("New post")
    template = "myproject:templates/posts/write.html"
    buttons: tuple[deform.Button, ...] = (PUBLISH, PREVIEW, SAVE_DRAFT)
    preview: services.Text | None = None

    def submit(self, data: dict[str, Any]) -> Response:
        # Rendering is slow: it comes before the transaction's first statement.
        text = services.render(data["title"], data["body"], schemas.tag_list(data["tags"]))
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

    def save(self, text: services.Text, data: dict[str, Any], publish: bool) -> Response:
        post = services.create_post(self.request.dbsession, self.request.member.id, text, publish=publish)
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
        context: services.PostPage = request.context
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

    def save(self, text: services.Text, data: dict[str, Any], publish: bool) -> Response:
        post = services.edit_post(
            self.request.dbsession, self.request.context.id, data["version"], text, publish=publish
        )
        if not self.is_published():
            return self.leave(post, publish)
        self.request.flash(_("Your changes are saved"))
        return self.redirect("posts.view", id=post.id, slug=post.slug)
