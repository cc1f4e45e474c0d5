"""Reporting a post or a comment, and looking at one that is hidden."""

from typing import Any

import deform
from pyramid.httpexceptions import HTTPForbidden, HTTPNotFound, HTTPSeeOther
from pyramid.response import Response

from myproject.comments.services.rows import CommentRow
from myproject.errors import InputError
from myproject.forms.view import FormView
from myproject.i18n import _
from myproject.moderation import constants as MODERATION
from myproject.moderation import schemas
from myproject.moderation.services import flagging, hidden
from myproject.posts.services.pages import find_post
from myproject.posts.services.rows import PostPage
from myproject.security.permissions import may_publish
from myproject.security.ratelimit import limiter_of
from myproject.transactions import reading
from myproject.web.request import Request
from myproject.web.templating import url


class ReportText(FormView):
    """Tells staff what is wrong with a post or a comment of somebody else. Sent again, it changes the report."""

    schema = schemas.Report
    title = _("Report")
    template = "myproject:templates/posts/ask.html"
    buttons = (deform.Button("report", _("Send to staff")),)
    keeps = ("note",)

    def __init__(self, request: Request) -> None:
        self.text: PostPage | CommentRow = request.context
        may = may_publish(request.identity, request.site.users_require_verified_email)
        if not may or self.text.author_id == request.member.id:
            raise HTTPForbidden
        self.which: dict[str, int]
        if isinstance(self.text, PostPage):
            self.heading, self.which = _("Report the post"), {"post_id": self.text.id}
            reportable = self.text.is_published or self.text.is_hidden
        else:
            self.heading, self.which = _("Report the comment"), {"comment_id": self.text.id}
            reportable = self.text.published or self.text.hidden
        if not reportable:
            raise HTTPNotFound
        super().__init__(request)

    def initial(self) -> dict[str, Any]:
        with reading(self.request) as db:
            flag = flagging.find_flag(db, self.request.member.id, **self.which)
        if flag is None or flag.outcome != MODERATION.Outcome.OPEN:
            return {}
        return {"reason": str(int(flag.reason)), "note": flag.note}

    def values(self) -> dict[str, Any]:
        if isinstance(self.text, PostPage):
            subject, words = self.text.title, ""
        else:
            with reading(self.request) as db:
                post = find_post(db, self.text.post_id, self.request.identity)
            subject, words = post.title if post else "", self.text.body_html
        effects = [_("Staff look at it, and you are told what they decided. Nobody else learns of your report.")]
        return {
            "title": self.heading,
            "subject": subject,
            "address": self.address(),
            "effects": effects,
            "text": words,
        }

    def address(self) -> str:
        if isinstance(self.text, PostPage):
            return url(self.request, "posts.view", id=self.text.id, slug=self.text.slug)
        return url(self.request, "comments.view", id=self.text.id)

    def submit(self, data: dict[str, Any]) -> Response:
        request, site = self.request, self.request.site
        limiter_of(request.registry).hit("flag_account", str(request.member.id))
        is_hidden = flagging.flag_text(
            request.dbsession,
            request.member.id,
            MODERATION.Reason(int(data["reason"])),
            data["note"],
            flags_to_hide=site.moderation_flags_to_hide,
            flagger_texts=site.moderation_flagger_texts,
            **self.which,
        )
        request.flash(_("Thank you. Staff look at it, and you are told what they decided."))
        # A hidden post is not there for the one who reported it.
        gone = is_hidden and isinstance(self.text, PostPage)
        return HTTPSeeOther(url(request, "posts.list") if gone else self.address())


def show_hidden(context: hidden.HiddenText, request: Request) -> dict[str, Any]:
    """A hidden text, for members: with its words for who may read them."""
    return {"text": context}


def vouch(context: hidden.HiddenText, request: Request) -> Response:
    """Says that a hidden text should be in the open; staff look at it once more."""
    if not context.may_vouch and not context.vouched:
        raise HTTPForbidden
    try:
        hidden.vouch(request.dbsession, request.member.id, context.id, is_post=context.is_post)
    except InputError as error:
        request.flash(error.message, "warning")
    else:
        request.flash(_("Thank you. Staff look at it once more."))
    return HTTPSeeOther(request.path_info)
