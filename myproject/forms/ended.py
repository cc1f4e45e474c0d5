"""Forms that can't be acted upon, as a token, a sign-in or something else has ended: nothing typed is lost."""

import logging
from enum import StrEnum
from typing import Any

import colander
from pyramid.httpexceptions import HTTPException
from pyramid.renderers import render_to_response
from pyramid.response import Response

from myproject.db import sessions_of
from myproject.forms import once
from myproject.forms.keeping import filled_from
from myproject.forms.kept import fits, form_key, is_kept, keep_text, may_return
from myproject.forms.once import is_for_another, writer_of
from myproject.forms.schema import PASSWORD_NAMES
from myproject.forms.view import CHOOSE_AGAIN, FormView
from myproject.security.csrf import FIELD as CSRF_FIELD
from myproject.security.csrf import resend_field
from myproject.security.ratelimit import RateLimited, limiter_of
from myproject.transactions import SAFE_METHODS
from myproject.web.request import Request

log = logging.getLogger(__name__)

# The templates of fields for lines and paragraphs.
TYPED = ("textinput", "textarea")
# Characters.
SHORT = 80


class Ended(StrEnum):
    """Why a form has to be sent once more."""

    TOKEN = "token"  # noqa: S105 - no secret
    SIGN_IN = "sign_in"
    TERMS = "terms"  # new ones, which have to be accepted first
    SHUT = "shut"  # the account, for good
    FRESHNESS = "freshness"  # the sign-in lives, but is too old for what the form does


def expired_form(request: Request, ended: Ended) -> Response:
    """The answer to a form whose token or sign-in has ended: itself, filled, to be sent once more (400).

    Where the form's own view can't be asked (its visitor may not see it any more), a plain page carries the
    fields; passwords are asked for again. What is worth it is kept as well, for who the form was made for.
    """
    view = posted_view(request)
    if view is not None and ended is Ended.TOKEN:
        # Before the view looks: it need not show this form to who is signed in now.
        kept_for_another = is_for_another(request) and keep_posted(request, view)
        try:
            form_view = view(request)
            form_view.kept_for_another = kept_for_another
            return form_view.expired()
        except HTTPException:
            # There is no such form any more, or none for this member: the answer is that to a right token.
            answer: Response = request.invoke_exception_view()
            return answer
    if ended is Ended.SIGN_IN and is_shut(request):
        ended = Ended.SHUT
    fields = [
        (name, value) for name, value in request.POST.items() if name != CSRF_FIELD and isinstance(value, str)
    ]
    member = request.identity_if_known
    user_id = member.id if member else writer_of(request)
    typed = typed_nodes(view)
    read = {*typed, *(view.keeps if view else ())}
    values = {
        "ended": ended.value,
        "typed": typed,
        "shown": {name for name, value in fields if (name in read and value.strip()) or is_long(name, value)},
        "token_field": request.csrf_field() if user_id is None else resend_field(request, user_id),
        "fields": [field for field in fields if field[0] not in PASSWORD_NAMES],
        "secrets": [name for name, _value in fields if name in PASSWORD_NAMES],
        "files": [name for name, value in request.POST.items() if name != CSRF_FIELD and hasattr(value, "file")],
        "choose_again": CHOOSE_AGAIN,
        "action": request.path_qs,
        "texts": posted_texts(request),
        "kept": view is not None and keep_posted(request, view) and not is_for_another(request),
    }
    response = render_to_response("myproject:templates/forms/resend.html", values, request=request)
    response.status_int = 400
    return response


def typed_nodes(view: type[FormView] | None) -> dict[str, colander.SchemaNode]:
    """The fields of a form in which somebody types what anybody may read, by name, as far as it has the same ones
    for everybody.
    """
    schema = getattr(view, "schema", None)
    nodes = schema() if schema else ()
    return {node.name: node for node in nodes if getattr(node.widget, "template", "") in TYPED}


def is_long(name: str, value: str) -> bool:
    """Whether somebody has typed so much in a field that they want to see it, whatever it is."""
    # The token to act once is long, and nothing that anybody wrote.
    return name != once.FIELD and (len(value) > SHORT or "\n" in value)


def ended_sign_in(request: Request) -> Response | None:
    """The page above where a form was sent without a sign-in that a member had before them; None otherwise. It
    stands before whatever else a guest would be told of the address, so that nobody learns what is there.
    """
    if request.method in SAFE_METHODS or getattr(request, "matched_route", None) is None:
        return None
    if writer_of(request) is None or request.identity is not None:
        return None
    return expired_form(request, Ended.SIGN_IN)


def posted_view(request: Request) -> type[FormView] | None:
    """The view of the form that was posted."""
    route = getattr(request, "matched_route", None)
    view: type[FormView] | None = request.registry["form_views"].get(route.name) if route else None
    return view


def is_shut(request: Request) -> bool:
    """Whether who wrote what was posted can't sign in any more to send it."""
    user_id = writer_of(request)
    return user_id is not None and not may_return(request.registry, user_id)


def keep_posted(request: Request, view: type[FormView]) -> bool:
    """Keeps what was typed in the form that was posted, for the member whom its token to act once names: the
    browser may be somebody else's by now. Gives whether it does, or it is kept already.

    Who is not signed in as that member puts nothing in the place of what they have kept: who shows the token need
    not be its member.
    """
    registry = request.registry
    user_id, identity = writer_of(request), request.identity_if_known
    if user_id is None:
        return False
    is_writer = identity is not None and identity.id == user_id
    fields = {
        name: value
        for name in (*view.keeps, "version")
        for value in request.POST.getall(name)[-1:]
        if isinstance(value, str)
    }
    path = view.posted_path(request)
    if "let_go" in request.POST or not any(fields.get(name, "").strip() for name in view.keeps):
        return False
    if not fits(path, fields):
        return False
    try:
        limiter_of(registry).hit("keep_account", str(user_id))
    except RateLimited:
        return False
    if not may_return(registry, user_id):
        return False
    key = form_key(request.POST.get(once.FIELD), signed_in=is_writer)
    before = filled_from(request) if is_writer else None
    if not is_writer:
        with sessions_of(registry).reading() as db:
            if is_kept(db, user_id, path, fields):
                return True

    def keep(request: Request) -> None:
        try:
            keep_text(registry, user_id, path, fields, key, before)
        except Exception:
            # The answer has what was typed as well.
            log.exception("forms: can't keep a text")

    # Not before the request's own transaction is over.
    request.add_finished_callback(keep)
    return True


def refused_texts(request: Request, *, keep: bool = True) -> dict[str, Any]:
    """What a page says of the form that it has to refuse: the `texts` of it, and whether they are `kept`, which
    `keep` asks for.
    """
    texts, view = posted_texts(request), posted_view(request)
    if not texts or view is None:
        return {"texts": texts, "kept": False}
    kept = request.keeps_text or (keep and keep_posted(request, view) and not is_for_another(request))
    return {"texts": texts, "kept": kept}


def posted_texts(request: Request) -> list[str]:
    """What a member wrote in the form that was posted, for a page that has to refuse all of it."""
    view = posted_view(request)
    if view is None or request.method != "POST":
        return []
    try:
        texts = [request.POST.get(name, "") for name in view.keeps]
    except (ValueError, OSError):
        # What can't be read as a form holds none.
        return []
    return [text for text in texts if isinstance(text, str) and text.strip()]
