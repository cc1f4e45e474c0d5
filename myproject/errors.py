"""Errors that services raise when what somebody asked for can't be; a form shows each beside its field."""

import math
from collections.abc import Mapping

from translationstring import TranslationString

from myproject.i18n import _


class InputError(Exception):
    """`message` for the reader (a translation string); `field` is where it belongs, None for the form as a
    whole.
    """

    message: str | TranslationString = ""
    field: str | None = None

    def __init__(self, message: str | TranslationString | None = None, field: str | None = None) -> None:
        self.message = message or type(self).message
        self.field = field or type(self).field
        super().__init__(str(self.message))


class Overtaken(InputError):
    """What a form acts upon is no longer what its page showed."""

    message = _(
        "This has changed since you opened it: look at it as it is now. Nothing of yours is done yet; press again "
        "if it is to be so all the same."
    )


class TooManyBytes(InputError):
    """A file is too big; `message` names the `${megabytes}` that it may have."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(self.message % {"megabytes": max_bytes // 1_000_000})


class EditedMeanwhile(InputError):
    """Somebody saved another text since this one was opened. `version` and `text` are those of the present one;
    `others` are the other fields that say something else now, by their names.
    """

    def __init__(self, version: int, text: str, others: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self.version = version
        self.text = text
        self.others = others or {}


def waiting(
    seconds: int, in_seconds: TranslationString, in_minutes: TranslationString, in_hours: TranslationString
) -> TranslationString:
    """Which of three sentences says best how long to wait: the one with `${seconds}`, `${minutes}` or `${hours}`.

    It never says less than it takes, and never "1 seconds": none of them has a singular.
    """
    if seconds < 90:
        return in_seconds % {"seconds": max(2, seconds)}
    if seconds < 90 * 60:
        return in_minutes % {"minutes": math.ceil(seconds / 60)}
    return in_hours % {"hours": math.ceil(seconds / 3600)}
