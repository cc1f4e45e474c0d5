"""The shape of what the forms of moderation take, and what people call the values that they see."""

from myproject.forms.schema import Schema, checkbox, choice, number, paragraph, shown
from myproject.i18n import _
from myproject.moderation import constants as MODERATION
from myproject.posts import constants as POST
from myproject.users import constants as USER

REASON_TITLES = {
    MODERATION.Reason.SPAM: _("It is spam or advertising"),
    MODERATION.Reason.RUDE: _("It attacks or insults somebody"),
    MODERATION.Reason.PRIVATE: _("It tells what is private to somebody"),
    MODERATION.Reason.ILLEGAL: _("It is against the law"),
    MODERATION.Reason.OFF_TOPIC: _("It does not belong here"),
    MODERATION.Reason.OTHER: _("Something else"),
}
# By text: an entry of the audit may be of a version that knew more.
LOG_TITLES = {
    "post.approve": _("A post that waited was approved"),
    "post.edit": _("A post was changed"),
    "post.remove": _("A post was removed"),
    "post.restore": _("A removed post was put back"),
    "post.lock": _("A post was locked"),
    "post.unlock": _("A post was unlocked"),
    "post.pin": _("A post was pinned to the front page"),
    "post.unpin": _("A post was taken off the front page's top"),
    "post.merge": _("A post was merged into another"),
    "post.keep": _("A reported post was left as it is"),
    "post.show": _("A hidden post was put back"),
    "post.ask": _("The author of a hidden post was asked to change it"),
    "comment.approve": _("A comment that waited was approved"),
    "comment.edit": _("A comment was changed"),
    "comment.remove": _("A comment was removed"),
    "comment.restore": _("A removed comment was put back"),
    "comment.move": _("A comment was moved to another post"),
    "comment.keep": _("A reported comment was left as it is"),
    "comment.show": _("A hidden comment was put back"),
    "comment.ask": _("The author of a hidden comment was asked to change it"),
    "ban.set": _("A member may not comment for a time"),
    "ban.lift": _("A member may comment again"),
}


CASE_HINT = _("To remove, for everybody to read; to ask for a change, for its author")


class Report(Schema):
    reason = choice(
        "reason",
        _("What is wrong with it?"),
        [("", _("Choose")), *((str(int(reason)), title) for reason, title in REASON_TITLES.items())],
    )
    note = paragraph(
        "note",
        _("What should staff know?"),
        max=MODERATION.NOTE_MAX_LENGTH,
        rows=4,
        optional=True,
        hint=_("Only staff read this, and see that it is from you"),
    )


class CaseAnswer(Schema):
    shown = shown()
    reason = paragraph(
        "reason",
        _("Reason"),
        max=POST.REASON_MAX_LENGTH,
        rows=2,
        optional=True,
        hint=CASE_HINT,
    )


class Ban(Schema):
    days = number(
        "days",
        _("For how many days"),
        min=1,
        max=USER.BAN_DAYS_MAX,
        missing=None,
        hint=_("Empty: until staff lift it"),
    )
    reason = paragraph(
        "reason",
        _("Reason"),
        max=USER.BAN_REASON_MAX_LENGTH,
        rows=3,
        hint=_("The member gets to read it, and it stands in the audit"),
    )
    hide = checkbox("hide", _("Hide all their comments meanwhile"))


class Lift(Schema):
    shown = shown()
    show = checkbox("show", _("Put the comments back that were hidden with this"), default=True)
