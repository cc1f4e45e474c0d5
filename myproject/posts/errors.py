"""What can go wrong with a post, in words for its author."""

from myproject.errors import InputError
from myproject.i18n import _


class NotVerified(InputError):
    message = _("Verify your address before you publish. Until then you can keep drafts.")


class EditConflict(InputError):
    message = _(
        "This post was changed since you opened it. Your text is below, unsaved: "
        "open the post in another tab, take over what is new, and save again."
    )


class TooManyDrafts(InputError):
    message = _("You have a great many drafts. Publish or empty some before you save another.")
