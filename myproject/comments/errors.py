"""What can go wrong with a comment, in words for its author."""

from myproject.errors import EditedMeanwhile, InputError
from myproject.i18n import _


class NotVerified(InputError):
    message = _("Verify your address before you comment")


class NothingToAnswer(InputError):
    message = _("What you answer is no longer there. Your text is below, unsent.")


class EditConflict(EditedMeanwhile):
    message = _(
        "This comment was changed since you opened it. Yours is below, unsaved, under the present text: "
        "take over what is new, and save again."
    )
