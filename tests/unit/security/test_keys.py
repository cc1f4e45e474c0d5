"""Keys for each purpose, and older keys that still verify."""

from collections.abc import Callable

import pytest
from itsdangerous import BadSignature, SignatureExpired
from pyramid import testing

from myproject.security.keys import KeyRing, keys_of
from myproject.settings import Settings

OLD, NEW = "old " + "0" * 32, "new " + "1" * 32


def test_each_purpose_and_each_secret_has_a_key_of_its_own() -> None:
    ring = KeyRing((NEW, OLD))
    keys = ring.derive("csrf") + ring.derive("password")
    assert len(set(keys)) == 4
    assert {len(key) for key in keys} == {32}


def test_newest_secret_comes_first() -> None:
    assert KeyRing((NEW, OLD)).derive("csrf") == KeyRing((NEW,)).derive("csrf") + KeyRing((OLD,)).derive("csrf")


def test_derived_key_is_the_one_of_rfc_5869() -> None:
    # T(1) = HMAC-SHA256(PRK, info | 0x01), made by OpenSSL. Were it to change, every password would be lost.
    expected = "698fc56f968785e32aefa217ff205a66ac1332d89b367c2c3ca51337bc01f162"
    assert KeyRing(("a" * 32,)).derive("password")[0].hex() == expected


def test_name_of_a_key_tells_nothing_of_it_and_outlives_rotation() -> None:
    (name, key) = next(iter(KeyRing((OLD,)).derive_by_id("password").items()))
    rotated = KeyRing((NEW, OLD)).derive_by_id("password")
    assert rotated[name] == key
    assert next(iter(rotated)) != name
    assert name not in key.hex()


def test_what_is_signed_comes_back() -> None:
    signer = KeyRing((NEW,)).signer("captcha")
    assert signer.loads(signer.dumps([1, "é"])) == [1, "é"]


def test_what_an_older_key_signed_still_verifies() -> None:
    assert KeyRing((NEW, OLD)).signer("flash").loads(KeyRing((OLD,)).signer("flash").dumps("a")) == "a"


def test_the_newest_key_signs() -> None:
    assert KeyRing((NEW,)).signer("flash").loads(KeyRing((NEW, OLD)).signer("flash").dumps("a")) == "a"


def test_a_key_taken_out_no_longer_verifies() -> None:
    signed = KeyRing((OLD,)).signer("flash").dumps("a")
    with pytest.raises(BadSignature):
        KeyRing((NEW,)).signer("flash").loads(signed)


def test_what_is_signed_for_one_purpose_is_nothing_for_another() -> None:
    ring = KeyRing((NEW,))
    with pytest.raises(BadSignature):
        ring.signer("captcha").loads(ring.signer("flash").dumps("a"))


def test_a_changed_character_breaks_the_signature() -> None:
    signer = KeyRing((NEW,)).signer("flash")
    signed = signer.dumps("a")
    for place in range(len(signed)):
        # Far from the old one: the last character of base64 holds bits that mean nothing.
        other = "A" if signed[place] in "abcdefghijklmnopqrstuvwxyz" else "q"
        with pytest.raises(BadSignature):
            signer.loads(signed[:place] + other + signed[place + 1 :])


def test_what_is_signed_grows_old() -> None:
    signer = KeyRing((NEW,)).signer("flash")
    signed = signer.dumps("a")
    with pytest.raises(SignatureExpired):
        signer.loads(signed, max_age=-1)


def test_keys_come_from_the_file_that_settings_name(make_settings: Callable[..., Settings]) -> None:
    settings = make_settings()
    settings.secret_key_file.write_text(f"{NEW}\n\n{OLD}\n")
    with testing.testConfig() as config:
        config.registry["settings"] = settings
        config.include("myproject.security.keys")
        assert keys_of(config.registry).derive("a") == KeyRing((NEW, OLD)).derive("a")
