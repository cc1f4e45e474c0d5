"""Writing and editing posts."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, ClassVar

import colander
import deform
from pyramid.response import Response
from sqlalchemy.orm import Session

from myproject.audit import actor_of
from myproject.db import utc_now
from myproject.errors import EditedMeanwhile, InputError
from myproject.forms import once
from myproject.forms.keeping import plain
from myproject.forms.pictures import ADD_IMAGE, TakesPictures
from myproject.i18n import _
from myproject.posts import constants as POST
from myproject.posts import errors, schemas
from myproject.posts.models import Post
from myproject.posts.services import rows, tags, writing
from myproject.posts.services.links import with_link
from myproject.posts.services.newcomers import brake_edit, brake_post
from myproject.search.services import similar
from myproject.security.permissions import may_publish
from myproject.security.ratelimit import client_key, limiter_of
from myproject.settings_writing import TagMakers
from myproject.switches import is_read_only, refuse_while_read_only
from myproject.transactions import reading
from myproject.web.request import Request
from myproject.web.templating import url

PUBLISH = deform.Button("publish", _("Publish"))
PREVIEW = deform.Button("preview", _("Preview"), css_class="secondary")
SAVE_DRAFT = deform.Button("save_draft", _("Save as draft"), css_class="secondary")
SAVE = deform.Button("save", _("Save"))


class WritePost(TakesPictures):
    """A new post: published, previewed, or kept as a draft."""

    schema = schemas.PostText
    title = _("New post")
    template = "myproject:templates/posts/write.html"
    buttons: tuple[deform.Button, ...] = (PUBLISH, PREVIEW, SAVE_DRAFT, ADD_IMAGE)
    keeps: ClassVar[tuple[str, ...]] = ("title", "body", "link_url", "tags")
    preview: writing.Text | None = None
    hints: Sequence[similar.Hint] = ()
    # Whether the post was there already, just so.
    sent_again = False
    # Minutes that have to lie between it and the member's last one.
    pause = 0

    def submit(self, data: dict[str, Any]) -> Response:
        # Rendering is slow: it comes before the transaction's first statement.
        text = self.text_of(data)
        posted = self.request.POST
        if "preview" in posted:
            self.limit("preview_account")
            self.preview = text
            self.hints = self.find_hints(text)
            return self.page()
        publish = self.is_published() or "save_draft" not in posted
        if publish and not may_publish(self.request.identity, self.request.site.users_require_verified_email):
            raise errors.NotVerified
        if publish:
            refuse_while_read_only(self.request)
        if not self.sent_before(said_in(text.title, text.body, text.tags, text.link_url)):
            # Shown once: whoever publishes again has seen them, or left them unread.
            if publish and not self.is_published() and "hinted" not in posted:
                self.hints = self.find_hints(text)
                if self.hints:
                    self.limit("preview_account")
                    return self.page()
            self.limit_saving(publish, text.whole_html)
        post = self.save(text, data, publish)
        self.tell_without_alt(text.body_html)
        return self.leave(post)

    def text_of(self, data: dict[str, Any]) -> writing.Text:
        names = schemas.tag_list(data["tags"])
        self.check_tags(names)
        link_url = data["link_url"]
        return writing.render(data["title"], data["body"], names, self.request.look_up, link_url=link_url)

    def check_tags(self, names: tuple[str, ...]) -> None:
        """Raises UnknownTag where only staff make new tags (`posts.new_tags`), and this is a member's."""
        if self.request.site.posts_new_tags is TagMakers.EVERYBODY or self.request.member.is_staff:
            return
        with reading(self.request) as db:
            unknown = tags.find_unknown(db, names)
        if unknown is not None:
            raise errors.UnknownTag(unknown)

    def find_hints(self, text: writing.Text) -> list[similar.Hint]:
        """What was discussed already, while a post is not yet in the open."""
        if self.is_published():
            return []
        with reading(self.request) as db:
            return similar.find_hints(db, text.title, text.whole_html, self.request.member.id)

    def is_published(self) -> bool:
        """Whether others read the post already, or staff."""
        return False

    def limit(self, name: str) -> None:
        limiter_of(self.request.registry).hit(name, str(self.request.member.id))

    def limit_saving(self, publish: bool, whole_html: str) -> None:
        if publish and not self.is_published():
            with reading(self.request) as db:
                self.pause = brake_post(db, self.request.registry, self.request.member, whole_html)
            limiter_of(self.request.registry).hit("write_address", client_key(self.request.client_addr))
            self.limit("post_account")
        else:
            self.limit("preview_account")

    def save(self, text: writing.Text, data: dict[str, Any], publish: bool) -> Post:
        """Makes the post, once, however often the form is sent: what comes again goes on with the draft that this
        form has made, or leads to what it has published.
        """
        db, member_id = self.request.dbsession, self.request.member.id
        token, said = self.posted_once(), said_in(text.title, text.body, text.tags, text.link_url)
        sent = once.claim(db, member_id, token, said) if token else None
        if sent is None and "keep" not in self.request.POST:
            sent = self.find_same(db, said)
        post = db.get(Post, sent.made_id, with_for_update=True) if sent else None
        if post is None:
            post = writing.create_post(
                db, member_id, text, publish=publish, approve_first=self.approve_first(), pause=self.pause
            )
        elif sent and post.status == POST.Status.DRAFT:
            if sent.content_hash != said_by(post):
                # Somebody has gone on with the draft elsewhere.
                self.refuse_other_text(sent)
            post = writing.edit_post(
                db,
                post.id,
                post.version,
                text,
                publish=publish,
                approve_first=self.approve_first(),
                pause=self.pause,
            )
        elif sent and sent.content_hash != said:
            self.refuse_other_text(sent)
        elif sent:
            self.sent_again = True
        if token:
            once.lead(db, token, said, url(self.request, "posts.short", id=post.id), post.id)
        return post

    def keeping(self) -> str:
        return "text" if self.is_published() else "draft"

    def keep(self) -> Response:
        """Saves a draft, or where a draft can't be saved yet, what there is of it. Never publishes."""
        if self.is_published():
            return super().keep()
        try:
            data = self.form.validate_pstruct(self.posted())
        except deform.ValidationFailure:
            return super().keep()
        try:
            post = self.save(self.text_of(data), data, publish=False)
        except EditedMeanwhile:
            words = _(
                "This draft was changed elsewhere. What you type is not saved here: press “Save as draft” to see"
                " both."
            )
            return plain(self.request, words, 409)
        except InputError as error:
            return plain(self.request, error.message, 409)
        self.note_taken()
        response = plain(self.request, _("Your draft is saved."))
        # Where the form goes on (RFC 9110, 8.7), and from which version.
        response.headers["Content-Location"] = self.address_of(post)
        response.headers["Draft-Version"] = str(post.version)
        return response

    def approve_first(self) -> int:
        """How many of the member's posts have to wait for approval."""
        return 0 if self.request.member.is_staff else self.request.site.posts_approve_first

    def address_of(self, post: Post) -> str:
        if post.status == POST.Status.DRAFT:
            return url(self.request, "posts.edit", id=post.id)
        return url(self.request, "posts.view", id=post.id, slug=post.slug)

    def leave(self, post: Post) -> Response:
        if post.status == POST.Status.DRAFT:
            self.request.flash(_("Your draft is saved"))
            return self.redirect("posts.edit", id=post.id)
        if self.sent_again:
            self.tell_sent_before()
        elif post.status == POST.Status.WAITING:
            self.request.flash(_("Your post waits for approval by staff. You get a mail with their answer."))
        else:
            self.request.flash(_("Your post is published"))
        return self.redirect("posts.view", id=post.id, slug=post.slug)

    def values(self) -> dict[str, Any]:
        return {
            "preview": self.preview,
            "hints": self.hints,
            "without_alt": self.without_alt(self.preview.body_html) if self.preview else 0,
            "may_publish": may_publish(self.request.identity, self.request.site.users_require_verified_email),
            "read_only": is_read_only(self.request),
        }

    def sent_before(self, content: str) -> bool:
        """Also that it is no draft: to publish that counts."""
        with reading(self.request) as db:
            sent = once.find_submission(db, self.posted_once()) or self.find_same(db, content)
            post = db.get(Post, sent.made_id) if sent else None
            return post is not None and post.status != POST.Status.DRAFT

    def still_says(self, db: Session, sent: once.Submission) -> bool:
        post = db.get(Post, sent.made_id)
        return post is not None and post.status != POST.Status.REMOVED and said_by(post) == sent.content_hash


class EditPost(WritePost):
    """A draft or a published post, changed by its author or by staff."""

    schema = schemas.EditedPostText
    title = _("Edit post")
    keeps = (*WritePost.keeps, "reason")

    def __init__(self, request: Request) -> None:
        context: rows.PostPage = request.context
        self.buttons = (*((PUBLISH, PREVIEW, SAVE_DRAFT) if context.is_draft else (SAVE, PREVIEW)), ADD_IMAGE)
        self.is_own = context.author_id == request.member.id
        super().__init__(request)

    def make_schema(self) -> colander.SchemaNode:
        return schemas.EditedPostText() if self.is_own else schemas.PostEditedByStaff()

    def is_too_late(self) -> bool:
        minutes, published_at = self.request.site.posts_edit_minutes, self.request.context.published_at
        if not minutes or published_at is None or self.request.member.is_staff or self.request.context.is_hidden:
            return False
        return bool(utc_now() - published_at > timedelta(minutes=minutes))

    def get(self) -> Response:
        post: rows.PostPage = self.request.context
        if post.is_removed or self.is_too_late():
            if not post.is_removed:
                self.request.flash(_("The time to change this post is over"), "info")
            return self.redirect("posts.view", id=post.id, slug=post.slug)
        return super().get()

    def is_published(self) -> bool:
        return not self.request.context.is_draft

    def sent_before(self, content: str) -> bool:
        # The version says so. The token may be that of the form that made the draft.
        return False

    def initial(self) -> dict[str, Any]:
        with reading(self.request) as db:
            post = db.get_one(Post, self.request.context.id)
            return {
                "title": post.title,
                "body": post.body,
                "link_url": post.link_url,
                "tags": ", ".join(tag.name for tag in post.tags),
                "version": post.version,
            }

    def limit_saving(self, publish: bool, whole_html: str) -> None:
        super().limit_saving(publish, whole_html)
        if self.is_published():
            post: rows.PostPage = self.request.context
            present_html = with_link(post.link_url, post.body_html)
            with reading(self.request) as db:
                brake_edit(db, self.request.registry, self.request.member, whole_html, present_html)

    def save(self, text: writing.Text, data: dict[str, Any], publish: bool) -> Post:
        if self.is_too_late():
            raise errors.NoLongerYours
        return writing.edit_post(
            self.request.dbsession,
            self.request.context.id,
            data["version"],
            text,
            publish=publish,
            approve_first=self.approve_first(),
            pause=self.pause,
            editor=actor_of(self.request),
            reason=data.get("reason", ""),
        )

    def leave(self, post: Post) -> Response:
        if not self.is_published():
            return super().leave(post)
        self.request.flash(_("Your changes are saved"))
        return self.redirect("posts.view", id=post.id, slug=post.slug)


def said_by(post: Post) -> str:
    return said_in(post.title, post.body, [tag.name for tag in post.tags], post.link_url)


def said_in(title: str, body: str, tags: Any, link_url: str) -> str:
    return once.content_hash(title, body, sorted(tags), link_url)
