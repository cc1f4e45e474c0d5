"""The shape of what the admin forms take, and what people call the values that admins see."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import colander
import deform
from translationstring import TranslationString

from myproject.admin import constants as ADMIN
from myproject.audit import REASON_MAX_LENGTH
from myproject.emails import constants as EMAIL
from myproject.emails.doctor.probe import HEADERS_MAX_LENGTH
from myproject.forms.schema import Schema, TextType, choice, line, paragraph
from myproject.i18n import _
from myproject.posts import constants as POST
from myproject.switches import Name, Position
from myproject.users import constants as USER

ROLE_TITLES = {USER.Role.ADMIN: _("Admin"), USER.Role.STAFF: _("Staff"), USER.Role.USER: _("Member")}
STATUS_TITLES = {
    USER.Status.INACTIVE: _("Shut"),
    USER.Status.NEW: _("New, address not verified"),
    USER.Status.ACTIVE: _("Active"),
}
APPROVAL_TITLES = {
    USER.Approval.NONE: _("Not needed"),
    USER.Approval.WAITING: _("Waiting"),
    USER.Approval.GIVEN: _("Let in"),
    USER.Approval.REFUSED: _("Refused"),
}
# By text: a mail or an entry of the audit may be of a version that knew more kinds.
KIND_TITLES: dict[str, TranslationString] = {
    EMAIL.Kind.VERIFY: _("Confirm an address"),
    EMAIL.Kind.ALREADY_REGISTERED: _("Registered already"),
    EMAIL.Kind.RESET_PASSWORD: _("Choose a new password"),
    EMAIL.Kind.PASSWORD_CHANGED: _("Password changed"),
    EMAIL.Kind.LOST_SECOND_FACTOR: _("Lost second factor"),
    EMAIL.Kind.SECOND_FACTOR_RESET: _("Second factor will be turned off"),
    EMAIL.Kind.SECURITY_NOTICE: _("Notice about an account's safety"),
    EMAIL.Kind.EXPORT_READY: _("Data are ready to be fetched"),
    EMAIL.Kind.DELETION_ASKED: _("Account will be deleted"),
    EMAIL.Kind.ACCOUNT_APPROVED: _("Let in"),
    EMAIL.Kind.ACCOUNT_REFUSED: _("Not let in"),
    EMAIL.Kind.ACCOUNT_SHUT: _("Account shut"),
    EMAIL.Kind.CHANGE_EMAIL: _("Confirm a new address"),
    EMAIL.Kind.EMAIL_CHANGED: _("Address changed"),
    EMAIL.Kind.REPLY: _("Answer to a post or comment"),
    EMAIL.Kind.TEXT_APPROVED: _("Post or comment approved"),
    EMAIL.Kind.TEXT_REFUSED: _("Post or comment not approved"),
    EMAIL.Kind.PROBE: _("Probe of the mail doctor"),
    EMAIL.Kind.TEXT_CHANGED: _("Post or comment removed or changed by staff"),
    EMAIL.Kind.MENTION: _("Mention"),
    EMAIL.Kind.FOLLOWED: _("News of a followed post or tag"),
    EMAIL.Kind.THREAD: _("Several news of one post"),
    EMAIL.Kind.DIGEST: _("Digest"),
}
IN_THE_AUDIT = _("It stands in the audit")
POSITION_TITLES = {Position.ON: _("On"), Position.OFF: _("Off")}
STATE_TITLES = {
    EMAIL.State.QUEUED: _("Waiting"),
    EMAIL.State.SENDING: _("Being sent"),
    EMAIL.State.SENT: _("Sent"),
    EMAIL.State.DEAD: _("Dead"),
    EMAIL.State.CANCELLED: _("Given up"),
    EMAIL.State.EXPIRED: _("Too old"),
    EMAIL.State.SUPPRESSED: _("Not sent, for the address bounces"),
}
TOPIC_TITLES: dict[str, TranslationString] = {
    EMAIL.Topic.POST_REPLY: _("Answers to posts"),
    EMAIL.Topic.COMMENT_REPLY: _("Answers to comments"),
    EMAIL.Topic.MENTION: _("Mentions"),
    EMAIL.Topic.FOLLOWED_POST: _("Followed posts"),
    EMAIL.Topic.FOLLOWED_TAG: _("Followed tags"),
    EMAIL.Topic.MODERATION: _("Decisions of staff"),
    EMAIL.Topic.DIGEST: _("Digests"),
}
SUPPRESSION_TITLES = {
    EMAIL.Reason.SOFT: _("Bounces for a while"),
    EMAIL.Reason.HARD: _("Bounces for good"),
    EMAIL.Reason.COMPLAINT: _("Called spam by its reader"),
}
ACTION_TITLES = {
    "user.create": _("Account made"),
    "user.role": _("Role changed"),
    "user.status": _("Status changed"),
    "user.approval": _("Request to join answered"),
    "user.sessions": _("Signed out everywhere"),
    "user.password_reset": _("Link for a new password sent"),
    "user.second_factor": _("Second factor reset"),
    "user.second_factor_hasten": _("Agreed to reset the second factor at once"),
    "email.resend": _("Mail sent again"),
    "email.cancel": _("Mail given up"),
    "suppression.lift": _("Mail let through again"),
    "switch.turn": _("Switch turned"),
    "post.approve": _("Post approved"),
    "post.edit": _("Post changed"),
    "post.remove": _("Post removed"),
    "post.restore": _("Post put back"),
    "post.lock": _("Post locked"),
    "post.unlock": _("Post unlocked"),
    "post.pin": _("Post pinned"),
    "post.unpin": _("Post no longer pinned"),
    "post.merge": _("Post merged into another"),
    "post.keep": _("Reported post left as it is"),
    "post.show": _("Hidden post put back"),
    "post.ask": _("Change of a hidden post asked for"),
    "comment.approve": _("Comment approved"),
    "comment.edit": _("Comment changed"),
    "comment.remove": _("Comment removed"),
    "comment.restore": _("Comment put back"),
    "comment.move": _("Comment moved"),
    "comment.keep": _("Reported comment left as it is"),
    "comment.show": _("Hidden comment put back"),
    "comment.ask": _("Change of a hidden comment asked for"),
    "ban.set": _("Banned from commenting"),
    "ban.lift": _("Ban from commenting lifted"),
    "tag.edit": _("Tag changed"),
    "image.delete": _("Image deleted"),
}
# By the name of the table that it is a row of.
TARGET_TITLES = {
    "users": _("Member"),
    "posts": _("Post"),
    "comments": _("Comment"),
    "comment_bans": _("Ban from commenting"),
    "tags": _("Tag"),
    "images": _("Image"),
    "emails": _("Mail"),
    "suppressions": _("Address that mail comes back from"),
    "switches": _("Switch"),
}
# Of posts; those of comments have the same names.
TEXT_STATUS_TITLES = {
    POST.Status.DRAFT: _("Draft"),
    POST.Status.PUBLISHED: _("In the open"),
    POST.Status.REMOVED: _("Removed"),
    POST.Status.WAITING: _("Waiting for approval"),
    POST.Status.HIDDEN: _("Hidden"),
}


def by_name(titles: Mapping[Any, TranslationString]) -> dict[str, TranslationString]:
    """The titles of an enum's values by their names, as the audit writes them."""
    return {value.name: title for value, title in titles.items()}


# What changed, and the names of its values.
VALUE_TITLES: dict[str, dict[str, TranslationString]] = {
    "reason": by_name(SUPPRESSION_TITLES),
    "role": by_name(ROLE_TITLES),
    "status": by_name(STATUS_TITLES) | by_name(TEXT_STATUS_TITLES),
    "approval": by_name(APPROVAL_TITLES),
    "state": by_name(STATE_TITLES),
    "second_factor": {"ON": _("On"), "OFF": _("Off")},
    "unseen": {"True": _("Seen by its author and staff alone")},
    "retired": {"True": _("No longer in use"), "False": _("In use")},
    Name.CAPTCHA.value: by_name(POSITION_TITLES),
    Name.WRITING.value: {"ON": _("Members write"), "OFF": _("Only staff write")},
}
# What those are values of that have no such names.
WHAT_TITLES = {
    "comments": _("Comments"),
    "description": _("Description"),
    "ends": _("Until"),
    "name": _("Name"),
    "post": _("Post"),
    "reason": _("Reason"),
    "synonym_of": _("Synonym of"),
    "user": _("Member"),
    "user_id": _("Member"),
    "version": _("Version"),
}


@dataclass(frozen=True)
class ShownValue:
    """A value of an audit entry as admins read it: what it is of, where it does not say so itself; the `moment`
    that it is, or a `text`; the route and number of the page that it leads to, if any.
    """

    what: str
    text: str = ""
    moment: datetime | None = None
    page: str = ""
    number: int = 0


def value_titles(values: Mapping[str, Any], names: Mapping[int, str] | None = None) -> list[ShownValue]:
    """What people read in place of the values `before` or `after` of an audit entry; `names` are those of members
    that there are, by their numbers. A value that nothing is known of stands as it is.
    """
    return [shown_value(what, value, names or {}) for what, value in values.items() if value != ""]


def shown_value(what: str, value: Any, names: Mapping[int, str]) -> ShownValue:
    """One of them."""
    title = VALUE_TITLES.get(what, {}).get(str(value))
    if title is not None:
        return ShownValue("", title)
    label = WHAT_TITLES.get(what, what)
    if what in ("user", "user_id") and value in names:
        return ShownValue(label, names[value], page="admin.users.view", number=value)
    if what == "post" and isinstance(value, int):
        return ShownValue(label, str(value), page="posts.short", number=value)
    if what == "ends":
        try:
            return ShownValue(label, moment=datetime.fromisoformat(value))
        except (TypeError, ValueError):
            # Of another version: as it is.
            pass
    return ShownValue(label, str(value))


def reason_node(hint: TranslationString = IN_THE_AUDIT) -> colander.SchemaNode:
    """Why an admin changes something; `hint` says who reads it."""
    return line("reason", _("Reason"), min=ADMIN.REASON_MIN_LENGTH, max=REASON_MAX_LENGTH, hint=hint)


def shown(name: str) -> colander.SchemaNode:
    """What the page showed as the choice `name`: only what differs from it is wanted. A form without it has shown
    nothing.
    """
    return colander.SchemaNode(TextType(), widget=deform.widget.HiddenWidget(), name=f"shown_{name}", missing="")


class Decision(Schema):
    shown_approval = shown("approval")
    message = paragraph(
        "message",
        _("Message"),
        max=REASON_MAX_LENGTH,
        rows=3,
        optional=True,
        hint=_("It stands in the mail, and in the audit"),
    )


class Headers(Schema):
    headers = paragraph(
        "headers",
        _("Headers of the probe"),
        max=HEADERS_MAX_LENGTH,
        rows=6,
        optional=True,
    )


class Lift(Schema):
    reason = reason_node()


class Switches(Schema):
    newcomers = choice(
        "newcomers",
        _("Check that newcomers are people"),
        [(position.value, title) for position, title in POSITION_TITLES.items()],
        description=_("Off for as long as its provider is away, or it keeps people out who should get in"),
    )
    writing = choice(
        "writing",
        _("Members write posts and comments"),
        [(position.value, title) for position, title in POSITION_TITLES.items()],
        description=_("Off: everybody reads on, and only staff write"),
    )
    shown_newcomers = shown("newcomers")
    shown_writing = shown("writing")
    reason = reason_node()


class UserChange(Schema):
    role = choice("role", _("Role"), [(str(int(role)), title) for role, title in ROLE_TITLES.items()])
    status = choice("status", _("Status"), [(str(int(status)), title) for status, title in STATUS_TITLES.items()])
    shown_role = shown("role")
    shown_status = shown("status")
    reason = reason_node(
        _("It stands in the audit. Whose account is shut reads it in a mail, and when they try to sign in")
    )
