"""Password hashing: bcrypt over an HMAC with a key that is not in the database.

bcrypt reads 72 bytes and no NUL; base64 of HMAC-SHA384 gives it 64 clean ones from any password. A stored
hash carries its scheme and the name of its key, so that both can change: `v1$KEY$BCRYPT`. (OWASP ASVS 5.0:
6.2.8, 6.2.9, 11.4.2.)
"""

import base64
import hmac
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, cast

import bcrypt
from pyramid.config import Configurator

from myproject import cores
from myproject.security.keys import keys_of
from myproject.security.ratelimit import RateLimited
from myproject.settings import settings_of

SCHEME = "v1"
SECONDS_TO_COME_BACK = 5
# Of the characters of a bcrypt hash, those after cost and salt.
LENGTH_OF_CHECKSUM = 31
# How far hashing stands back behind what answers requests, as `nice` counts.
NICENESS = 10

T = TypeVar("T")


def stand_back() -> None:
    """Lets others have the processor first, on whichever core is free. On Linux, threads have a priority each, and
    it can't be raised again without a right that a site need not have: so that hashing has threads of its own.
    """
    cores.use_all()
    if sys.platform == "linux":
        # Of this thread alone; counted from where the process stands, which may be behind others already.
        os.nice(NICENESS)


class PasswordHasher:
    """Hashes and checks passwords, a few at once: a flood of sign-ins must not take every core."""

    def __init__(self, keys: dict[str, bytes], rounds: int, concurrency: int, waiting: int = 64) -> None:
        """`keys` by name, the newest first; `rounds` as bcrypt counts them, a power of two; `waiting`
        is how many may wait beyond those that are hashed at once."""
        self.keys = keys
        self.key_id = next(iter(keys))
        self.rounds = rounds
        self.threads = ThreadPoolExecutor(concurrency, "hasher", initializer=stand_back)
        # Who waits holds a thread of the server: with all of them waiting, nobody could even read.
        self.places = threading.BoundedSemaphore(concurrency + waiting)
        # What an unknown account is checked against, so that it takes as long as a known one (ASVS 6.3.8).
        # Only its salt and its cost matter: that nothing has this hash need not be computed at each start.
        self.dummy = (bcrypt.gensalt(rounds) + b"." * LENGTH_OF_CHECKSUM).decode()

    def run(self, do: Callable[..., T], *args: Any) -> T:
        """Waits for one's turn to hash, and hashes. Raises RateLimited where too many wait already."""
        if not self.places.acquire(blocking=False):
            raise RateLimited(SECONDS_TO_COME_BACK)
        try:
            return self.threads.submit(do, *args).result()
        finally:
            self.places.release()

    def digest(self, password: str, key: bytes) -> bytes:
        return base64.b64encode(hmac.digest(key, password.encode(), "sha384"))

    def hash(self, password: str) -> str:
        """A new hash. Slow on purpose: never call it while a write transaction is open."""
        digest = self.digest(password, self.keys[self.key_id])
        hashed = self.run(bcrypt.hashpw, digest, bcrypt.gensalt(self.rounds))
        return f"{SCHEME}${self.key_id}${hashed.decode()}"

    def check(self, password: str, stored: str | None) -> bool:
        """Whether `password` is the one of `stored`. As slow where there is no hash, or no valid one."""
        scheme, _, rest = (stored or "").partition("$")
        key_id, _, hashed = rest.partition("$")
        usable = scheme == SCHEME and key_id in self.keys
        if not usable:
            key_id, hashed = self.key_id, self.dummy
        matches = self.run(self.compare, password, self.keys[key_id], hashed)
        return matches and usable

    def compare(self, password: str, key: bytes, hashed: str) -> bool:
        try:
            return bcrypt.checkpw(self.digest(password, key), hashed.encode())
        except ValueError:
            # A damaged hash, or what is no text: refused at once. Do the work all the same.
            bcrypt.checkpw(b"", self.dummy.encode())
            return False

    def is_outdated(self, stored: str) -> bool:
        """Whether a hash that has just been checked should be made anew: older scheme, key or cost."""
        scheme, key_id, hashed = [*stored.split("$", 2), "", ""][:3]
        cost = hashed.split("$")[2:3]
        return scheme != SCHEME or key_id != self.key_id or cost != [f"{self.rounds:02d}"]


def hasher_of(registry: Any) -> PasswordHasher:
    return cast(PasswordHasher, registry["password_hasher"])


def includeme(config: Configurator) -> None:
    settings = settings_of(config.registry)
    config.registry["password_hasher"] = PasswordHasher(
        keys_of(config.registry).derive_by_id("password"),
        settings.users_password_rounds,
        settings.users_password_concurrency,
        settings.users_password_waiting,
    )
