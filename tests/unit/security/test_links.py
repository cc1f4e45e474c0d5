"""Signed links that never end: nobody else makes one, and one of another purpose is none."""

import pytest

from myproject.security.keys import KeyRing
from myproject.security.links import make_link_token, read_link_token

OLD, NEW = "old " + "0" * 40, "new " + "1" * 40
EARLIEST = "WzcsInJlcGx5Il0.Uc74OKGiDRoWHGsXco9jU_RdbHXyGKW2l0D0u6O0KjI"


def test_a_link_outlives_a_new_key_and_ends_with_its_own() -> None:
    token = make_link_token(KeyRing((OLD,)), "a", [1, "é"])
    assert read_link_token(KeyRing((NEW, OLD)), "a", token) == [1, "é"]
    assert make_link_token(KeyRing((NEW, OLD)), "a", [1, "é"]) == make_link_token(KeyRing((NEW,)), "a", [1, "é"])
    assert read_link_token(KeyRing((NEW,)), "a", token) is None


def test_a_mail_that_is_sent_again_has_the_same_link() -> None:
    # Links of mails that were sent must live on: this one was made when the first were.
    assert make_link_token(KeyRing((OLD,)), "unsubscribe", [7, "reply"]) == EARLIEST


@pytest.mark.parametrize("value", [7, [7, "reply"]])
def test_a_link_of_another_purpose_or_with_another_value_is_none(value: object) -> None:
    keys = KeyRing((OLD,))
    token = make_link_token(keys, "a", value)
    payload, _dot, signature = token.rpartition(".")
    other = make_link_token(keys, "a", 8).rpartition(".")[0]
    wrong = [f"{other}.{signature}", f"{payload}.", payload, "", ".", "x" * 300, token[:-1], "é.\ud800"]
    assert [read_link_token(keys, "a", each) for each in wrong] == [None] * len(wrong)
    assert read_link_token(keys, "b", token) is None
    assert read_link_token(keys, "a", keys.signer("a").dumps(value)) is None
