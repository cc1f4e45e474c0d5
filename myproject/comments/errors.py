"""What can go wrong with a comment, in words for its author."""

from myproject.errors import InputError
from myproject.i18n import _


class NotVerified(InputError):
    message = _("Verify your address before you comment")


class EditConflict(InputError):
    message = _("This comment was changed since you opened it. Your text is below, unsaved.")
