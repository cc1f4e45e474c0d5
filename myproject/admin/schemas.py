"""The shape of what the admin forms take."""

from myproject.audit import REASON_MAX_LENGTH
from myproject.forms.schema import Schema, choice, line
from myproject.i18n import _
from myproject.users import constants as USER

ROLE_TITLES = {USER.Role.ADMIN: _("Admin"), USER.Role.STAFF: _("Staff"), USER.Role.USER: _("Member")}
STATUS_TITLES = {
    USER.Status.INACTIVE: _("Shut"),
    USER.Status.NEW: _("New, address not verified"),
    USER.Status.ACTIVE: _("Active"),
}


class UserChange(Schema):
    role = choice("role", _("Role"), [(str(int(role)), title) for role, title in ROLE_TITLES.items()])
    status = choice("status", _("Status"), [(str(int(status)), title) for status, title in STATUS_TITLES.items()])
    reason = line("reason", _("Reason"), min=3, max=REASON_MAX_LENGTH, hint=_("It stands in the audit"))
