"""The shape of what the forms of comments take."""

import colander
import deform

from myproject.forms.pictures import alt_node, image_node
from myproject.forms.schema import IntegerType, Schema, line, paragraph, shown
from myproject.i18n import _
from myproject.posts import constants as POST
from myproject.posts.schemas import BODY_ATTRIBUTES, Reason, body_size


def body_node() -> colander.SchemaNode:
    return paragraph("body", _("Your comment"), rows=6, check=body_size, attributes=BODY_ATTRIBUTES)


class NewComment(Schema):
    body = body_node()
    image = image_node()
    image_alt = alt_node()
    parent_id = colander.SchemaNode(
        IntegerType(), widget=deform.widget.HiddenWidget(), missing=None, name="parent_id"
    )


class EditedComment(Schema):
    body = body_node()
    image = image_node()
    image_alt = alt_node()
    version = colander.SchemaNode(IntegerType(), widget=deform.widget.HiddenWidget(), name="version")


class Answer(Schema):
    shown = shown()
    reason = paragraph(
        "reason",
        _("Reason"),
        max=POST.REASON_MAX_LENGTH,
        rows=2,
        optional=True,
        hint=_("Its author gets to read it; needed to remove"),
    )


class CommentEditedByStaff(EditedComment, Reason):
    """Staff say why they change what somebody else wrote."""


class NewThread(Schema):
    """What is said above a thread that becomes a post of its own, and why it does."""

    title = line("title", _("Title"), min=POST.TITLE_MIN_LENGTH, max=POST.TITLE_MAX_LENGTH)
    body = paragraph(
        "body",
        _("Text"),
        rows=4,
        check=body_size,
        hint=_("It stands above the comments"),
        attributes=BODY_ATTRIBUTES,
    )
    reason = line("reason", _("Reason"), min=3, max=POST.REASON_MAX_LENGTH, hint=_("It stands in the audit"))
    post_id = colander.SchemaNode(IntegerType(), widget=deform.widget.HiddenWidget(), name="post_id")


class Target(Schema):
    """Another post, and why something goes there."""

    target = line("target", _("To which post"), max=300, hint=_("Its number or address"))
    reason = line("reason", _("Reason"), min=3, max=POST.REASON_MAX_LENGTH, hint=_("It stands in the audit"))
