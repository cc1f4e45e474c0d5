"""What can't be done with a mail in the outbox."""

import re

from myproject.emails.constants import FOR_GOOD, Fault
from myproject.errors import InputError
from myproject.i18n import _


class CannotCancel(InputError):
    message = _("This mail can't be cancelled: it has been sent, or it is being sent right now.")


class CannotResend(InputError):
    message = _("This mail can't be sent again: it is still waiting, it is too old, or its content is gone.")


ENHANCED_CODE = re.compile(r"([245]\.[0-9]{1,3}\.[0-9]{1,3})\b")


class DeliveryError(Exception):
    """A mail did not go out. Its text is for people. `code` is the server's reply (RFC 5321), 0 without one;
    `answer` is what it said, and `enhanced_code` what that begins with (RFC 3463), such as `5.1.1`, or "".
    """

    def __init__(self, text: str, fault: Fault = Fault.SERVER, *, code: int = 0, answer: str = "") -> None:
        super().__init__(text)
        self.fault = fault
        self.code = code
        self.answer = answer
        match = ENHANCED_CODE.match(answer)
        self.enhanced_code = match[1] if match else ""

    @property
    def permanent(self) -> bool:
        """Whether another try could not end otherwise."""
        return self.fault in FOR_GOOD
