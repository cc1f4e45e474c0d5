"""Schema nodes that are safe by themselves: text is clean and bounded, numbers fit the database, addresses
are whole.

Colander lets NUL, lone surrogates and numbers of any size through, and its Email accepts a line break at the
end; what passes these nodes can be stored on both databases. Keep schemas flat, and check facts (is the name
taken?) in services.
"""

import re
import unicodedata
from typing import Any

import colander
import deform
from email_validator import EmailNotValidError, validate_email

from myproject.i18n import _
from myproject.text import ENCODED_WORD, is_visible
from myproject.users import constants as USER

# C0 and C1 but tab and line feed, and surrogates: no keyboard types them and no page can show them.
UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
BIDI_CONTROLS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069\u061c]")
LINE_BREAKS = re.compile(r"[\t\n\u2028\u2029]+")
# What fields of passwords may be called: no page has what was typed in them, whatever else it gives back.
PASSWORD_NAMES = ("password", "confirm", "current")
REQUIRED = _("Fill in this field")


class Schema(colander.MappingSchema):
    """The base of all schemas: flat, unknown keys ignored."""


class TextType(colander.String):
    """Text in NFC with `\\n` line ends and without unprintable characters; `multiline=False` makes it one
    trimmed line.
    """

    def __init__(self, *, multiline: bool = False) -> None:
        super().__init__()
        self.multiline = multiline

    def deserialize(self, node: colander.SchemaNode, cstruct: Any) -> Any:
        if cstruct is colander.null:
            return colander.null
        if not isinstance(cstruct, str):
            raise colander.Invalid(node, _("This is not text"))
        text = unicodedata.normalize("NFC", cstruct.replace("\r\n", "\n").replace("\r", "\n"))
        text = UNPRINTABLE.sub("", text)
        if not self.multiline:
            text = LINE_BREAKS.sub(" ", text).strip()
        return text if is_visible(text) else colander.null


class PasswordType(colander.String):
    """A password exactly as typed: never trimmed, folded or cut (OWASP ASVS 5.0: 6.2.8)."""

    def deserialize(self, node: colander.SchemaNode, cstruct: Any) -> Any:
        if cstruct is colander.null or cstruct == "":
            return colander.null
        if not isinstance(cstruct, str):
            raise colander.Invalid(node, _("This is not text"))
        return cstruct.encode("utf-8", "replace").decode()


class EmailType(TextType):
    """One mail address, whole and deliverable by its form: local part kept, domain in lower case, at most 254
    long. None that mail programs would decode to another one (RFC 2047).
    """

    def deserialize(self, node: colander.SchemaNode, cstruct: Any) -> Any:
        text = super().deserialize(node, cstruct)
        if text is colander.null:
            return text
        try:
            address = validate_email(text, check_deliverability=False, test_environment=True).normalized
        except EmailNotValidError:
            address = ""
        if not address or ENCODED_WORD in address:
            raise colander.Invalid(node, _("Write an address like name@example.org"))
        if len(address) > USER.EMAIL_MAX_LENGTH:
            raise colander.Invalid(node, _("This address is too long"))
        return address


class IntegerType(colander.Integer):
    """Decimal ASCII digits within what both databases store as BIGINT."""

    def deserialize(self, node: colander.SchemaNode, cstruct: Any) -> Any:
        if cstruct is colander.null or cstruct == "":
            return colander.null
        if not isinstance(cstruct, str) or not re.fullmatch(r"-?[0-9]{1,18}", cstruct):
            raise colander.Invalid(node, _("This is not a number"))
        return int(cstruct)


class LimitedLength(colander.Length):
    """Bounds in characters (code points), told in words."""

    def __init__(self, min: int | None = None, max: int | None = None) -> None:
        super().__init__(
            min,
            max,
            min_err=_("Write at least ${min} characters"),
            max_err=_("Write at most ${max} characters"),
        )


def line(name: str, title: str, *, max: int, min: int | None = None, **options: Any) -> colander.SchemaNode:
    """A node for one line of text of `min` to `max` characters; see `node` for the options."""
    return node(TextType(), name, title, deform.widget.TextInputWidget, LimitedLength(min, max), max, options)


def paragraph(
    name: str, title: str, *, max: int | None = None, rows: int = 6, **options: Any
) -> colander.SchemaNode:
    """A node for text of several lines, of at most `max` characters; leading blanks are kept, for they mean
    something in Markdown.
    """
    made = node(
        TextType(multiline=True),
        name,
        title,
        deform.widget.TextAreaWidget,
        LimitedLength(max=max) if max else None,
        max,
        options,
    )
    made.widget.strip = False
    made.widget.rows = rows
    return made


def email(name: str, title: str, **options: Any) -> colander.SchemaNode:
    made = node(EmailType(), name, title, deform.widget.TextInputWidget, None, USER.EMAIL_MAX_LENGTH, options)
    made.widget.attributes |= {"type": "email", "autocapitalize": "none", "spellcheck": "false"}
    return made


def password(name: str, title: str, *, min: int | None = None, **options: Any) -> colander.SchemaNode:
    """A password field; a limit of length is told before anything is hashed. Raises ValueError where its name is
    none of PASSWORD_NAMES.
    """
    if name not in PASSWORD_NAMES:
        raise ValueError(f"a field of a password can't be called {name}")
    maximum = USER.PASSWORD_MAX_LENGTH
    made = node(
        PasswordType(), name, title, deform.widget.PasswordWidget, LimitedLength(min, maximum), None, options
    )
    made.widget.strip = False
    return made


def shown() -> colander.SchemaNode:
    """The hidden field that says what the page showed: its visitor decides about that, and about nothing else."""
    return colander.SchemaNode(TextType(), widget=deform.widget.HiddenWidget(), name="shown", missing="")


def number(name: str, title: str, *, min: int, max: int, **options: Any) -> colander.SchemaNode:
    """A node for a whole number from `min` to `max`; see `node` for the options."""
    bounds = colander.Range(min, max, min_err=_("Write ${min} or more"), max_err=_("Write ${max} or less"))
    options["attributes"] = {"type": "number", "min": str(min), "max": str(max)} | options.get("attributes", {})
    return node(IntegerType(), name, title, deform.widget.TextInputWidget, bounds, None, options)


def checkbox(name: str, title: str, *, error: str | None = None, **options: Any) -> colander.SchemaNode:
    """A checkbox; with `error`, one that must be ticked."""

    def ticked(made: colander.SchemaNode, value: bool) -> None:
        if error and not value:
            raise colander.Invalid(made, error)

    return colander.SchemaNode(
        colander.Boolean(),
        name=name,
        title=title,
        validator=ticked,
        missing=False,
        widget=deform.widget.CheckboxWidget(),
        **options,
    )


def choice(name: str, title: str, choices: list[tuple[str, str]], **options: Any) -> colander.SchemaNode:
    """One of `choices`, pairs of value and title; anything else is refused."""
    values = [value for value, _title in choices]
    return colander.SchemaNode(
        TextType(),
        name=name,
        title=title,
        validator=colander.OneOf(values),
        missing_msg=REQUIRED,
        widget=deform.widget.SelectWidget(values=choices),
        **options,
    )


class UploadWidget(deform.widget.Widget):
    """A file to choose. The form's data never hold it: its view asks for its content (`FormView.uploaded`)."""

    template = "file_upload"

    def __init__(self, accept: str) -> None:
        super().__init__(attributes={"accept": accept})

    def serialize(self, field: deform.Field, cstruct: Any, **kw: Any) -> Any:
        return field.renderer(self.template, field=field)

    def deserialize(self, field: deform.Field, pstruct: Any) -> Any:
        return colander.null


def upload(name: str, title: str, *, accept: str, hint: str = "") -> colander.SchemaNode:
    """A node for a file that may be sent; `accept` is what browsers offer to choose (HTML: MIME types)."""
    return colander.SchemaNode(
        TextType(), name=name, title=title, description=hint, missing=None, widget=UploadWidget(accept)
    )


def node(
    typ: colander.SchemaType,
    name: str,
    title: str,
    widget: type[deform.widget.Widget],
    validator: Any,
    maxlength: int | None,
    options: dict[str, Any],
) -> colander.SchemaNode:
    """A schema node and its widget.

    Options: `check` (a validator beside the length), `hint` (shown under the label), `autocomplete`,
    `attributes` (further ones of the input), `optional` (then a field left empty is the empty string, so that
    it can be cleared).
    """
    attributes = dict(options.pop("attributes", {}))
    autocomplete = options.pop("autocomplete", None)
    if autocomplete:
        attributes["autocomplete"] = autocomplete
    if maxlength:
        attributes["maxlength"] = str(maxlength)
    hint = options.pop("hint", "")
    check = options.pop("check", None)
    if check is not None:
        validator = colander.All(validator, check) if validator else check
    if options.pop("optional", False):
        options["missing"] = ""
    return colander.SchemaNode(
        typ,
        name=name,
        title=title,
        description=hint,
        validator=validator,
        missing_msg=REQUIRED,
        widget=widget(attributes=attributes),
        **options,
    )
