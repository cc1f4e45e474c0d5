"""The shape of what the forms of posts take."""

import re

import colander
import deform

from myproject.forms.pictures import alt_node, image_node
from myproject.forms.schema import BIDI_CONTROLS, IntegerType, Schema, checkbox, line, paragraph, shown
from myproject.i18n import _
from myproject.posts import constants as POST
from myproject.posts.services.links import host_of
from myproject.text import canonical, is_name

# Blanks, what no address holds unquoted (RFC 3986, 2), and what turns the direction of writing around.
UNLINKABLE = re.compile(r"[\s\\<>\"]|" + BIDI_CONTROLS.pattern)
# Read by limits.js.
BODY_ATTRIBUTES = {"data-max-bytes": str(POST.BODY_MAX_BYTES)}


def body_size(node: colander.SchemaNode, value: str) -> None:
    """A text of at most 64 KiB, as UTF-8."""
    if len(value.encode()) > POST.BODY_MAX_BYTES:
        raise colander.Invalid(node, _("This is too long: at most 64 KiB. Split it, or shorten it."))


def tag_list(text: str) -> tuple[str, ...]:
    """Tags as typed, with commas or blanks between and perhaps # before, as canonical names."""
    words = [canonical(word.lstrip("#")) for word in re.split(r"[,\s]+", text)]
    return tuple(dict.fromkeys(word for word in words if word))


def tag_names(node: colander.SchemaNode, text: str) -> None:
    value = tag_list(text)
    if len(value) > POST.TAGS_MAX:
        raise colander.Invalid(node, _("At most ${max} tags", mapping={"max": POST.TAGS_MAX}))
    for name in value:
        if len(name) > POST.TAG_MAX_LENGTH or not is_name(name, POST.TAG_JOINERS):
            raise colander.Invalid(
                node, _("“${tag}” can't be a tag: use letters, digits and -", mapping={"tag": name[:40]})
            )


def web_link(node: colander.SchemaNode, value: str) -> None:
    """A whole address in the web, that shows where it leads."""
    if "." not in host_of(value).strip(".") or UNLINKABLE.search(value):
        raise colander.Invalid(node, _("Write a whole address, such as https://example.org"))


class PostText(Schema):
    title = line("title", _("Title"), min=POST.TITLE_MIN_LENGTH, max=POST.TITLE_MAX_LENGTH)
    body = paragraph(
        "body",
        _("Text"),
        rows=14,
        check=body_size,
        attributes=BODY_ATTRIBUTES,
        hint=_("Markdown works here: **bold**, *italic*, lists, tables, ``` for code"),
    )
    link_url = line(
        "link_url",
        _("Link"),
        max=POST.LINK_MAX_LENGTH,
        check=web_link,
        attributes={"inputmode": "url"},
        optional=True,
        hint=_("What you write about, where that stands elsewhere"),
    )
    image = image_node()
    image_alt = alt_node()
    tags = line(
        "tags",
        _("Tags"),
        max=POST.TAGS_MAX * (POST.TAG_MAX_LENGTH + 2),
        check=tag_names,
        optional=True,
        hint=_("Up to five, with commas or spaces between: tea, street-food"),
    )


class EditedPostText(PostText):
    version = colander.SchemaNode(IntegerType(), widget=deform.widget.HiddenWidget(), name="version")


class PostEditedByStaff(EditedPostText):
    """Staff say why they change what somebody else wrote."""

    reason = line("reason", _("Reason"), min=3, max=POST.REASON_MAX_LENGTH, hint=_("Everybody can read it"))


class NoFields(Schema):
    """A form that only asks."""


class Reason(Schema):
    reason = line(
        "reason",
        _("Reason"),
        min=3,
        max=POST.REASON_MAX_LENGTH,
        hint=_("Everybody can read it"),
    )


class RestoredVersion(Schema):
    """Which older text is to be the present one, and over which."""

    revision = colander.SchemaNode(IntegerType(), widget=deform.widget.HiddenWidget(), name="revision")
    version = colander.SchemaNode(IntegerType(), widget=deform.widget.HiddenWidget(), name="version")


def tag_name(node: colander.SchemaNode, text: str) -> None:
    if text and not is_name(canonical(text), POST.TAG_JOINERS):
        raise colander.Invalid(node, _("Use letters, digits and -"))


class TagText(Schema):
    name = line("name", _("Name"), max=POST.TAG_MAX_LENGTH, check=tag_name)
    description = paragraph(
        "description", _("Description"), max=POST.TAG_DESCRIPTION_MAX_LENGTH, rows=3, optional=True
    )
    retired = checkbox("retired", _("Retired: given to no new post"))
    synonym_of = line(
        "synonym_of",
        _("Synonym of"),
        max=POST.TAG_MAX_LENGTH,
        check=tag_name,
        optional=True,
        hint=_("Another tag, which the posts with this one get now, and new ones from then on"),
    )
    shown = shown()
