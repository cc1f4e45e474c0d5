"""What can't be done with a mail in the outbox."""

from myproject.errors import InputError
from myproject.i18n import _


class CannotCancel(InputError):
    message = _("This mail can't be cancelled: it has been sent, or it is being sent right now.")


class CannotResend(InputError):
    message = _("This mail can't be sent again: it is still waiting, it is too old, or its content is gone.")
