"""Who is next in the server's queue, and at what pace (tests/reliability/test_lanes.py asks through sockets); how
long a request may take to come in.
"""

import socket
import threading
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

import pytest

from myproject import server
from myproject.receiving import LEAST_BYTES_PER_SECOND, SECONDS_TO_COME_IN
from myproject.server import DEAR_PER_SECOND, DEAR_WAITING, SECONDS_BETWEEN_LOOKS, Lanes, Server
from myproject.web.ingress import REFUSED
from tests import servers


class Task:
    def __init__(self, command: str, path: str) -> None:
        self.requests = [SimpleNamespace(command=command, path=path)]

    def service(self) -> None:
        raise ValueError("what an application may raise")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The time that the lanes see: tests move it on by its `now`."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(server.time, "monotonic", lambda: clock.now)
    return clock


@pytest.fixture
def lanes() -> Lanes:
    lanes = Lanes(threading.Lock())
    lanes.at_once = 2
    return lanes


def sign_in() -> Task:
    return Task("POST", "/users/login/")


def read() -> Task:
    return Task("GET", "/users/login/")


def begun(lanes: Lanes) -> list[Any]:
    """What as many threads as there is work for would take."""
    taken = []
    while lanes:
        taken.append(lanes.popleft())
    return taken


def are_dear(tasks: list[Any]) -> list[bool]:
    return [isinstance(task, server.DearTask) for task in tasks]


def test_a_sign_in_that_has_ended_badly_makes_room_for_the_next(lanes: Lanes) -> None:
    for _ in range(3):
        lanes.append(sign_in())
    first = begun(lanes)[0]
    with pytest.raises(ValueError, match="may raise"):
        first.service()
    assert are_dear(begun(lanes)) == [True]


def test_reading_and_signing_in_take_turns(lanes: Lanes) -> None:
    for _ in range(2):
        lanes.append(sign_in())
        lanes.append(read())
    order = are_dear(begun(lanes))
    assert order in ([True, False, True, False], [False, True, False, True])


def test_of_many_that_wait_so_many_begin_in_a_second(lanes: Lanes, clock: SimpleNamespace) -> None:
    for _ in range(200):
        lanes.append(sign_in())
    began = 0
    for _ in range(1000):
        for task in begun(lanes):
            began += 1
            task.lanes.leave()
        clock.now += 0.001
    assert DEAR_PER_SECOND - 1 <= began <= DEAR_PER_SECOND + 1


def test_a_few_that_wait_need_not_wait_for_a_pace(lanes: Lanes, clock: SimpleNamespace) -> None:
    for _ in range(DEAR_WAITING):
        lanes.append(sign_in())
    while lanes:
        lanes.popleft().lanes.leave()
    assert len(lanes) == 0


def test_who_keeps_the_pace_says_for_how_long(lanes: Lanes, clock: SimpleNamespace) -> None:
    assert lanes.seconds_until_room() is None
    for _ in range(DEAR_WAITING + 2):
        lanes.append(sign_in())
    assert lanes.seconds_until_room() == 0
    task = lanes.popleft()
    assert lanes.seconds_until_room() == pytest.approx(1 / DEAR_PER_SECOND)
    assert not lanes
    clock.now += 1 / DEAR_PER_SECOND
    assert lanes.seconds_until_room() == 0
    lanes.popleft()
    clock.now += 1 / DEAR_PER_SECOND
    # Two are at it: the next begins when one of them ends, not by the clock.
    assert lanes.seconds_until_room() is None
    task.lanes.leave()
    assert lanes.seconds_until_room() == 0


def test_reading_does_not_wait_for_the_pace_of_sign_ins(lanes: Lanes, clock: SimpleNamespace) -> None:
    for _ in range(DEAR_WAITING + 5):
        lanes.append(sign_in())
    lanes.popleft()
    lanes.append(read())
    assert lanes
    assert are_dear([lanes.popleft()]) == [False]


def status_of_refusal(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """A site that answers what the server has refused, and is asked nothing else."""
    start_response(f"{environ[REFUSED]} Refused", [])
    return [b""]


def test_a_request_that_comes_in_byte_by_byte_is_ended_and_a_slow_line_has_its_time(
    clock: SimpleNamespace,
) -> None:
    port = servers.free_port()
    server = Server(
        status_of_refusal, host=servers.LOOPBACK, port=port, threads=1, takes_pictures=lambda path: True
    )
    head = b"POST /images/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3000000\r\n\r\n"

    def read_until(received: Callable[[], bool]) -> None:
        for _ in range(1000):
            if received():
                return
            server.turn(0.1)
        pytest.fail(f"{bytes_in()} bytes have come in")

    def bytes_in() -> list[int]:
        return [channel.request.bytes_in for channel in server.channels() if channel.request]

    with socket.create_connection((servers.LOOPBACK, port), 10) as connection:
        connection.sendall(head)
        read_until(lambda: bytes_in() == [len(head)])
        sent = len(head)
        for _ in range(SECONDS_TO_COME_IN // SECONDS_BETWEEN_LOOKS):
            connection.sendall(b"x" * LEAST_BYTES_PER_SECOND * SECONDS_BETWEEN_LOOKS)
            sent += LEAST_BYTES_PER_SECOND * SECONDS_BETWEEN_LOOKS
            read_until(lambda sent=sent: bytes_in() == [sent])
            clock.now += 2 * SECONDS_BETWEEN_LOOKS
        # Its time is used up but for what its head gave: one byte more is not enough for the next seconds.
        connection.sendall(b"x")
        read_until(lambda: bytes_in() == [sent + 1])
        clock.now += SECONDS_BETWEEN_LOOKS
        read_until(lambda: not server.channels())
        assert connection.recv(1000).startswith(b"HTTP/1.1 408 ")
    server.close()
