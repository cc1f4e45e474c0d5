"""What a form says that comes back without its password: no page ever holds one, so it has to be typed again."""

from collections.abc import Mapping

import deform
from translationstring import TranslationString

from myproject.errors import waiting
from myproject.i18n import _

TYPE_AGAIN = _("Type it once more: a password does not come back with what you wrote.")


def typed_secrets(form: deform.Form, typed: Mapping[str, str]) -> list[deform.Field]:
    """The fields of passwords of which something was `typed`."""
    return [
        child
        for child in form.children
        if isinstance(child.widget, deform.widget.PasswordWidget) and typed.get(child.name)
    ]


def renewed_words(*, secret: bool) -> TranslationString:
    """What a form says whose page was too old to be believed; `secret`: with a password."""
    if secret:
        return _(
            "This page was open for so long that it had to be renewed. Type the password once more and send it"
            " again: everything else is still here."
        )
    return _("This page was open for so long that it had to be renewed. Nothing is lost: send it once more.")


def waiting_with_password(seconds: int) -> TranslationString:
    """What a form with a password says where it was sent too often, and how long to wait."""
    return waiting(
        seconds,
        _("That was too much in a short time. Type the password again, and send it in ${seconds} seconds."),
        _("That was too often in a short time. Type the password again, and send it in ${minutes} minutes."),
        _("That was too often in a short time. Type the password again, and send it in ${hours} hours."),
    )
