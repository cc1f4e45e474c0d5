"""The queue of staff, the answer to a case, and the public log."""

from typing import Any

import deform
from pyramid.httpexceptions import HTTPNotFound
from pyramid.response import Response

from myproject.audit import actor_of
from myproject.errors import InputError
from myproject.forms.kept import find_all_kept
from myproject.forms.view import FormView
from myproject.i18n import _
from myproject.moderation import constants as MODERATION
from myproject.moderation import schemas
from myproject.moderation.services import cases, log, queue
from myproject.pagination import BadCursor, row_number
from myproject.posts import constants as POST
from myproject.transactions import reading
from myproject.web.request import Request
from myproject.web.templating import path

# Not "keep": so scripts ask every form that keeps what is typed to do just that.
STAY = deform.Button("stay", _("Leave it in the open"))
SHOW = deform.Button("stay", _("Put it back"))
ASK = deform.Button("ask", _("Leave it hidden until it is changed"), css_class="secondary")
APPROVE = deform.Button("approve", _("Approve"))
REMOVE = deform.Button("remove", _("Remove"), css_class="button-danger")


def buttons_of(item: queue.Item) -> tuple[deform.Button, ...]:
    """The answers that there are to a case."""
    return (SHOW if item.is_hidden else STAY, *((ASK,) if item.may_ask else ()), REMOVE)


def address_of(request: Request, item: queue.Item) -> str:
    """The path at which an item of the queue is answered, where the site stands at no other than its own."""
    if item.source is queue.Source.CASE:
        return path(request.registry, "moderation.case", {"id": item.id})
    return path(request.registry, f"moderation.waiting.{'post' if item.is_post else 'comment'}", {"id": item.id})


def list_queue(request: Request) -> dict[str, Any]:
    """What waits for staff, oldest first. `?after=` goes on where the page before ended."""
    after = request.GET.get("after")
    try:
        page = queue.list_queue(request.dbsession, after)
    except BadCursor:
        raise HTTPNotFound from None
    addresses = {item.key: address_of(request, item) for item in page.rows}
    kept = {}
    if request.member.has_kept_text:
        kept = find_all_kept(request.dbsession, request.member.id, addresses.values())
    return {
        "page": page,
        "first": after is None,
        "shown": {item.key: item.shown for item in page.rows},
        "addresses": addresses,
        "kept": kept,
        "reason_max": POST.REASON_MAX_LENGTH,
        "reason_hint": schemas.CASE_HINT,
        "buttons_of": buttons_of,
        "waiting_buttons": (APPROVE, REMOVE),
        "count_max": MODERATION.COUNT_MAX,
        "reason_titles": schemas.REASON_TITLES,
    }


class AnswerCase(FormView):
    """One reported text, and what staff decide: it stays, it goes, or its author is asked to change it."""

    schema = schemas.CaseAnswer
    title = _("A reported text")
    template = "myproject:templates/moderation/case.html"
    keeps = ("reason",)

    def __init__(self, request: Request) -> None:
        self.item: queue.Item = request.context
        self.buttons = buttons_of(self.item)
        super().__init__(request)

    def initial(self) -> dict[str, Any]:
        return {"shown": self.present_state()}

    def present_state(self) -> str:
        return self.item.shown

    def values(self) -> dict[str, Any]:
        return {
            "item": self.item,
            "reason_titles": schemas.REASON_TITLES,
            "count_max": MODERATION.COUNT_MAX,
        }

    def submit(self, data: dict[str, Any]) -> Response:
        request, reason = self.request, data["reason"]
        pressed = next((button.name for button in (STAY, ASK, REMOVE) if button.name in request.POST), None)
        if pressed is None:
            raise InputError(_("Press one of the buttons"))
        if pressed != "stay" and not reason:
            raise InputError(_("Say why: its author gets to read it"), "reason")
        self.answer(pressed, reason, data["shown"])
        return self.redirect("moderation.queue")

    def answer(self, pressed: str, reason: str, seen: str) -> None:
        """Does what was pressed."""
        request, case_id, own_too = self.request, self.item.id, self.request.member.is_admin
        db, actor = request.dbsession, actor_of(request)
        if pressed == "ask":
            cases.ask_for_change(db, actor, case_id, reason, seen)
            request.flash(_("It stays hidden, and its author is asked to change it"))
        elif pressed == "remove":
            cases.decide(db, actor, case_id, MODERATION.Decision.REMOVED, reason, own_too=own_too, seen=seen)
            request.flash(_("It is removed"))
        else:
            cases.decide(db, actor, case_id, MODERATION.Decision.KEPT, reason, own_too=own_too, seen=seen)
            request.flash(_("It is in the open"))


def case_of(request: Request) -> queue.Item:
    """The case that the address names. Raises HTTPNotFound."""
    with reading(request) as db:
        item = queue.find_case(db, int(request.matchdict["id"]))
    if item is None:
        raise HTTPNotFound
    return item


def show_log(request: Request) -> dict[str, Any]:
    """What staff did with texts, latest first, for everybody where `moderation.log` says so."""
    asked = request.GET.get("before")
    before_id = row_number(asked) if asked is not None else None
    if not request.site.moderation_log or (asked is not None and before_id is None):
        raise HTTPNotFound
    page = log.list_log(request.dbsession, before_id)
    return {"page": page, "first": asked is None, "titles": schemas.LOG_TITLES}
