"""Who tries passwords keeps nobody from reading: the two lanes of the web server."""

import socket
import threading
from collections.abc import Callable, Iterable, Iterator

import pytest

from myproject.server import Server
from tests import servers

Environ = dict[str, str]


class Site:
    """Sign-ins hang until `open_door` is set; everything else is answered at once."""

    def __init__(self) -> None:
        self.open_door = threading.Event()
        self.hanging = threading.Semaphore(0)

    def __call__(self, environ: Environ, start_response: Callable[..., object]) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "POST" and environ["PATH_INFO"].startswith("/users/"):
            self.hanging.release()
            self.open_door.wait(20)
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
        return [b"ok"]


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture(params=[2, 3, 4])
def port(site: Site, request: pytest.FixtureRequest) -> Iterator[int]:
    port = servers.free_port()
    server = Server(site, host=servers.LOOPBACK, port=port, threads=request.param)
    thread = threading.Thread(target=server.run)
    thread.start()
    yield port
    site.open_door.set()
    server.stop()
    thread.join()
    server.close()


def send(port: int, line: str) -> socket.socket:
    connection = socket.create_connection((servers.LOOPBACK, port), 10)
    connection.sendall(f"{line} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n".encode())
    return connection


def answer(connection: socket.socket) -> bytes:
    with connection:
        return connection.recv(1000)


def test_pages_and_other_forms_are_answered_while_sign_ins_hang_and_no_sign_in_is_lost(
    site: Site, port: int
) -> None:
    waiting = [send(port, "POST /users/login/") for _ in range(12)]
    assert site.hanging.acquire(timeout=10)
    for _ in range(3):
        assert answer(send(port, "GET /")).startswith(b"HTTP/1.1 200 OK")
        assert answer(send(port, "GET /users/login/")).startswith(b"HTTP/1.1 200 OK")
        assert answer(send(port, "POST /posts/1/comments/")).startswith(b"HTTP/1.1 200 OK")
    site.open_door.set()
    assert [answer(connection)[:15] for connection in waiting] == [b"HTTP/1.1 200 OK"] * 12


def test_what_is_no_http_is_answered_as_well(port: int) -> None:
    assert answer(send(port, "\x00\x01")).startswith(b"HTTP/1.")
