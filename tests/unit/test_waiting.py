"""How long to wait, in words."""

import pytest

from myproject.forms.words import waiting_words
from myproject.users.errors import TooManyMails


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1, "2 seconds"),
        (89, "89 seconds"),
        (90, "2 minutes"),
        (121, "3 minutes"),
        (3600, "60 minutes"),
        (5400, "2 hours"),
        (82_000, "23 hours"),
        (86_400, "24 hours"),
    ],
)
def test_the_wait_is_told_in_the_unit_that_suits_it_and_never_too_short(seconds: int, words: str) -> None:
    for told in (waiting_words(seconds), TooManyMails(seconds).message):
        assert told.interpolate().lower().endswith(f"try again in {words}.")
