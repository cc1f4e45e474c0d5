"""What forms say, whichever they are."""

from translationstring import TranslationString

from myproject.errors import waiting
from myproject.i18n import _


def present_words(value: str) -> str:
    """What stands beside a field that has another value than what was posted: the present one."""
    if not value:
        return _("It is empty now")
    return _("It is “${value}” now", mapping={"value": value})


def another_account_words(name: str, kept: bool) -> TranslationString:
    """What a form says that was opened by another member than who is signed in now, of the nickname `name`."""
    words = _(
        "This form was opened by another account than the one that is signed in now. Nothing of it was sent. Who"
        " sends it from here sends it as ${name}."
    )
    if kept:
        words = _(
            "This form was opened by another account than the one that is signed in now. Nothing of it was sent,"
            " and what it says is kept for that account. Who sends it from here sends it as ${name}."
        )
    return words % {"name": name}


def waiting_words(seconds: int) -> TranslationString:
    """What a form says where it was sent too often, or the site has too much to do, and how long to wait."""
    return waiting(
        seconds,
        _("That was too much in a short time. Nothing is lost: try again in ${seconds} seconds."),
        _("That was too often in a short time. Nothing is lost: try again in ${minutes} minutes."),
        _("That was too often in a short time. Nothing is lost: try again in ${hours} hours."),
    )
