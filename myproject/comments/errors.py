"""What can go wrong with a comment, in words for its author."""

from myproject.errors import EditedMeanwhile, InputError
from myproject.i18n import _


class NotVerified(InputError):
    message = _("Verify your address before you comment")


class NothingToAnswer(InputError):
    message = _("What you answer is no longer there. Your text is below, unsent.")


class AnsweredElsewhere(InputError):
    message = _("What you answer was moved to another post meanwhile. Send it once more to answer there.")


class EditConflict(EditedMeanwhile):
    message = _(
        "This comment was changed since you opened it. Yours is below, unsaved, under the present text: "
        "take over what is new, and save again."
    )


class NotRestorable(InputError):
    message = _("This can't be restored: its text is gone")


class RemovedMeanwhile(InputError):
    message = _("This comment was removed while you wrote. Your text is below, unsaved.")


class NoLongerYours(InputError):
    message = _("The time to change this is over. Your text is below, unsaved; ask the site's staff to change it.")


class CommentsClosed(InputError):
    message = _("This post takes no more comments. Your text is below, unsent.")


class Banned(InputError):
    """The member may not comment until `when`, in words, for `reason`; empty: until staff lift it."""

    def __init__(self, when: str, reason: str) -> None:
        if when:
            words = _("You may not comment until ${when}. Your text is below, unsent. Staff write: ${reason}")
        else:
            words = _("You may not comment until staff lift it. Your text is below, unsent. They write: ${reason}")
        super().__init__(words % {"when": when, "reason": reason})


class NoSuchPost(InputError):
    message = _("There is no such post to move it to: write the number or address of a published one")
    field = "target"


class AlreadyAnswered(InputError):
    message = _("Somebody else has answered this meanwhile, or its author took it back")


class TooManyInARow(InputError):
    """`number` comments were written one after the other; the next is taken in `minutes`."""

    def __init__(self, number: int, minutes: int) -> None:
        super().__init__(
            _(
                "The last ${number} comments here are yours. Let somebody else have a word, or go on in "
                "${minutes} minutes. Nothing is lost.",
                mapping={"number": number, "minutes": minutes},
            )
        )


class NoLongerThere(InputError):
    message = _("This comment is no longer there")


class MovedMeanwhile(InputError):
    message = _("This comment was moved meanwhile: look where it stands now")
