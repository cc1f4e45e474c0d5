"""Times as pages say them."""

import re
from datetime import timedelta
from types import SimpleNamespace

from pyramid.i18n import make_localizer

from myproject.db import utc_now
from myproject.web.dates import ago

ENGLISH = make_localizer("en", [])
READER = SimpleNamespace(
    time_zone="UTC", locale_name="en", localizer=ENGLISH, translate=lambda text: text.interpolate()
)


def said(before: timedelta) -> str:
    return re.sub("<[^>]*>", "", ago(READER, utc_now() - before))


def test_what_is_past_is_said_by_how_long_ago_it_was_and_what_is_to_come_never_is() -> None:
    assert said(timedelta(seconds=5)) == said(timedelta(seconds=-5)) == "just now"
    assert said(timedelta(minutes=1, seconds=1)) == "1 minute ago"
    assert said(timedelta(days=3, seconds=1)) == "3 days ago"
    for to_come in (timedelta(minutes=-2), timedelta(days=-3)):
        assert str((utc_now() - to_come).year) in said(to_come)
        assert "ago" not in said(to_come)
