"""The view behind every form: show it, check it, act, or show it again with what was typed and what is wrong."""

from enum import StrEnum
from functools import partial
from typing import Any, ClassVar

import colander
import deform
from jinja2 import Environment
from markupsafe import Markup
from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPSeeOther
from pyramid.renderers import render_to_response
from pyramid.response import Response

from myproject.errors import EditedMeanwhile, InputError
from myproject.forms.schema import Schema
from myproject.i18n import _
from myproject.security.csrf import FIELD as CSRF_FIELD
from myproject.security.ratelimit import RateLimited
from myproject.web.request import Request
from myproject.web.templating import url

HIDDEN_TYPES = ("password", "confirm", "current")


class FormView:
    """A screen with one form. A subclass names its `schema`, `template`, `title` and `buttons`, and writes
    `submit`.

    `submit(data)` gets the checked values and returns a response (`self.redirect`), or raises `InputError`
    for a field.
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

    def submit(self, data: dict[str, Any]) -> Response:
        raise NotImplementedError

    def get(self) -> Response:
        self.form.cstruct = self.form.schema.serialize(self.initial())
        return self.page()

    def post(self) -> Response:
        try:
            data = self.form.validate_pstruct(self.posted())
            return self.submit(data)
        except deform.ValidationFailure:
            return self.page(422)
        except InputError as error:
            self.refuse(error.message, error.field)
            if isinstance(error, EditedMeanwhile):
                # Who saves again has seen the present text.
                self.child("version").cstruct = str(error.version)
                self.present_text = error.text
            return self.page(422)
        except RateLimited as error:
            self.refuse(waiting_words(error.retry_after))
            response = self.page(429)
            response.headers["Retry-After"] = str(error.retry_after)
            return response

    def expired(self) -> Response:
        """The form with what was posted, not acted upon: its token was missing, old or wrong."""
        self.form.cstruct = self.form.widget.deserialize(self.form, self.posted())
        self.refuse(
            _("This page was open for so long that it had to be renewed. Nothing is lost: send it once more.")
        )
        return self.page(400)

    def posted(self) -> dict[str, Any]:
        """The fields of the request that the schema knows; of a field sent twice, the last."""
        return {
            child.name: value if isinstance(value, str) else ""
            for child in self.form.children
            for value in self.request.POST.getall(child.name)[-1:]
        }

    def uploaded(self, name: str, most: int) -> bytes | None:
        """The content of the file sent as `name`, at most `most` + 1 bytes of it; None where there is none."""
        # Text has no file, and neither have the empty bytes of a file that nobody chose.
        file = getattr(self.request.POST.get(name), "file", None)
        if file is None:
            return None
        # A request that is tried again has been read to its end.
        file.seek(0)
        content: bytes = file.read(most + 1)
        return content

    def refuse(self, message: str, field: str | None = None) -> None:
        """Marks the form, and one field of it, as wrong."""
        node = self.child(field) if field else self.form
        node.error = colander.Invalid(node.schema, message)
        self.form.error = self.form.error or colander.Invalid(self.form.schema, "")

    def child(self, name: str) -> deform.Field:
        """The field of that name; the form itself where it has none."""
        return next((child for child in self.form.children if child.name == name), self.form)

    def page(self, status: int = 200) -> Response:
        form = self.form.serialize(self.form.cstruct)
        values = {
            "title": self.title,
            "form": form,
            "failed": status != 200,
            "present_text": self.present_text,
        }
        response = render_to_response(self.template, values | self.values(), request=self.request)
        response.status_int = status
        return response

    def redirect(self, route_name: str, **params: Any) -> Response:
        return HTTPSeeOther(url(self.request, route_name, **params))


def waiting_words(seconds: int) -> str:
    """What a form says where it was sent too often, or the site has too much to do, and how long to wait."""
    if seconds < 90:
        return _(
            "That was too much in a short time. Nothing is lost: try again in ${seconds} seconds.",
            mapping={"seconds": seconds},
        )
    return _(
        "That was too often in a short time. Nothing is lost: try again in ${minutes} minutes.",
        mapping={"minutes": round(seconds / 60)},
    )


def render_widget(request: Request, template: str, **values: Any) -> Markup:
    """Deform's renderer: our own templates, which have labels, hints, errors and ARIA, and no script."""
    environment: Environment = request.registry["jinja2"]
    values |= {
        "request": request,
        "csrf_field": request.csrf_field,
        "translate": request.translate,
    }
    return Markup(environment.get_template(f"forms/{template}.html").render(values))  # noqa: S704


class Ended(StrEnum):
    """Why a form has to be sent once more."""

    TOKEN = "token"  # noqa: S105 - no secret
    SIGN_IN = "sign_in"
    TERMS = "terms"  # new ones, which have to be accepted first
    FRESHNESS = "freshness"  # the sign-in lives, but is too old for what the form does


def expired_form(request: Request, ended: Ended) -> Response:
    """The answer to a form whose token or sign-in has ended: itself, filled, to be sent once more (400).

    Where the form's own view can't be asked (its visitor may not see it any more), a plain page carries the
    fields; passwords are asked for again.
    """
    route = request.matched_route.name if request.matched_route else ""
    view: type[FormView] | None = request.registry["form_views"].get(route)
    if view is not None and ended is Ended.TOKEN:
        return view(request).expired()
    fields = [
        (name, value) for name, value in request.POST.items() if name != CSRF_FIELD and isinstance(value, str)
    ]
    values = {
        "ended": ended.value,
        "fields": [field for field in fields if field[0] not in HIDDEN_TYPES],
        "secrets": [name for name, _value in fields if name in HIDDEN_TYPES],
        "action": request.path_qs,
    }
    response = render_to_response("myproject:templates/forms/resend.html", values, request=request)
    response.status_int = 400
    return response


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


def includeme(config: Configurator) -> None:
    config.registry["form_views"] = {}
    config.add_directive("add_form_view", add_form_view)

    def keep_environment() -> None:
        config.registry["jinja2"] = config.get_jinja2_environment()

    config.action("forms.environment", keep_environment, order=10_000)
