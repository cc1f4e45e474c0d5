"""The cache: JSON values in memory or in Redis, and the record of what changed when.

Nothing that is true lives here alone. A cache that is away is a cache that misses: reading goes on without
it.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import redis
from cachetools import LRUCache, TLRUCache, TTLCache
from dogpile.cache import make_region
from dogpile.cache.api import NO_VALUE
from dogpile.cache.region import CacheRegion
from pyramid.config import Configurator
from sqlalchemy.orm import Session

from myproject.db import after_commit
from myproject.settings import Settings, settings_of
from myproject.transactions import reading

if TYPE_CHECKING:
    from myproject.web.request import Request

log = logging.getLogger(__name__)

T = TypeVar("T")
V = TypeVar("V", bound=Sized)

REDIS_TIMEOUT_SECONDS = 1
SECONDS_TO_REST_AFTER_A_FAILURE = 5
SECONDS_TO_WAIT_FOR_ANOTHER = 1
LOCKS = 64
# Of what each process keeps as it is used: in characters for texts, the rest counts as one of these.
KEPT_SIZE = 4 * 1024 * 1024
SMALL = 1024


class BoundedDict(LRUCache[str, V]):
    """A least-recently-used dictionary of values with at most `size` in sum of their lengths, safe between
    threads.
    """

    def __init__(self, size: int) -> None:
        super().__init__(size, getsizeof=len)
        # Methods of the base call each other.
        self.lock = threading.RLock()

    def __getitem__(self, key: str) -> V:
        with self.lock:
            return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        with self.lock:
            return super().get(key, default)

    def __setitem__(self, key: str, value: V) -> None:
        with self.lock:
            if len(value) <= self.maxsize:
                super().__setitem__(key, value)

    def pop(self, key: str, default: Any = None) -> Any:
        with self.lock:
            return super().pop(key, default)

    def clear(self) -> None:
        with self.lock:
            super().clear()


class Changes(Protocol):
    """Numbers every change of content, and remembers the latest for each tag for as long as a page may be
    cached.
    """

    def now(self) -> int: ...
    def touch(self, tags: Iterable[str]) -> None: ...
    def latest(self, tags: Iterable[str]) -> int: ...


class MemoryChanges:
    def __init__(self, seconds: int) -> None:
        self.lock = threading.Lock()
        self.number = 0
        self.tags: TTLCache[str, int] = TTLCache(maxsize=2**31, ttl=seconds)

    def now(self) -> int:
        return self.number

    def touch(self, tags: Iterable[str]) -> None:
        with self.lock:
            self.number += 1
            for tag in tags:
                self.tags[tag] = self.number

    def latest(self, tags: Iterable[str]) -> int:
        with self.lock:
            return max((self.tags.get(tag, 0) for tag in tags), default=0)


# Counts the change up, and notes its number under each tag for some seconds.
TOUCH = """
local number = redis.call("INCR", KEYS[1])
for i = 2, #KEYS do
    redis.call("SET", KEYS[i], number, "EX", ARGV[1])
end
"""


class RedisChanges:
    def __init__(self, client: "redis.Redis", seconds: int) -> None:
        self.client = client
        self.seconds = seconds
        self.touch_script = client.register_script(TOUCH)

    def now(self) -> int:
        return int(self.client.get("site:changes") or 0)

    def touch(self, tags: Iterable[str]) -> None:
        # In one script, so that of two changes at once the later number stands.
        self.touch_script(keys=["site:changes", *(f"site:change:{tag}" for tag in tags)], args=[self.seconds])

    def latest(self, tags: Iterable[str]) -> int:
        values: list[Any] = self.client.mget([f"site:change:{tag}" for tag in tags])
        return max((int(value or 0) for value in values), default=0)


class Turns:
    """Locks by key: of the threads of this process that would make the same thing, one does and the others wait
    for it. Two keys may share a lock.
    """

    def __init__(self) -> None:
        self.locks = [threading.Lock() for _ in range(LOCKS)]

    @contextmanager
    def turn(self, key: str) -> Iterator[None]:
        """Waits for the one before, though not for long: who has waited in vain goes on beside it."""
        lock = self.locks[hash(key) % LOCKS]
        has_it = lock.acquire(timeout=SECONDS_TO_WAIT_FOR_ANOTHER)
        try:
            yield
        finally:
            if has_it:
                lock.release()


@dataclass(frozen=True, slots=True)
class Kept:
    """A value that one process keeps, and what it was made from; `ends_at` in seconds of `time.time`."""

    value: Any
    tags: tuple[str, ...]
    number: int
    ends_at: float
    size: int


class Cache:
    """Get and set JSON values by key; touch tags when content changes.

    A page that was made when `change_number()` was N, from things that carry `tags`, is still right while
    `latest_change(tags) <= N`. Reading the number before the data, and touching after the commit, leaves no
    gap in which an old page could be kept as a new one.

    What is needed all the time each process also keeps as it is used (`keep`), and asks only whether it is still
    right.
    """

    def __init__(self, region: CacheRegion, changes: Changes, empty: Callable[[], None]) -> None:
        self.region = region
        self.changes = changes
        self.empty = empty
        self.resting_until = 0.0
        self.lock = threading.Lock()
        self.kept: TLRUCache[str, Kept] = TLRUCache(
            KEPT_SIZE, lambda key, kept, now: kept.ends_at, timer=time.time, getsizeof=lambda kept: kept.size
        )

    def attempt(self, do: Callable[[], T], otherwise: T) -> T:
        """Runs one cache operation; where the server is away, gives `otherwise` and rests some seconds. So it
        does, but for the rest, where what the cache holds is nothing of ours.
        """
        if time.monotonic() < self.resting_until:
            return otherwise
        try:
            return do()
        except redis.RedisError as error:
            self.resting_until = time.monotonic() + SECONDS_TO_REST_AFTER_A_FAILURE
            log.warning("cache: away, going on without it: %s", error)
            return otherwise
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            log.warning("cache: a value can't be read: %s", type(error).__name__)
            return otherwise

    def get(self, key: str, seconds: int) -> Any:
        """The value of `key` where there is one not older than `seconds`, else None."""
        value = self.get_bytes(key, seconds)
        return None if value is None else self.attempt(lambda: json.loads(value), None)

    def set(self, key: str, value: Any) -> None:
        self.set_bytes(key, json.dumps(value, separators=(",", ":")).encode())

    def get_bytes(self, key: str, seconds: int) -> bytes | None:
        value: Any = self.attempt(lambda: self.region.get(key, expiration_time=seconds), NO_VALUE)
        return None if value is NO_VALUE else value

    def set_bytes(self, key: str, value: bytes) -> None:
        self.attempt(lambda: self.region.set(key, value), None)

    def get_made(self, key: str, seconds: int) -> tuple[dict[str, Any], bytes] | None:
        """What `keep_made` kept, as (head, body), where nothing that it was made from has changed since."""
        return self.attempt(lambda: self.read_made(key, seconds), None)

    def read_made(self, key: str, seconds: int) -> tuple[dict[str, Any], bytes] | None:
        kept = self.get_bytes(key, seconds)
        if kept is None:
            return None
        # The body stands apart from the JSON: to decode it would take longer than all the rest.
        line, _, body = kept.partition(b"\n")
        head = json.loads(line)
        return (head, body) if self.latest_change(head["tags"]) <= head["number"] else None

    def keep_made(self, key: str, body: bytes, *, tags: Iterable[str], number: int, **head: Any) -> None:
        """Keeps a body made from things with `tags`, when `change_number()` was `number`, JSON values beside."""
        if number >= 0:
            line = json.dumps({"tags": list(tags), "number": number} | head).encode()
            self.set_bytes(key, line + b"\n" + body)

    def recall(self, key: str) -> Any:
        """What this process keeps under `key`, where nothing has changed of what it was made from, else None."""
        with self.lock:
            kept = self.kept.get(key)
        return None if kept is None or self.latest_change(kept.tags) > kept.number else kept.value

    def keep(
        self, key: str, value: Any, seconds: float, *, tags: Iterable[str], number: int, size: int = SMALL
    ) -> None:
        """Keeps a value in this process, as it is: nobody may change it. It was made from things with `tags`, when
        `change_number()` was `number`.
        """
        if number >= 0 and seconds > 0 and size <= KEPT_SIZE:
            with self.lock:
                self.kept[key] = Kept(value, tuple(tags), number, time.time() + seconds, size)

    def change_number(self) -> int:
        """The number of the latest change, or -1 where it can't be told: nothing made now may then be kept."""
        return self.attempt(self.changes.now, -1)

    def latest_change(self, tags: Iterable[str]) -> int:
        """The number of the latest change of any of `tags`; beyond all numbers where it can't be told."""
        return self.attempt(lambda: self.changes.latest(tags), 2**63)

    def touch(self, tags: Iterable[str]) -> None:
        self.attempt(lambda: self.changes.touch(tags), None)

    def clear(self) -> None:
        """Deletes all values: what is too old to be used may still hold what must not be kept."""
        with self.lock:
            self.kept.clear()
        self.attempt(self.empty, None)


def touch(db: Session, *tags: str) -> None:
    """Says that the things with `tags` change with this transaction; cached pages that show them end at its
    commit.
    """
    registry = db.info.get("registry")
    if registry is not None:
        after_commit(db, lambda: registry["cache"].touch(tags))


def remembered(request: "Request", key: str, tags: tuple[str, ...], find: Callable[[Session], T]) -> T:
    """What `find` reads from the database: from this process's memory while nothing with `tags` has changed since,
    and for `cache.guest_seconds` at most. What is None is asked anew each time.
    """
    cache: Cache = request.registry["cache"]
    seconds = request.site.cache_guest_seconds
    value: T | None = cache.recall(key) if seconds else None
    if value is None:
        with reading(request) as db:
            # From before the first look at the database: what is read may be that old.
            number = db.info.get("change_number")
            if number is None:
                number = cache.change_number()
            value = find(db)
        if value is not None:
            cache.keep(key, value, seconds, tags=tags, number=number)
    return value


def make_cache(settings: Settings) -> Cache:
    # Values are bytes already; without these, dogpile would pickle them.
    region = make_region(serializer=bytes, deserializer=bytes)
    tag_seconds = max(2 * settings.cache_guest_seconds, 60)
    if settings.redis_url:
        longest = max(settings.cache_user_seconds, settings.cache_guest_seconds, 1)
        timeouts = {"socket_timeout": REDIS_TIMEOUT_SECONDS, "socket_connect_timeout": REDIS_TIMEOUT_SECONDS}
        client = redis.Redis.from_url(settings.redis_url, **timeouts)
        region.configure(
            "dogpile.cache.redis",
            arguments={
                "connection_pool": client.connection_pool,
                "redis_expiration_time": longest,
                "distributed_lock": False,
            },
        )
        return Cache(region, RedisChanges(client, tag_seconds), lambda: delete_values(client))
    values: BoundedDict[bytes] = BoundedDict(settings.cache_size)
    region.configure("dogpile.cache.memory", arguments={"cache_dict": values})
    return Cache(region, MemoryChanges(tag_seconds), values.clear)


def delete_values(client: "redis.Redis") -> None:
    """Deletes what the cache holds in a Redis, where limits, tasks and numbers of changes stand too."""
    for kind in ("page", "fragment", "user", "asked"):
        for key in client.scan_iter(f"{kind}:*", count=1000):
            client.unlink(key)


def includeme(config: Configurator) -> None:
    config.registry["cache"] = make_cache(settings_of(config.registry))
