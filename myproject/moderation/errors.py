"""What can go wrong with a report or with its answer, in words for who sent it."""

from myproject.errors import InputError
from myproject.i18n import _


class NotInTheOpen(InputError):
    message = _("This is no longer in the open, so there is nothing to report")


class LookedAtBefore(InputError):
    message = _("Staff have looked at your report of this text, and left it as it is. It has not changed since.")


class AlreadyAnswered(InputError):
    message = _("Somebody else has answered this meanwhile, or its author took it back")


class OwnText(InputError):
    message = _("You wrote this: somebody else of the staff decides")


class NotHidden(InputError):
    message = _("This text is not hidden any more")


class ChangedBefore(InputError):
    message = _(
        "You have changed this once since it was hidden. Staff look at it now; your text is below, unsaved."
    )


class TooSoon(InputError):
    """The author may change a hidden text in `minutes`."""

    def __init__(self, minutes: int) -> None:
        super().__init__(
            _(
                "This was hidden a short while ago. You can change it in ${minutes} minutes; your text is below, "
                "unsaved.",
                mapping={"minutes": minutes},
            )
        )
