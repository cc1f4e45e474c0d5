"""The view behind every form: show it, check it, act, or show it again with what was typed and what is wrong."""

from functools import partial
from typing import Any, ClassVar, NoReturn

import colander
import deform
from jinja2 import Environment
from markupsafe import Markup
from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPOk, HTTPSeeOther
from pyramid.renderers import render_to_response
from pyramid.response import Response
from pyramid_retry import is_error_retryable
from sqlalchemy.orm import Session

from myproject.errors import EditedMeanwhile, InputError, Overtaken
from myproject.forms import once
from myproject.forms.keeping import TextKeeping
from myproject.forms.kept import find_kept
from myproject.forms.schema import Schema
from myproject.forms.typed_again import TYPE_AGAIN, renewed_words, typed_secrets, waiting_with_password
from myproject.forms.words import another_account_words, present_words, waiting_words
from myproject.i18n import _
from myproject.security.ratelimit import RateLimited, limiter_of
from myproject.transactions import reading, undo
from myproject.web.dates import ago
from myproject.web.request import Request
from myproject.web.templating import url

# A form that comes back as the answer to what was sent: no proxy keeps it, and the browser has it only where Back
# leads to it (RFC 9111, 6), with what was typed since. Asked for once more, it would hold what was sent.
FOR_BACK = "private, no-cache"
CHOOSE_AGAIN = _("Choose the file again: it does not come back with what you wrote.")


class FormView(TextKeeping):
    """A screen with one form. A subclass names its `schema`, `template`, `title` and `buttons`, and writes
    `submit`.

    `submit(data)` gets the checked values and returns a response (`self.redirect`), or raises `InputError`
    for a field.

    Of what a member types, the fields that `keeps` names are kept where the form is not taken, whatever the
    reason, and stand in it when it is opened again.
    """

    schema: ClassVar[type[Schema]]
    template: ClassVar[str] = "myproject:templates/forms/page.html"
    title: ClassVar[str]
    buttons: tuple[deform.Button, ...] = (deform.Button("save", _("Save")),)
    # The form's own address, where it is not the page's.
    action: str = ""
    # What stands where the visitor wanted to save, if somebody else was faster.
    present_text: str = ""

    def __init__(self, request: Request) -> None:
        self.request = request
        super().__init__()
        self.form = self.make_form(self.make_schema())

    def make_schema(self) -> colander.SchemaNode:
        return self.schema()

    def make_form(self, schema: colander.SchemaNode) -> deform.Form:
        form = deform.Form(
            schema,
            buttons=self.buttons,
            renderer=partial(render_widget, self.request),
            focus="off",
            action=self.action,
            formid="form",
        )
        for child in form.children:
            child.oid = child.name
        return form

    def initial(self) -> dict[str, Any]:
        """Values that the form shows at first."""
        return {}

    def values(self) -> dict[str, Any]:
        """What the template needs beside the form."""
        return {}

    def present_state(self) -> str:
        """What changes whenever that which the form acts upon is no longer what its page showed: a form whose
        `submit` raises Overtaken has it in its field `shown`.
        """
        return ""

    def submit(self, data: dict[str, Any]) -> Response:
        raise NotImplementedError

    def get(self) -> Response:
        self.form.cstruct = self.form.schema.serialize(self.initial())
        self.offer_kept()
        return self.page()

    def post(self) -> Response:
        posted = self.request.POST
        if self.keeps and "let_go" in posted:
            self.let_go_of({self.filled_from or ""})
            return self.after_letting_go()
        if self.keeps and self.request.identity is not None:
            if "keep" in posted:
                limiter_of(self.request.registry).hit("keep_account", str(self.request.member.id))
            self.request.add_finished_callback(self.keep_unless_taken)
            self.request.keeps_text = True
            if "keep" in posted:
                return self.keep()
            if posted.get(once.FIELD) and not self.posted_once():
                # Sent twice, it would act twice.
                return self.expired()
        try:
            response = self.act()
        except deform.ValidationFailure:
            return self.page(422)
        except InputError as error:
            self.refuse(error.message, error.field)
            if isinstance(error, once.SentBefore):
                # Where it is, beside what it says now.
                self.form.sent_to = error.location
            if isinstance(error, Overtaken):
                undo(self.request)
                # Who sends it again has seen what is there.
                self.child("shown").cstruct = self.present_state()
                return self.page(409)
            if isinstance(error, EditedMeanwhile):
                # Who saves again has seen the present text.
                self.child("version").cstruct = str(error.version)
                self.present_text = error.text
                for name, value in error.others.items():
                    self.refuse(present_words(value), name)
                # RFC 9110, 15.5.10: what the form was made from is no longer what is there.
                return self.page(409)
            return self.page(422)
        except RateLimited as error:
            words = waiting_with_password if self.typed_secrets() else waiting_words
            self.refuse(words(error.retry_after))
            self.ask_for_secrets_again()
            response = self.page(429)
            response.headers["Retry-After"] = str(error.retry_after)
            return response
        except Exception as error:
            # The next try keeps the text, if it has to.
            self.taken = is_error_retryable(self.request, error)
            raise
        if self.keeps and response.status_int == HTTPSeeOther.code:
            self.note_taken()
        return response

    def act(self) -> Response:
        """Does what the form is for with what was posted. Raises ValidationFailure, and what `submit` does."""
        return self.submit(self.form.validate_pstruct(self.posted()))

    def expired(self) -> Response:
        """The form with what was posted, not acted upon: a token of it was missing, old or wrong."""
        self.show_posted()
        if self.keeps and self.posted_once():
            # Whoever is signed in now is who the form was made for, and nobody else at the same browser.
            self.request.add_finished_callback(self.keep_unless_taken)
        if once.is_for_another(self.request):
            self.refuse(another_account_words(self.request.member.name, self.kept_for_another))
        else:
            self.refuse(renewed_words(secret=bool(self.typed_secrets())))
        self.ask_for_secrets_again()
        # First of all that: the rest has been filled in.
        for child in self.typed_secrets()[:1]:
            child.focus_here = True
        return self.page(400)

    # Acting once

    def posted_once(self) -> str:
        """The token to act once that was posted; empty where it is none of this member's."""
        member = self.request.identity
        is_theirs = member is not None and once.writer_of(self.request) == member.id
        return self.request.POST[once.FIELD] if is_theirs else ""

    def sent_before(self, content: str) -> bool:
        """Whether this very form has been acted upon, or another one that said the same (`once.content_hash`):
        then it counts no second time for any limit.
        """
        with reading(self.request) as db:
            return (once.find_submission(db, self.posted_once()) or self.find_same(db, content)) is not None

    def find_same(self, db: Session, content: str) -> once.Submission | None:
        """What the member made by another form that said `content`, and what is there still says."""
        same = once.list_same(db, self.request.member.id, content) if self.posted_once() else []
        return next((sent for sent in same if self.still_says(db, sent)), None)

    def still_says(self, db: Session, sent: once.Submission) -> bool:
        """Whether what a form has made stands, as it was sent."""
        return False

    def tell_sent_before(self) -> None:
        self.request.flash(_("You have sent this before, word for word. Here it is, once."), "info")

    def refuse_other_text(self, sent: once.Submission) -> NoReturn:
        """Raises SentBefore. The form that comes back is another one, which may be sent."""
        self.request.POST.pop(once.FIELD, None)
        raise once.SentBefore(sent.location)

    def posted(self) -> dict[str, Any]:
        """The fields of the request that the schema knows; of a field sent twice, the last."""
        return {
            child.name: value if isinstance(value, str) else ""
            for child in self.form.children
            for value in self.request.POST.getall(child.name)[-1:]
        }

    def show_posted(self) -> None:
        """Fills the form in with what was posted."""
        self.form.cstruct = self.form.widget.deserialize(self.form, self.posted())

    def is_chosen(self, name: str) -> bool:
        """Whether a file was sent as `name`."""
        # Text has no file, and neither have the empty bytes of a file that nobody chose.
        return hasattr(self.request.POST.get(name), "file")

    def uploaded(self, name: str, most: int) -> bytes | None:
        """The content of the file sent as `name`, at most `most` + 1 bytes of it; None where there is none."""
        if not self.is_chosen(name):
            return None
        file = self.request.POST[name].file
        # A request that is tried again has been read to its end.
        file.seek(0)
        content: bytes = file.read(most + 1)
        return content

    def refuse(self, message: str, field: str | None = None) -> None:
        """Marks the form, and one field of it, as wrong."""
        node = self.child(field) if field else self.form
        node.error = colander.Invalid(node.schema, message)
        self.form.error = self.form.error or colander.Invalid(self.form.schema, "")

    def ask_for_files_again(self) -> None:
        """Says beside a file that it does not come back, as browsers let no page fill one in."""
        for child in self.form.children:
            if self.is_chosen(child.name) and child.error is None:
                self.refuse(CHOOSE_AGAIN, child.name)

    def typed_secrets(self) -> list[deform.Field]:
        """The fields of passwords that were not left empty."""
        return typed_secrets(self.form, self.posted())

    def ask_for_secrets_again(self) -> None:
        """Says beside a password with which nothing is wrong that it does not come back, as no page holds one."""
        for child in self.typed_secrets():
            if child.error is None:
                self.refuse(TYPE_AGAIN, child.name)

    def child(self, name: str) -> deform.Field:
        """The field of that name; the form itself where it has none."""
        return next((child for child in self.form.children if child.name == name), self.form)

    def page(self, status: int = 200) -> Response:
        member = self.request.identity
        if member is not None:
            # It says also who may send the form once more, should their sign-in end.
            token = self.posted_once()
            self.form.once = token or once.make_once(self.request.registry, member.id)
            if self.keeps:
                self.form.keeping = self.keeping()
                # What was kept of the form that was posted is gone on with, also where this is another one.
                is_another = self.request.method == "POST" and not token
                self.form.filled_from = self.sent_form if is_another else self.filled_from
        if status != HTTPOk.code:
            undo(self.request)
            self.ask_for_files_again()
        form = self.form.serialize(self.form.cstruct)
        values = {
            "title": self.title,
            "form": form,
            "failed": status != 200,
            "present_text": self.present_text,
        }
        response = render_to_response(self.template, values | self.values(), request=self.request)
        response.status_int = status
        if member is not None and self.keeps and self.request.method == "POST":
            response.headers["Cache-Control"] = FOR_BACK
        return response

    def redirect(self, route_name: str, **params: Any) -> Response:
        return HTTPSeeOther(url(self.request, route_name, **params))


def form_by_hand(request: Request, path: str) -> dict[str, Any]:
    """What a template needs to write a form itself whose view stands at `path` and keeps texts: its token, and the
    text that is kept of it.
    """
    member = request.member
    kept = None
    if member.has_kept_text:
        with reading(request) as db:
            kept = find_kept(db, member.id, path)
    return {
        "once": once.make_once(request.registry, member.id),
        "filled_from": kept.form if kept else None,
        "kept_at": kept.created_at if kept else None,
        "fields": kept.fields if kept else {},
    }


def render_widget(request: Request, template: str, **values: Any) -> Markup:
    """Deform's renderer: our own templates, which have labels, hints, errors and ARIA, and no script."""
    environment: Environment = request.registry["jinja2"]
    values |= {
        "request": request,
        "csrf_field": request.csrf_field,
        "translate": request.translate,
        "ago": partial(ago, request),
        "url": partial(url, request),
        "static": request.registry["static"].address,
    }
    return Markup(environment.get_template(f"forms/{template}.html").render(values))  # noqa: S704


def add_form_view(
    config: Configurator, view: type[FormView], *, route_name: str, permission: str, **options: Any
) -> None:
    """Directive: shows the form on GET and takes it on POST, both with `permission`."""
    for method in ("get", "post"):
        config.add_view(
            view,
            attr=method,
            route_name=route_name,
            request_method=method.upper(),
            permission=permission,
            **options,
        )
    config.registry["form_views"][route_name] = view
    config.registry["form_minutes"][route_name] = options.get("fresh")


def includeme(config: Configurator) -> None:
    config.registry["form_views"] = {}
    # By the route of a form, for how many minutes a proof of who one is is enough; None where it needs none.
    config.registry["form_minutes"] = {}
    config.add_directive("add_form_view", add_form_view)

    def keep_environment() -> None:
        config.registry["jinja2"] = config.get_jinja2_environment()

    config.action("forms.environment", keep_environment, order=10_000)
