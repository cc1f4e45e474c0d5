"""Times as people read them: relative words, with the exact time in the reader's zone behind them."""

from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from markupsafe import Markup, escape

from myproject.i18n import DOMAIN, _

MINUTE, HOUR, DAY = 60, 3600, 86400
JUST_NOW = _("just now")


@lru_cache(maxsize=20_000)
def exact(moment: datetime, zone: str, locale: str) -> str:
    """Such as `22 November 2026 at 17:31:02 UTC`."""
    return format_datetime(moment, "long", tzinfo=ZoneInfo(zone), locale=locale)


@lru_cache(maxsize=2_000)
def date(moment: datetime, zone: str, locale: str) -> str:
    return format_datetime(moment, "d MMM yyyy", tzinfo=ZoneInfo(zone), locale=locale)


def day(request: Any, moment: datetime) -> Markup:
    """A `<time>` element for an aware `moment`: its date, in the reader's zone."""
    words = escape(date(moment, request.time_zone, request.locale_name))
    machine = moment.isoformat(timespec="seconds")
    return Markup(f'<time datetime="{machine}">{words}</time>')  # noqa: S704


def exact_words(request: Any, moment: datetime | None) -> str:
    """A moment to come, in the reader's zone; empty where there is none."""
    return "" if moment is None else exact(moment, request.time_zone, request.locale_name)


def ago(request: Any, moment: datetime | None) -> Markup:
    """A `<time>` element for an aware `moment`: "5 minutes ago" up to thirty days, then the date;
    of a moment to come, as `exact_words`.
    """
    if moment is None:
        return Markup("")
    zone, locale = request.time_zone, request.locale_name
    seconds = int((datetime.now(UTC) - moment).total_seconds())
    # The name under which Babel looks for texts with a plural.
    ngettext = partial(request.localizer.pluralize, domain=DOMAIN)
    if seconds < -MINUTE:
        # Clocks may differ by seconds; what is further ahead is to come.
        words = exact(moment, zone, locale)
    elif seconds < MINUTE:
        words = request.translate(JUST_NOW)
    elif seconds < HOUR:
        n = seconds // MINUTE
        words = ngettext("${n} minute ago", "${n} minutes ago", n, mapping={"n": n})
    elif seconds < DAY:
        n = seconds // HOUR
        words = ngettext("${n} hour ago", "${n} hours ago", n, mapping={"n": n})
    elif seconds < 30 * DAY:
        n = seconds // DAY
        words = ngettext("${n} day ago", "${n} days ago", n, mapping={"n": n})
    else:
        words = date(moment, zone, locale)
    title, machine = escape(exact(moment, zone, locale)), moment.isoformat(timespec="seconds")
    return Markup(f'<time datetime="{machine}" title="{title}">{escape(words)}</time>')  # noqa: S704
