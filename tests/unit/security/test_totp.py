"""Codes of authenticator apps, against the vectors of RFC 6238."""

import re
from base64 import b32encode
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest

from myproject.security import totp

# RFC 6238, appendix B: SHA-1; what six digits show of its eight.
SECRET = b32encode(b"12345678901234567890").decode()
VECTORS = [
    (59, 0x1, "94287082"),
    (1_111_111_109, 0x23523EC, "07081804"),
    (1_111_111_111, 0x23523ED, "14050471"),
    (1_234_567_890, 0x273EF07, "89005924"),
    (2_000_000_000, 0x3F940AA, "69279037"),
    (20_000_000_000, 0x27BC86AA, "65353130"),
]
NOW = datetime(2026, 11, 22, 12, 0, 10, tzinfo=UTC)


@pytest.mark.parametrize(("seconds", "step", "digits"), VECTORS)
def test_codes_are_those_of_the_standard(seconds: int, step: int, digits: str) -> None:
    moment = datetime.fromtimestamp(seconds, UTC)
    assert totp.step_at(moment) == step
    assert totp.code_at(SECRET, step) == digits[-6:]
    assert totp.matching_step(SECRET, digits[-6:], moment) == step


@pytest.mark.parametrize(("steps", "taken"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_code_may_be_one_step_early_or_late(steps: int, taken: bool) -> None:
    code = totp.code_at(SECRET, totp.step_at(NOW) + steps)
    assert totp.matching_step(SECRET, code, NOW) == (totp.step_at(NOW) + steps if taken else None)


@pytest.mark.parametrize(
    "typed",
    [
        "123456",
        " 123 456 ",
        "123-456",
        "12\u201334\u201156",
        "1\u00a023456",
        "\u0661\u0662\u0663456",
        "\uff11\uff12\uff13456",
    ],
)
def test_blanks_dashes_and_digits_of_other_scripts_are_the_same_code(typed: str) -> None:
    assert totp.normalise(typed) == "123456"


@pytest.mark.parametrize("code", ["", "12345", "1234567", "12345a", "wdjb-mjht", "\ud800", "½"])
def test_what_is_no_code_matches_nothing(code: str) -> None:
    assert totp.matching_step(SECRET, totp.normalise(code), NOW) is None


def test_secrets_are_160_random_bits_and_shown_in_fours() -> None:
    one, other = totp.make_secret(), totp.make_secret()
    assert one != other
    assert re.fullmatch("[A-Z2-7]{32}", one)
    assert re.fullmatch("([A-Z2-7]{4} ){7}[A-Z2-7]{4}", totp.grouped(one))


def test_the_address_names_site_and_account_whatever_is_in_their_names() -> None:
    address = totp.address(SECRET, "ann & bob", "A: site?")
    assert address == f"otpauth://totp/A%20%20site%3F:ann%20%26%20bob?secret={SECRET}&issuer=A%20%20site%3F"


def test_the_qr_code_needs_no_style_and_no_script() -> None:
    image = ElementTree.fromstring(totp.qr_code(totp.address(SECRET, "a" * 30, "A site")))
    assert image.tag == "svg"
    for element in image.iter():
        assert element.tag in ("svg", "g", "path")
        assert not {name for name in element.attrib if name == "style" or name.startswith("on")}


def test_other_moments_of_a_step_have_its_code() -> None:
    code = totp.code_at(SECRET, totp.step_at(NOW))
    assert totp.matching_step(SECRET, code, NOW + timedelta(seconds=19)) == totp.step_at(NOW)
