"""Random tokens and typed codes."""

import hashlib
import re

import pytest

from myproject.security.tokens import CODE_ALPHABET, hash_token, make_code, make_token, normalise_code


def test_token_holds_256_bits_and_stands_in_an_address_as_it_is() -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", make_token())


def test_tokens_differ() -> None:
    assert len({make_token() for _ in range(1000)}) == 1000


def test_stored_hash_is_sha_256_in_hexadecimal() -> None:
    assert hash_token("abc") == hashlib.sha256(b"abc").hexdigest()


@pytest.mark.parametrize("token", ["", "é", "\ud800", "\0", "a" * 10_000], ids=ascii)
def test_whatever_is_sent_as_a_token_has_a_hash(token: str) -> None:
    assert re.fullmatch(r"[0-9a-f]{64}", hash_token(token))


def test_code_is_two_groups_of_four_letters() -> None:
    assert re.fullmatch(f"[{CODE_ALPHABET}]{{4}}-[{CODE_ALPHABET}]{{4}}", make_code())


def test_code_has_no_vowels_and_no_digits() -> None:
    assert not set(CODE_ALPHABET) & set("AEIOUY0123456789")


def test_codes_use_the_whole_alphabet() -> None:
    assert set("".join(make_code() for _ in range(500))) == {*CODE_ALPHABET, "-"}


@pytest.mark.parametrize(
    "typed",
    [
        "WDJB-MJHT",
        "wdjb-mjht",
        "wdjbmjht",
        " WDJB MJHT ",
        "WDJB\u2013MJHT",
        "WDJB\u2010MJHT\n",
        "w d j b m j h t",
        "WDJB\u00a0MJHT",
    ],
    ids=ascii,
)
def test_code_is_known_however_it_is_typed(typed: str) -> None:
    assert normalise_code(typed) == "WDJB-MJHT"


@pytest.mark.parametrize("typed", ["", "WDJB-MJH", "WDJB-MJHTX", "WDJB-MJHS", "DWJB-MJHT"])
def test_another_code_stays_another(typed: str) -> None:
    assert normalise_code(typed) != "WDJB-MJHT"


def test_what_make_code_gives_is_already_normal() -> None:
    code = make_code()
    assert normalise_code(code) == code
