"""Writing, answering and editing comments."""

from datetime import timedelta
from typing import Any

import colander
import deform
from pyramid.httpexceptions import HTTPNotFound, HTTPSeeOther
from pyramid.response import Response
from sqlalchemy.orm import Session

from myproject.audit import actor_of
from myproject.comments import constants as COMMENT
from myproject.comments import errors, schemas
from myproject.comments.models import Comment
from myproject.comments.services import rows, threads, writing
from myproject.comments.services.brakes import check_turn
from myproject.db import utc_now
from myproject.forms import once
from myproject.forms.keeping import plain
from myproject.forms.pictures import ADD_IMAGE, TakesPictures
from myproject.i18n import _
from myproject.pagination import row_number
from myproject.posts.services.curation import is_closed
from myproject.posts.services.newcomers import brake, brake_edit
from myproject.posts.services.pages import find_post
from myproject.security.permissions import may_publish
from myproject.security.ratelimit import client_key, limiter_of
from myproject.switches import is_read_only, refuse_while_read_only
from myproject.text import render_markdown
from myproject.transactions import reading
from myproject.users.models import CommentBan
from myproject.users.services.bans import find_ban_of
from myproject.web.dates import exact_words
from myproject.web.request import Request
from myproject.web.templating import url

PREVIEW = deform.Button("preview", _("Preview"), css_class="secondary")


class WriteComment(TakesPictures):
    """A comment on a post, or a reply to a comment, with what is answered above the form."""

    schema = schemas.NewComment
    title = _("Write a comment")
    template = "myproject:templates/comments/write.html"
    buttons = (deform.Button("send", _("Send")), PREVIEW, ADD_IMAGE)
    keeps = ("body",)
    preview = ""

    def __init__(self, request: Request) -> None:
        context = request.context
        # Whether what is answered stands below another post than the form was made for.
        self.elsewhere = False
        with reading(request) as db:
            if isinstance(context, rows.CommentRow):
                self.parent: rows.CommentRow | None = context
                post = find_post(db, context.post_id, request.identity)
            else:
                self.parent = self.posted_parent(request)
                post = context
                # It takes the answer along, where that can be seen.
                self.elsewhere = self.parent is not None and self.parent.post_id != context.id
                if self.parent is not None and self.elsewhere:
                    post = find_post(db, self.parent.post_id, request.identity)
        # A reply that was being written while its parent was removed is refused later, with its text.
        removed = self.parent is not None and not self.parent.published and self.parent is context
        if isinstance(context, rows.CommentRow) and context.hidden:
            raise HTTPSeeOther(url(request, "moderation.hidden.comment", id=context.id))
        if post is None or not post.is_published or removed:
            raise HTTPNotFound
        self.post_page = post
        staff = request.identity is not None and request.identity.is_staff
        self.closed = is_closed(post, request.site.comments_close_days) and not staff
        self.action = url(request, "comments.create", id=post.id)
        super().__init__(request)

    def posted_parent(self, request: Request) -> rows.CommentRow | None:
        """The comment that the form's `parent_id` names."""
        number = posted_parent_id(request)
        if number is None:
            return None
        with reading(request) as db:
            return threads.find_comment(db, number, request.identity)

    def initial(self) -> dict[str, Any]:
        return {"parent_id": self.parent.id} if self.parent else {}

    def kept_path(self) -> str:
        """A reply is kept for its parent, a comment for the post."""
        if self.parent is None:
            return url(self.request, "comments.create", id=self.post_page.id)
        return url(self.request, "comments.reply", id=self.parent.id)

    @classmethod
    def posted_path(cls, request: Request) -> str:
        number = posted_parent_id(request)
        if number is None:
            # Not that of the address: what was merged has another.
            post_id = getattr(getattr(request, "context", None), "id", request.matchdict["id"])
            return url(request, "comments.create", id=post_id)
        return url(request, "comments.reply", id=number)

    def let_go_fields(self) -> dict[str, Any]:
        return self.initial()

    def values(self) -> dict[str, Any]:
        return {
            "post": self.post_page,
            "parent": self.parent,
            "preview": self.preview,
            "without_alt": self.without_alt(self.preview),
            "closed": self.closed,
            "ban": ban_of(self.request),
            "read_only": is_read_only(self.request),
            "held_back": self.offered,
        }

    def submit(self, data: dict[str, Any]) -> Response:
        request = self.request
        body_html = render_markdown(data["body"], request.look_up)
        if "preview" in request.POST:
            limiter_of(request.registry).hit("preview_account", str(request.member.id))
            self.preview = body_html
            return self.page()
        if not may_publish(request.identity, request.site.users_require_verified_email):
            raise errors.NotVerified
        refuse_banned(request)
        refuse_while_read_only(request)
        if not self.sent_before(said_in(data["body"], data["parent_id"])):
            if self.elsewhere:
                raise errors.AnsweredElsewhere
            if self.closed:
                raise errors.CommentsClosed
            self.brake(body_html)
            limiter_of(request.registry).hit("write_address", client_key(request.client_addr))
            limiter_of(request.registry).hit("comment_account", str(request.member.id))
        self.tell_without_alt(body_html)
        return HTTPSeeOther(self.send(data["body"], body_html, data["parent_id"]))

    def keep(self) -> Response:
        """Keeps nothing of what this very form has sent: a script's last word may come after that."""
        try:
            data = self.form.validate_pstruct(self.posted())
        except deform.ValidationFailure:
            return super().keep()
        with reading(self.request) as db:
            sent = once.find_submission(db, self.posted_once())
        if sent is not None and sent.content_hash == said_in(data["body"], data["parent_id"]):
            self.note_taken()
            return plain(self.request, _("This has been sent."))
        return super().keep()

    def brake(self, body_html: str) -> None:
        """Slows down who is new, and who talks alone."""
        request, member = self.request, self.request.member
        if member.is_staff:
            return
        with reading(request) as db:
            check_turn(db, self.post_page.id, member.id, request.site.comments_in_a_row)
            brake(db, request.registry, member, body_html, "newcomer_comment_account")

    def send(self, body: str, body_html: str, parent_id: int | None) -> str:
        """Writes the comment, once, however often the form is sent; gives the comment's address."""
        db, member_id = self.request.dbsession, self.request.member.id
        token, said = self.posted_once(), said_in(body, parent_id)
        sent = once.claim(db, member_id, token, said) if token else None
        if sent is not None and sent.content_hash != said:
            self.refuse_other_text(sent)
        same = sent or self.find_same(db, said)
        if same is not None:
            self.tell_sent_before()
            if sent is None:
                once.lead(db, token, said, same.location, same.made_id)
            return same.location
        site, is_staff = self.request.site, self.request.member.is_staff
        comment = writing.create_comment(
            db,
            self.post_page.id,
            member_id,
            body,
            body_html,
            parent_id,
            approve_first=0 if is_staff else site.comments_approve_first,
            in_a_row=0 if is_staff else site.comments_in_a_row,
        )
        if comment is None:
            raise errors.NothingToAnswer
        if int(self.request.matchdict["id"]) != self.post_page.id:
            self.request.flash(
                _("The post was merged into this one while you wrote. Your comment stands here."), "info"
            )
        location = url(self.request, "comments.view", id=comment.id)
        if token:
            once.lead(db, token, said, location, comment.id)
        return location

    def still_says(self, db: Session, sent: once.Submission) -> bool:
        comment = db.get(Comment, sent.made_id)
        if comment is None or comment.status == COMMENT.Status.REMOVED or comment.post_id != self.post_page.id:
            return False
        return said_in(comment.body, comment.parent_id) == sent.content_hash


def said_in(body: str, parent_id: int | None) -> str:
    """What a form says, whatever post it is for: its comment, sent already, may stand below another one by now."""
    return once.content_hash("comment", parent_id, body)


def posted_parent_id(request: Request) -> int | None:
    """The number of the comment that the posted form answers."""
    posted = request.POST.get("parent_id", "")
    return row_number(posted) if isinstance(posted, str) else None


def ban_of(request: Request) -> CommentBan | None:
    """What stands in the place of the form for who may not comment for now; None for all others."""
    with reading(request) as db:
        return find_ban_of(db, request.identity)


def refuse_banned(request: Request) -> None:
    """Raises Banned."""
    ban = ban_of(request)
    if ban is not None:
        raise errors.Banned(exact_words(request, ban.ends_at), ban.reason)


class EditComment(TakesPictures):
    """A comment, changed by its author or by staff."""

    schema = schemas.EditedComment
    title = _("Edit comment")
    template = "myproject:templates/comments/edit.html"
    buttons = (deform.Button("save", _("Save")), PREVIEW, ADD_IMAGE)
    keeps = ("body", "reason")
    preview = ""

    @property
    def is_own(self) -> bool:
        own: bool = self.request.context.author_id == self.request.member.id
        return own

    def make_schema(self) -> colander.SchemaNode:
        return schemas.EditedComment() if self.is_own else schemas.CommentEditedByStaff()

    def is_too_late(self) -> bool:
        if self.request.context.hidden:
            # It has a time of its own: see `moderation.services.hidden`.
            return False
        minutes = self.request.site.comments_edit_minutes
        age = utc_now() - self.request.context.created_at
        return bool(minutes) and not self.request.member.is_staff and age > timedelta(minutes=minutes)

    def get(self) -> Response:
        comment: rows.CommentRow = self.request.context
        if comment.removed or self.is_too_late():
            self.request.flash(_("The time to change this comment is over"), "info")
            return self.redirect("comments.view", id=comment.id)
        return super().get()

    def initial(self) -> dict[str, Any]:
        with reading(self.request) as db:
            comment = db.get_one(Comment, self.request.context.id)
            return {"body": comment.body, "version": comment.version}

    def values(self) -> dict[str, Any]:
        return {"preview": self.preview, "without_alt": self.without_alt(self.preview)}

    def submit(self, data: dict[str, Any]) -> Response:
        limiter_of(self.request.registry).hit("preview_account", str(self.request.member.id))
        body_html = render_markdown(data["body"], self.request.look_up)
        if "preview" in self.request.POST:
            self.preview = body_html
            return self.page()
        if not may_publish(self.request.identity, self.request.site.users_require_verified_email):
            raise errors.NotVerified
        if self.is_too_late():
            raise errors.NoLongerYours
        refuse_while_read_only(self.request)
        if self.is_own:
            refuse_banned(self.request)
        with reading(self.request) as db:
            brake_edit(db, self.request.registry, self.request.member, body_html, self.request.context.body_html)
        comment = writing.edit_comment(
            self.request.dbsession,
            self.request.context.id,
            data["version"],
            data["body"],
            body_html,
            editor=actor_of(self.request),
            reason=data.get("reason", ""),
        )
        self.tell_without_alt(body_html)
        self.request.flash(_("Your changes are saved"))
        return self.redirect("comments.view", id=comment.id)
