"""The list of common passwords."""

import pytest

from myproject.security.common_passwords import common_passwords, is_common


@pytest.mark.parametrize("password", ["1234567890", "qwertyuiop", "QWERTYUIOP", "password123", "Volkswagen"])
def test_what_many_people_use_is_common_in_any_case(password: str) -> None:
    assert is_common(password, 10)


@pytest.mark.parametrize("password", ["correct horse battery", "qwertyuiop!x", "x" * 128, ""])
def test_what_is_on_no_list_is_not(password: str) -> None:
    assert not is_common(password, 10)


def test_the_list_holds_thousands_that_are_long_enough_and_no_others() -> None:
    # ASVS 6.2.4 asks for the top 3,000 that match the policy.
    assert len(common_passwords(10)) > 3_000
    assert min(map(len, common_passwords(10))) == 10
    assert all(word == word.casefold() for word in common_passwords(10))
