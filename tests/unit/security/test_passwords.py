"""Password hashing: every length and character, damaged hashes, keys that change, how many run at once."""

import random
import threading
from collections.abc import Callable

import bcrypt
import pytest
from pyramid import testing

from myproject.security.passwords import PasswordHasher, hasher_of
from myproject.settings import Settings

ROUNDS = 4
OLD, NEW = {"old": b"o" * 32}, {"new": b"n" * 32}


@pytest.fixture(scope="module")
def hasher() -> PasswordHasher:
    return PasswordHasher(NEW, ROUNDS, 2)


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The cost of each check that bcrypt carried out, as a power of two; one it refused costs nothing."""
    done: list[int] = []
    checkpw = bcrypt.checkpw

    def counting(password: bytes, hashed: bytes) -> bool:
        result = checkpw(password, hashed)
        done.append(int(hashed.split(b"$")[2]))
        return result

    monkeypatch.setattr(bcrypt, "checkpw", counting)
    return done


@pytest.mark.parametrize("length", range(201))
def test_password_of_any_length_counts_to_its_last_byte(hasher: PasswordHasher, length: int) -> None:
    password = random.Random(length).randbytes(length).hex()[:length]
    stored = hasher.hash(password)
    assert hasher.check(password, stored)
    assert not hasher.check(password + "x", stored)
    assert not hasher.check(password[:-1] + "x", stored)


@pytest.mark.parametrize(
    "password",
    [
        "\0",
        "\0\0",
        "a\0b",
        "\0" * 73,
        "a" * 72 + "\0",
        "😀",
        "😀" * 18,  # 72 bytes
        "👩‍👩‍👧‍👦" * 50,
        "é" * 36 + "x",  # 73 bytes
        "e\u0301",
        " blanks count ",
        "\t\r\n",
        "パスワード",
        "a" * 4096,
    ],
    ids=lambda password: ascii(password)[:40],
)
def test_password_of_any_characters_counts_to_its_last(hasher: PasswordHasher, password: str) -> None:
    stored = hasher.hash(password)
    assert hasher.check(password, stored)
    for other in (
        password + "x",
        password + "\0",
        password[:-1],
        password.strip() + " ",
        password.upper() + "A",
    ):
        assert not hasher.check(other, stored)


def test_case_and_unicode_form_of_a_password_are_kept(hasher: PasswordHasher) -> None:
    assert not hasher.check("PASSWORD", hasher.hash("password"))
    assert not hasher.check("\u00e9", hasher.hash("e\u0301"))


def test_same_password_has_another_hash_each_time(hasher: PasswordHasher) -> None:
    assert hasher.hash("a") != hasher.hash("a")


def test_hash_names_scheme_key_and_cost(hasher: PasswordHasher) -> None:
    scheme, key_id, hashed = hasher.hash("a").split("$", 2)
    assert (scheme, key_id) == ("v1", "new")
    assert hashed.startswith("$2b$04$")


def damaged_hashes() -> dict[str, str | None]:
    good = PasswordHasher(NEW, ROUNDS, 1).hash("a")
    _, key_id, hashed = good.split("$", 2)
    digest = bcrypt.hashpw(b"a", bcrypt.gensalt(ROUNDS)).decode()
    return {
        "none": None,
        "empty": "",
        "scheme only": "v1",
        "scheme and sign": "v1$",
        "no hash": f"v1${key_id}$",
        "plain bcrypt": digest,
        "bcrypt of the plain password": f"v1${key_id}${digest}",
        "scheme to come": good.replace("v1", "v2"),
        "key unknown": good.replace("$new$", "$gone$"),
        "key empty": f"v1$${hashed}",
        "hash cut": good[:-10],
        "salt cut": f"v1${key_id}${hashed[:20]}",
        "salt broken": f"v1${key_id}${hashed[:10]}!!{hashed[12:]}",
        "NUL in the salt": f"v1${key_id}${hashed[:10]}\0{hashed[11:]}",
        "cost broken": f"v1${key_id}$$2b$xx${hashed[7:]}",
        "cost beyond bcrypt": f"v1${key_id}$$2b$99${hashed[7:]}",
        "cost below bcrypt": f"v1${key_id}$$2b$03${hashed[7:]}",
        "variant unknown": f"v1${key_id}$$9z$04${hashed[7:]}",
        "not ASCII": f"v1${key_id}${hashed[:30]}é{hashed[31:]}",
        "lone surrogate": f"v1${key_id}${hashed[:30]}\ud800{hashed[31:]}",
        "argon2": "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaA",
        "scrypt of werkzeug": "scrypt:32768:8:1$salt$" + "0" * 128,
        "the password itself": "a",
    }


DAMAGED = damaged_hashes()


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_or_foreign_hash_is_refused_after_the_same_work(
    hasher: PasswordHasher, work: list[int], name: str
) -> None:
    assert not hasher.check("a", DAMAGED[name])
    assert work == [ROUNDS]


@pytest.mark.parametrize("password", ["", "a", "\ud800", "😀" * 100], ids=ascii)
def test_unknown_account_costs_what_a_wrong_password_costs(
    hasher: PasswordHasher, work: list[int], password: str
) -> None:
    assert not hasher.check(password, None)
    assert not hasher.check(password, hasher.hash("another"))
    assert work == [ROUNDS, ROUNDS]


def test_no_password_opens_an_account_without_a_hash(
    hasher: PasswordHasher, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not even one that had the hash which unknown accounts are checked against.
    monkeypatch.setattr(hasher, "compare", lambda password, key, hashed: hashed == hasher.dummy)
    assert not hasher.check("a", None)


def test_hash_of_an_older_key_still_verifies_and_is_outdated() -> None:
    stored = PasswordHasher(OLD, ROUNDS, 1).hash("a")
    hasher = PasswordHasher(NEW | OLD, ROUNDS, 1)
    assert hasher.check("a", stored)
    assert not hasher.check("b", stored)
    assert hasher.is_outdated(stored)


def test_hash_of_a_key_taken_out_is_refused() -> None:
    assert not PasswordHasher(NEW, ROUNDS, 1).check("a", PasswordHasher(OLD, ROUNDS, 1).hash("a"))


def test_hash_is_nothing_without_the_key_even_where_it_has_the_name() -> None:
    stored = PasswordHasher({"new": b"x" * 32}, ROUNDS, 1).hash("a")
    assert not PasswordHasher(NEW, ROUNDS, 1).check("a", stored)


def test_fresh_hash_is_not_outdated(hasher: PasswordHasher) -> None:
    assert not hasher.is_outdated(hasher.hash("a"))


def test_hash_of_another_cost_verifies_and_is_outdated(hasher: PasswordHasher) -> None:
    stored = PasswordHasher(NEW, ROUNDS + 1, 1).hash("a")
    assert hasher.check("a", stored)
    assert hasher.is_outdated(stored)


@pytest.mark.parametrize("stored", ["", "v1", "v1$new", "v1$new$", "v0$new$$2b$04$x", "$2b$04$x"])
def test_hash_of_another_scheme_is_outdated(hasher: PasswordHasher, stored: str) -> None:
    assert hasher.is_outdated(stored)


@pytest.mark.parametrize("concurrency", [1, 2, 3])
def test_no_more_than_so_many_hashes_run_at_once(monkeypatch: pytest.MonkeyPatch, concurrency: int) -> None:
    hasher = PasswordHasher(NEW, ROUNDS, concurrency)
    lock, full, finished = threading.Lock(), threading.Event(), threading.Event()
    running: list[int] = []
    most = 0
    checkpw = bcrypt.checkpw

    def watched(password: bytes, hashed: bytes) -> bool:
        nonlocal most
        with lock:
            running.append(1)
            most = max(most, len(running))
            if len(running) == concurrency:
                full.set()
        finished.wait(10)
        with lock:
            running.pop()
        return checkpw(password, hashed)

    monkeypatch.setattr(bcrypt, "checkpw", watched)
    threads = [threading.Thread(target=hasher.check, args=("a", None)) for _ in range(concurrency + 3)]
    for thread in threads:
        thread.start()
    assert full.wait(10)
    # Time for one more, if there were room for it.
    finished.wait(0.05)
    finished.set()
    for thread in threads:
        thread.join(10)
    assert most == concurrency


def test_a_refused_hash_gives_its_place_back(hasher: PasswordHasher) -> None:
    for _ in range(5):
        hasher.check("a", DAMAGED["salt broken"])
    assert hasher.check("a", hasher.hash("a"))


def test_hasher_is_made_from_settings(make_settings: Callable[..., Settings]) -> None:
    with testing.testConfig() as config:
        config.registry["settings"] = make_settings(users_password_rounds="5")
        config.include("myproject.security.keys")
        config.include("myproject.security.passwords")
        hasher = hasher_of(config.registry)
        assert hasher.check("a", hasher.hash("a"))
        assert "$2b$05$" in hasher.hash("a")
