"""How often something may be tried, and whether a value was seen before (OWASP ASVS 5.0: 2.4.1, 6.3.1).

The limits are settings, `ratelimit.NAME`. Windows move: `10 per 5 minutes` holds for any five minutes. A try
that is refused is not counted. Counts stand in Redis where there is one. Without it, or while it is away, those
that guard accounts stand in the database, which every process shares and a restart does not empty; the others,
which guard the site's time, in this process.
"""

import hashlib
import ipaddress
import json
import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any, Protocol, TypeVar, cast

import redis
import sqlalchemy as sa
from cachetools import LRUCache
from limits import RateLimitItem, RateLimitItemPerSecond, parse_many
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import MovingWindowRateLimiter
from pyramid.config import Configurator
from sqlalchemy.orm import Session

from myproject.db import Sessions, sessions_of
from myproject.security.windows import DatabaseWindows, count_within, forget_within, hit_within
from myproject.settings import Settings, settings_of
from myproject.text import canonical

log = logging.getLogger(__name__)

T = TypeVar("T")

PREFIX = "ratelimit_"
REDIS_TIMEOUT_SECONDS = 1
SECONDS_TO_REST_AFTER_A_FAILURE = 5
KEYS_IN_MEMORY = 50_000

# What guards accounts. Who counts such a try has not begun to write in the request's own transaction: on SQLite
# that would have to end first.
LASTING = frozenset(
    {
        "login_address",
        "login_account",
        "login_device",
        "login_site",
        "provider_address",
        "passkey_address",
        "passkey_account",
        "reauth_account",
        "register_address",
        "register_tries",
        "lost_password_address",
        "lost_password_account",
        "verify_address",
        "verify_account",
        "code_account",
        "second_factor_account",
        "second_factor_password",
        "second_factor_device",
        "lost_second_factor_account",
        "invitation_account",
        "rename_account",
        "upload_account",
        "export_account",
        # Answers that serve once, and the forms that they came with.
        "captcha",
        "altcha",
        "registration",
    }
)


class RateLimited(Exception):
    """Tried too often. `retry_after`: whole seconds, at least 1, for the header (RFC 9110, 10.2.3)."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"try again in {retry_after} s")
        self.retry_after = retry_after


class BoundedMemoryStorage(MemoryStorage):
    """Moving windows in memory: atomic, and at most `KEYS_IN_MEMORY` of them, those used last.

    The library's own keeps every key for ever, and drops the lock of a key while another thread waits for it.
    """

    STORAGE_SCHEME = ["bounded-memory"]

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()
        self.windows: LRUCache[str, deque[float]] = LRUCache(KEYS_IN_MEMORY)

    def window(self, key: str, expiry: int) -> deque[float]:
        """The times, oldest first, of the last `expiry` seconds. Call it with the lock held."""
        window: deque[float] = self.windows.get(key) or deque()
        begin = time.time() - expiry
        while window and window[0] < begin:
            window.popleft()
        return window

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        with self.lock:
            window = self.window(key, expiry)
            if len(window) + amount > limit:
                return False
            window.extend([time.time()] * amount)
            self.windows[key] = window
            return True

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        with self.lock:
            window = self.window(key, expiry)
            return (window[0] if window else time.time()), len(window)


def make_redis_storage(url: str) -> RedisStorage:
    timeouts = {"socket_timeout": REDIS_TIMEOUT_SECONDS, "socket_connect_timeout": REDIS_TIMEOUT_SECONDS}
    return RedisStorage(url, connection_pool=redis.ConnectionPool.from_url(url, **timeouts))


class Windows(Protocol):
    """Counts tries of one `key` within all of `items`, the limits that hold for it."""

    def hit(self, items: Sequence[RateLimitItem], key: str) -> float | None:
        """Counts a try and gives None; where there is no room, the seconds to wait for it."""

    def look(self, items: Sequence[RateLimitItem], key: str) -> float | None:
        """What `hit` would give; counts nothing."""


class StoredWindows:
    """Windows in one of the library's storages."""

    def __init__(self, storage: MemoryStorage | RedisStorage) -> None:
        self.storage = storage
        self.limiter = MovingWindowRateLimiter(storage)

    def hit(self, items: Sequence[RateLimitItem], key: str) -> float | None:
        return None if all(self.limiter.hit(item, key) for item in items) else self.wait(items, key)

    def look(self, items: Sequence[RateLimitItem], key: str) -> float | None:
        return None if all(self.limiter.test(item, key) for item in items) else self.wait(items, key)

    def wait(self, items: Sequence[RateLimitItem], key: str) -> float:
        """Seconds until every one of the limits has room for one more try."""
        stats = [self.limiter.get_window_stats(item, key) for item in items]
        return max((stat.reset_time for stat in stats if stat.remaining < 1), default=0) - time.time()


def fingerprint(key: tuple[str, ...]) -> str:
    """Any key at one length: no mail address in Redis, no memory to fill, no character that Redis refuses."""
    return hashlib.sha256(json.dumps(key).encode("ascii")).hexdigest()[:32]


class RateLimiter:
    """Counts tries. Where Redis is away it counts elsewhere for a while, and never lets everything through."""

    def __init__(self, settings: Settings, sessions: Sessions | None = None) -> None:
        """Without `sessions` nothing is counted in the database."""
        self.enabled = settings.ratelimit_enabled
        # The shortest window first: a try that it refuses is then not counted in the longer ones.
        self.limits = {
            row.name.removeprefix(PREFIX): sorted(
                parse_many(getattr(settings, row.name)), key=RateLimitItem.get_expiry
            )
            for row in fields(settings)
            if row.name.startswith(PREFIX) and row.name != "ratelimit_enabled"
        }
        self.local = StoredWindows(BoundedMemoryStorage())
        self.lasting = DatabaseWindows(sessions) if sessions else None
        self.shared = StoredWindows(make_redis_storage(settings.redis_url)) if settings.redis_url else None
        self.resting_until = 0.0

    def attempt(self, name: str, do: Callable[[Windows], T]) -> T:
        """Does it with Redis, else in the database where it is to last, else in memory."""
        if self.shared is not None and time.monotonic() >= self.resting_until:
            try:
                return do(self.shared)
            except redis.RedisError as error:
                self.resting_until = time.monotonic() + SECONDS_TO_REST_AFTER_A_FAILURE
                log.warning("ratelimit: Redis is away, counting without it: %s", error)
        if self.lasting is not None and name in LASTING:
            try:
                return do(self.lasting)
            except sa.exc.SQLAlchemyError as error:
                log.warning("ratelimit: the database can't count, counting in this process: %s", error)
        return do(self.local)

    def hit(self, name: str, *key: str) -> None:
        """Counts one try of what `ratelimit.NAME` limits, for `key`. Raises RateLimited when over.

        Of several limits joined by `;` every one counts. Testing and counting a limit are one atomic step.
        """
        if self.enabled:
            items, window = self.limits[name], f"{name}/{fingerprint(key)}"
            refuse(self.attempt(name, lambda windows: windows.hit(items, window)))

    def hit_within(self, db: Session, name: str, *key: str) -> None:
        """Counts one try in the transaction of `db`, which undoes that with the rest: always in the database, also
        where there is Redis. Raises RateLimited, and counts nothing, where there is no room.
        """
        if self.enabled:
            refuse(hit_within(db, self.limits[name], f"{name}/{fingerprint(key)}"))

    def fail_within(self, db: Session, name: str, *key: str) -> int:
        """Counts a try that may fail, as `hit_within` does, and gives how many there are now, 0 where limits are
        turned off. `forgive_within` starts anew when one succeeds. Raises RateLimited where there is no room.
        """
        if not self.enabled:
            return 0
        window = f"{name}/{fingerprint(key)}"
        refuse(hit_within(db, self.limits[name], window))
        return count_within(db, window)

    def forgive_within(self, db: Session, name: str, *key: str) -> None:
        """Forgets the tries that `fail_within` has counted."""
        forget_within(db, f"{name}/{fingerprint(key)}")

    def check(self, name: str, *key: str) -> None:
        """Raises RateLimited where `hit` would; counts nothing."""
        if self.enabled:
            items, window = self.limits[name], f"{name}/{fingerprint(key)}"
            refuse(self.attempt(name, lambda windows: windows.look(items, window)))

    def once(self, name: str, value: str, seconds: int) -> bool:
        """True the first time in `seconds` that `value` is seen under `name`, and only then. Atomic.

        It is no limit of tries: it works where those are turned off too.
        """
        items, window = once_in(seconds), f"once/{name}/{fingerprint((value,))}"
        return self.attempt(name, lambda windows: windows.hit(items, window)) is None

    def seen(self, name: str, value: str, seconds: int) -> bool:
        """Whether `once`, with the same arguments, would be False; does not count as seeing it."""
        items, window = once_in(seconds), f"once/{name}/{fingerprint((value,))}"
        return self.attempt(name, lambda windows: windows.look(items, window)) is not None


def once_in(seconds: int) -> list[RateLimitItem]:
    return [RateLimitItemPerSecond(1, seconds)]


def refuse(seconds: float | None) -> None:
    """Raises RateLimited, but for None."""
    if seconds is not None:
        raise RateLimited(max(1, math.ceil(seconds)))


def client_key(address: str | None) -> str:
    """The key of a client address: IPv4 as it is, IPv6 by its /64, which is what one household is given.

    An IPv4-mapped address (RFC 4291, 2.5.5.2) is the IPv4 one. What is no address is `unknown`: one key.
    """
    try:
        ip = ipaddress.ip_address(address or "")
    except ValueError:
        return "unknown"
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is None:
            return str(ipaddress.IPv6Network((int(ip), 64), strict=False))
        ip = ip.ipv4_mapped
    return str(ip)


def account_key(login: str) -> str:
    """The key of what somebody typed as a name or mail address: the same however it is spelled."""
    return canonical(login)


def limiter_of(registry: Any) -> RateLimiter:
    return cast(RateLimiter, registry["limiter"])


def includeme(config: Configurator) -> None:
    registry = config.registry
    registry["limiter"] = RateLimiter(settings_of(registry), sessions_of(registry))
