"""What can't be done with a mail in the outbox."""

import re
from typing import ClassVar

from myproject.emails.constants import FOR_GOOD, Fault, State
from myproject.errors import InputError
from myproject.i18n import _


class CannotCancel(InputError):
    """`state` is what has become of the mail."""

    message = _("This mail can't be given up: it is gone.")
    messages: ClassVar = {
        State.SENDING: _("This mail can't be given up: it is being sent right now."),
        State.SENT: _("This mail can't be given up: it has been sent."),
        State.CANCELLED: _("This mail has been given up already."),
        State.EXPIRED: _("This mail is not sent any more: it is too old."),
        State.SUPPRESSED: _(
            "This mail is not sent anyway: mail to its address comes back, or is not wanted there."
        ),
    }

    def __init__(self, state: State | None) -> None:
        super().__init__(self.messages.get(state) if state is not None else None)


class CannotResend(InputError):
    message = _(
        "This mail can't be sent again: it waits, it has been sent, it is too old, or its content is gone."
    )


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
