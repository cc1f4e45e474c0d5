"""Texts that a form could not take, or that a script sends while somebody writes: kept for the member, and offered
when the form is opened again.
"""

import logging
import re
from typing import Any, ClassVar

import deform
from pyramid.httpexceptions import HTTPSeeOther
from pyramid.response import Response

from myproject.db import after_commit
from myproject.forms import once
from myproject.forms.kept import FILLED_FROM, find_kept, form_key, keep_text, let_go, write_kept
from myproject.forms.models import KeptText
from myproject.i18n import _
from myproject.pagination import row_number
from myproject.transactions import reading
from myproject.web.request import Request

log = logging.getLogger(__name__)

# What `form_key` gives.
FORM_KEY = re.compile(r"[0-9a-f]{64}|")


class TextKeeping:
    """The part of a form's view that keeps what a member types in the fields that `keeps` names."""

    request: Request
    form: deform.Form
    # Fields whose text must not be lost; never a secret.
    keeps: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        self.taken = False
        # What the form is filled in with.
        self.offered: KeptText | None = None
        # The form that was posted, and what it was filled in with (`kept.write_kept`).
        token = self.request.POST.get(once.FIELD)
        self.sent_form, self.sent_away = form_key(token), form_key(token, signed_in=False)
        self.filled_from = filled_from(self.request)
        # Whether what was posted is kept for another member, who had opened the form.
        self.kept_for_another = False

    def posted(self) -> dict[str, Any]:
        """The fields of the request that the form knows."""
        raise NotImplementedError

    def child(self, name: str) -> deform.Field:
        """The field of that name; the form itself where it has none."""
        raise NotImplementedError

    def kept_path(self) -> str:
        """The address for which the form's text is kept: where a GET opens it."""
        return self.request.path_info

    @classmethod
    def posted_path(cls, request: Request) -> str:
        """`kept_path` of what was posted, where the view itself can't be asked."""
        return request.path_info

    def written(self) -> dict[str, str]:
        """What was posted of the fields to keep, with the version that it began from."""
        return {name: value for name, value in self.posted().items() if name in (*self.keeps, "version")}

    def has_text(self, written: dict[str, str]) -> bool:
        """Whether anything stands in the fields to keep."""
        return any(written.get(name, "").strip() for name in self.keeps)

    def keeping(self) -> str:
        """What drafts.js saves while somebody writes: the `text`, or a `draft`, with an address of its own."""
        return "text"

    def keep(self) -> Response:
        """What a script asks for while somebody writes: the text is kept, as that of a form that failed, and
        forgotten where all of it was taken out. It must not send anything.
        """
        db, written = self.request.dbsession, self.written()
        if not self.has_text(written):
            self.note_taken()
            return plain(self.request, _("Nothing is written, so that nothing is kept."))
        if not write_kept(db, self.request.member.id, self.kept_path(), written, self.sent_form, self.filled_from):
            words = _("This is too long to be kept while you write it. Split it, or shorten it.")
            return plain(self.request, words, 422)
        after_commit(db, self.take)
        return plain(self.request, _("What you write is kept."))

    def keep_unless_taken(self, request: Request) -> None:
        """Keeps the text once the request is over, and what it wrote has been undone."""
        member = request.identity
        if self.taken or member is None:
            return
        try:
            written = self.written()
            if self.has_text(written):
                path = self.kept_path()
                keep_text(request.registry, member.id, path, written, self.sent_form, self.filled_from)
        except Exception:
            # The answer has what was typed as well.
            log.exception("forms: can't keep a text")

    def note_taken(self) -> None:
        """What was kept of this form before is needed no more, as soon as the transaction stands."""
        before = set() if self.filled_from is None else {self.filled_from}
        self.let_go_of({self.sent_form, self.sent_away} | before)
        after_commit(self.request.dbsession, self.take)

    def let_go_of(self, forms: set[str]) -> None:
        """Forgets what is kept of these, which were open at this address."""
        let_go(self.request.dbsession, self.request.member.id, self.kept_path(), forms)

    def take(self) -> None:
        """Nothing is left to keep when the request is over."""
        self.taken = True

    def offer_kept(self) -> None:
        """Fills in what the member wrote here before, and says so."""
        member = self.request.identity
        if not self.keeps or member is None or not member.has_kept_text:
            return
        with reading(self.request) as db:
            kept = find_kept(db, member.id, self.kept_path(), row_number(self.request.GET.get(FILLED_FROM, "")))
        self.offered = kept
        if kept is not None:
            self.filled_from = kept.form
            for name, value in kept.fields.items():
                if self.child(name) is not self.form:
                    self.child(name).cstruct = value
            self.form.kept_at = kept.created_at
            self.form.let_go_fields = {FILLED_FROM: kept.form} | self.let_go_fields()

    def let_go_fields(self) -> dict[str, Any]:
        """Hidden fields by which the form knows which text to let go."""
        return {}

    def after_letting_go(self) -> Response:
        return HTTPSeeOther(self.request.script_name + self.kept_path())


def filled_from(request: Request) -> str | None:
    """What the form that was posted had been filled in with, as it says."""
    key = request.POST.get(FILLED_FROM)
    return key if isinstance(key, str) and FORM_KEY.fullmatch(key) else None


def plain(request: Request, words: str, status: int = 200) -> Response:
    """What a script shows the reader as it is."""
    return Response(request.translate(words), status=status, content_type="text/plain", charset="utf-8")
