"""How often something may be tried, in memory, Redis and the database, and what happens while Redis is away."""

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from pyramid import testing

from myproject.db import Sessions, make_engine
from myproject.security import ratelimit
from myproject.security.ratelimit import RateLimited, RateLimiter, account_key, client_key, limiter_of
from myproject.security.windows import LimitWindow
from myproject.settings import Settings
from tests import servers


@pytest.fixture(params=["memory", "redis", "database"])
def make_limiter(
    request: pytest.FixtureRequest, make_settings: Callable[..., Settings], tmp_path: Path
) -> Iterator[Callable[..., RateLimiter]]:
    """Makes limiters with counts in memory, in Redis, and in SQLite: what uses it runs with all of them."""
    url = request.getfixturevalue("redis_server").url if request.param == "redis" else ""
    sessions = None
    if request.param == "database":
        engine = make_engine(Settings.with_defaults(sqlalchemy_url=f"sqlite:///{tmp_path / 'limits.sqlite'}"))
        LimitWindow.metadata.create_all(engine, [LimitWindow.__table__])
        sessions = Sessions(engine)
    yield lambda **options: RateLimiter(make_settings(redis_url=url, **options), sessions)
    if sessions is not None:
        sessions.engine.dispose()


class Clock:
    """Stands in for the system's clock, so that no test waits for one."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self.real_time, self.real_monotonic = time.time, time.monotonic

    def time(self) -> float:
        return self.real_time() + self.ahead

    def monotonic(self) -> float:
        return self.real_monotonic() + self.ahead


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """`clock.ahead = 60` makes it a minute later."""
    clock = Clock()
    monkeypatch.setattr(time, "time", clock.time)
    monkeypatch.setattr(time, "monotonic", clock.monotonic)
    return clock


def accepted(limiter: RateLimiter, tries: int, *key: str, name: str = "login_address") -> int:
    """How many of so many tries are let through."""
    count = 0
    for _ in range(tries):
        try:
            limiter.hit(name, *key)
            count += 1
        except RateLimited:
            pass
    return count


def retry_after(limiter: RateLimiter, *key: str, name: str = "login_address") -> int:
    with pytest.raises(RateLimited) as refused:
        limiter.hit(name, *key)
    return refused.value.retry_after


def in_threads(count: int, do: Callable[[int], None]) -> None:
    """Runs `do(0)` to `do(count - 1)` at once."""
    barrier = threading.Barrier(count)

    def run(number: int) -> None:
        barrier.wait(10)
        do(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)


# Counting


def test_as_many_tries_pass_as_the_setting_says(make_limiter: Callable[..., RateLimiter]) -> None:
    limiter = make_limiter(ratelimit_login_address="3 per minute")
    assert accepted(limiter, 5, "192.0.2.1") == 3


def test_each_name_and_each_key_is_counted_apart(make_limiter: Callable[..., RateLimiter]) -> None:
    limiter = make_limiter(ratelimit_login_address="2 per minute", ratelimit_login_account="1 per minute")
    assert accepted(limiter, 3, "192.0.2.1") == 2
    assert accepted(limiter, 3, "192.0.2.2") == 2
    assert accepted(limiter, 3, "192.0.2.1", name="login_account") == 1


def test_parts_of_a_key_do_not_run_together(make_limiter: Callable[..., RateLimiter]) -> None:
    limiter = make_limiter(ratelimit_login_address="1 per minute")
    for key in [("a", "b"), ("a/b",), ("ab",), ("", "ab"), ("a", "", "b"), ("b", "a"), ('a", "b',)]:
        assert accepted(limiter, 2, *key) == 1


@pytest.mark.parametrize(
    "key", ["", "\0", "\ud800", "\r\nFLUSHALL\r\n", "é" * 100_000], ids=lambda key: ascii(key)[:20]
)
def test_any_text_can_be_a_key(make_limiter: Callable[..., RateLimiter], key: str) -> None:
    assert accepted(make_limiter(ratelimit_login_address="1 per minute"), 2, key) == 1


def test_tries_pass_again_after_the_window(make_limiter: Callable[..., RateLimiter], clock: Clock) -> None:
    limiter = make_limiter(ratelimit_login_address="2 per minute")
    assert accepted(limiter, 3, "a") == 2
    clock.ahead = 59
    assert accepted(limiter, 3, "a") == 0
    clock.ahead = 61
    assert accepted(limiter, 3, "a") == 2


def test_window_moves_with_the_tries(make_limiter: Callable[..., RateLimiter], clock: Clock) -> None:
    # A fixed window would let through twice as many around its end.
    limiter = make_limiter(ratelimit_login_address="2 per minute")
    assert accepted(limiter, 1, "a") == 1
    clock.ahead = 50
    assert accepted(limiter, 2, "a") == 1
    clock.ahead = 70
    assert accepted(limiter, 2, "a") == 1
    clock.ahead = 100
    assert accepted(limiter, 2, "a") == 0


def test_refused_tries_do_not_prolong_the_wait(make_limiter: Callable[..., RateLimiter], clock: Clock) -> None:
    limiter = make_limiter(ratelimit_login_address="1 per minute")
    for clock.ahead in range(0, 60, 10):
        accepted(limiter, 5, "a")
    clock.ahead = 61
    assert accepted(limiter, 1, "a") == 1


@pytest.mark.parametrize("limits", ["2 per minute; 3 per hour", "3 per hour; 2 per minute"])
def test_of_several_limits_every_one_counts(
    make_limiter: Callable[..., RateLimiter], clock: Clock, limits: str
) -> None:
    limiter = make_limiter(ratelimit_login_address=limits)
    assert accepted(limiter, 5, "a") == 2
    clock.ahead = 61
    # Those that the minute refused were not taken off the hour.
    assert accepted(limiter, 5, "a") == 1
    clock.ahead = 122
    assert accepted(limiter, 5, "a") == 0
    clock.ahead = 3601
    assert accepted(limiter, 5, "a") == 2


def test_limit_of_none_lets_nobody_through(make_limiter: Callable[..., RateLimiter]) -> None:
    limiter = make_limiter(ratelimit_login_address="0 per minute")
    assert 59 <= retry_after(limiter, "a") <= 60


def test_check_refuses_what_hit_would_and_counts_nothing(make_limiter: Callable[..., RateLimiter]) -> None:
    limiter = make_limiter(ratelimit_login_address="2 per minute; 5 per hour")
    for _ in range(10):
        limiter.check("login_address", "a")
    assert accepted(limiter, 3, "a") == 2
    with pytest.raises(RateLimited) as refused:
        limiter.check("login_address", "a")
    assert 55 <= refused.value.retry_after <= 60


def test_where_limits_are_turned_off_nothing_counts(make_limiter: Callable[..., RateLimiter]) -> None:
    limiter = make_limiter(ratelimit_enabled="false", ratelimit_login_address="1 per minute")
    assert accepted(limiter, 50, "a") == 50
    limiter.check("login_address", "a")


def test_unknown_name_is_a_mistake_of_ours(make_limiter: Callable[..., RateLimiter]) -> None:
    with pytest.raises(KeyError):
        make_limiter().hit("login_adress", "a")


def test_every_limit_of_the_settings_can_be_hit(make_settings: Callable[..., Settings]) -> None:
    settings = make_settings()
    limiter = RateLimiter(settings)
    names = [name for name in vars(settings) if name.startswith("ratelimit_") and name != "ratelimit_enabled"]
    assert len(names) > 5
    for name in names:
        limiter.hit(name.removeprefix("ratelimit_"), "a")


# How long to wait


def test_retry_after_counts_down_to_the_oldest_try(make_limiter: Callable[..., RateLimiter], clock: Clock) -> None:
    limiter = make_limiter(ratelimit_login_address="2 per minute")
    limiter.hit("login_address", "a")
    clock.ahead = 20
    limiter.hit("login_address", "a")
    assert 39 <= retry_after(limiter, "a") <= 40
    clock.ahead = 59.5
    assert retry_after(limiter, "a") == 1


def test_retry_after_is_the_longest_of_the_limits_that_are_used_up(
    make_limiter: Callable[..., RateLimiter], clock: Clock
) -> None:
    limiter = make_limiter(ratelimit_login_address="2 per minute; 2 per hour; 9 per day")
    assert accepted(limiter, 2, "a") == 2
    assert 3599 <= retry_after(limiter, "a") <= 3600
    clock.ahead = 100
    assert 3499 <= retry_after(limiter, "a") <= 3500


def test_after_retry_after_the_try_passes(make_limiter: Callable[..., RateLimiter], clock: Clock) -> None:
    limiter = make_limiter(ratelimit_login_address="3 per 7 seconds; 5 per minute")
    for _ in range(10):
        while accepted(limiter, 1, "a"):
            pass
        # The clock goes on by itself; a hundredth stands for the way there.
        clock.ahead += retry_after(limiter, "a") + 0.01
        limiter.hit("login_address", "a")


# At once


def test_tries_at_once_pass_no_oftener_than_one_by_one(make_limiter: Callable[..., RateLimiter]) -> None:
    limiter = make_limiter(ratelimit_login_address="20 per minute; 30 per hour")
    counts: list[int] = []
    in_threads(8, lambda _: counts.append(accepted(limiter, 10, "a")))
    assert sum(counts) == 20


def test_two_processes_share_one_count_in_redis(
    redis_server: servers.Server, make_settings: Callable[..., Settings]
) -> None:
    settings = make_settings(redis_url=redis_server.url, ratelimit_login_address="10 per minute")
    limiters = [RateLimiter(settings) for _ in range(4)]
    counts: list[int] = []
    in_threads(4, lambda number: counts.append(accepted(limiters[number], 10, "a")))
    assert sum(counts) == 10


# Once


def test_a_value_is_new_only_once(make_limiter: Callable[..., RateLimiter]) -> None:
    limiter = make_limiter()
    assert [limiter.once("captcha", "a", 60) for _ in range(3)] == [True, False, False]
    assert limiter.once("captcha", "b", 60)
    assert limiter.once("another", "a", 60)


def test_of_many_who_bring_a_value_at_once_one_is_first(make_limiter: Callable[..., RateLimiter]) -> None:
    limiter = make_limiter()
    firsts: list[bool] = []
    in_threads(8, lambda _: firsts.extend(limiter.once("captcha", str(value), 60) for value in range(20)))
    assert firsts.count(True) == 20


def test_a_value_is_forgotten_after_its_time(make_limiter: Callable[..., RateLimiter], clock: Clock) -> None:
    limiter = make_limiter()
    assert limiter.once("captcha", "a", 60)
    clock.ahead = 59
    assert not limiter.once("captcha", "a", 60)
    clock.ahead = 61
    assert limiter.once("captcha", "a", 60)


def test_looking_at_a_value_does_not_use_it(make_limiter: Callable[..., RateLimiter]) -> None:
    limiter = make_limiter()
    assert not limiter.seen("captcha", "a", 60)
    assert limiter.once("captcha", "a", 60)
    assert limiter.seen("captcha", "a", 60)


def test_a_value_is_new_only_once_where_limits_are_off_too(make_limiter: Callable[..., RateLimiter]) -> None:
    limiter = make_limiter(ratelimit_enabled="false")
    assert [limiter.once("captcha", "a", 60) for _ in range(2)] == [True, False]


# What it keeps


def test_redis_is_told_no_address_and_forgets_in_time(
    redis_server: servers.Server, make_settings: Callable[..., Settings]
) -> None:
    limiter = RateLimiter(make_settings(redis_url=redis_server.url, ratelimit_login_account="5 per 2 minutes"))
    limiter.hit("login_account", "ann@example.org")
    with redis.Redis.from_url(redis_server.url) as client:
        keys = client.keys("*")
        assert len(keys) == 1
        assert b"ann" not in keys[0]
        assert 0 < client.ttl(keys[0]) <= 120


def test_memory_holds_the_keys_used_last_and_no_more(
    make_settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ratelimit, "KEYS_IN_MEMORY", 100)
    limiter = RateLimiter(make_settings(ratelimit_login_address="1 per minute"))
    limiter.hit("login_address", "kept")
    for number in range(1000):
        limiter.hit("login_address", str(number))
        assert accepted(limiter, 1, "kept") == 0
    assert len(limiter.local.storage.windows) == 100


# Redis away


@pytest.fixture
def away_limiter(
    redis_server: servers.Server, make_settings: Callable[..., Settings]
) -> Callable[..., RateLimiter]:
    """Makes limiters on a Redis that stops before the first try."""

    def make(**options: str) -> RateLimiter:
        limiter = RateLimiter(make_settings(redis_url=redis_server.url, **options))
        redis_server.stop()
        return limiter

    return make


def test_while_redis_is_away_limits_hold_in_this_process(away_limiter: Callable[..., RateLimiter]) -> None:
    limiter = away_limiter(ratelimit_login_address="3 per minute")
    assert accepted(limiter, 10, "a") == 3
    with pytest.raises(RateLimited):
        limiter.check("login_address", "a")
    assert [limiter.once("captcha", "a", 60) for _ in range(2)] == [True, False]


def test_an_outage_is_logged_once_a_rest(
    away_limiter: Callable[..., RateLimiter], clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    limiter = away_limiter()
    for clock.ahead in (0, 1, 2, 3, 4, 10, 11):
        limiter.hit("login_address", "a")
    warnings = [record for record in caplog.records if record.name == "myproject.security.ratelimit"]
    assert [record.levelno for record in warnings] == [logging.WARNING] * 2
    assert "Redis is away" in warnings[0].getMessage()


def test_once_redis_is_back_it_counts_again(
    redis_server: servers.Server, make_settings: Callable[..., Settings], clock: Clock
) -> None:
    limiter = RateLimiter(make_settings(redis_url=redis_server.url, ratelimit_login_address="3 per minute"))
    limiter.hit("login_address", "a")
    redis_server.stop()
    limiter.hit("login_address", "a")
    redis_server.start()
    clock.ahead = ratelimit.SECONDS_TO_REST_AFTER_A_FAILURE + 1
    limiter.hit("login_address", "a")
    with redis.Redis.from_url(redis_server.url) as client:
        assert client.llen(client.keys("*")[0]) == 1


def test_a_redis_that_hangs_holds_nobody_up_for_long(make_settings: Callable[..., Settings]) -> None:
    with socket.create_server((servers.LOOPBACK, 0)) as silent:
        url = f"redis://{servers.LOOPBACK}:{silent.getsockname()[1]}/0"
        limiter = RateLimiter(make_settings(redis_url=url, ratelimit_login_address="3 per minute"))
        begin = time.monotonic()
        assert accepted(limiter, 10, "a") == 3
        assert time.monotonic() - begin < 2 * ratelimit.REDIS_TIMEOUT_SECONDS


def test_a_redis_that_refuses_is_an_outage_too(
    redis_server: servers.Server, make_settings: Callable[..., Settings]
) -> None:
    url = redis_server.url.replace("//", "//user:wrong@")
    limiter = RateLimiter(make_settings(redis_url=url, ratelimit_login_address="3 per minute"))
    assert accepted(limiter, 10, "a") == 3


# Keys


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::FFFF:C000:0201", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:0DB8:0001:0002:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::", "2001:db8:1:3::/64"),
        ("::1", "::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        (None, "unknown"),
        ("", "unknown"),
        ("unknown", "unknown"),
        ("192.0.2.1:80", "unknown"),
        ("192.0.2.256", "unknown"),
        ("192.0.2.01", "unknown"),
        ("192.0.2.1, 192.0.2.2", "unknown"),
        ("[::1]", "unknown"),
        ("/tmp/socket", "unknown"),
        ("localhost", "unknown"),
        ("\ud800", "unknown"),
        ("１９２.0.2.1", "unknown"),
    ],
    ids=ascii,
)
def test_key_of_a_client_address(address: str | None, key: str) -> None:
    assert client_key(address) == key


@pytest.mark.parametrize(
    "login", ["Ann@Example.org", " ann@example.org ", "ANN@EXAMPLE.ORG", "ａnn@example.org"], ids=ascii
)
def test_spellings_of_an_account_share_a_key(login: str) -> None:
    assert account_key(login) == account_key("ann@example.org")


def test_accounts_have_keys_of_their_own() -> None:
    assert account_key("ann") != account_key("anna")


def test_limiter_is_made_from_settings(make_settings: Callable[..., Settings]) -> None:
    with testing.testConfig() as config:
        config.registry["settings"] = make_settings(ratelimit_login_address="1 per minute")
        config.registry["sessions"] = None
        config.include("myproject.security.ratelimit")
        assert accepted(limiter_of(config.registry), 2, "a") == 1
