"""Calls to other servers: which are made, and what of an answer is read."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from myproject.security.outbound import LOOKUPS_AT_ONCE, Refused, is_near, is_public, open_session
from tests.servers import serving

LOOPBACK = "127.0.0.1"


class Canary(ThreadingHTTPServer):
    """A server of this machine that nobody is to reach; it counts who does. A test says what it answers."""

    daemon_threads = True

    def __init__(self) -> None:
        self.connections = 0
        self.answer: Callable[[BaseHTTPRequestHandler], None] = say(b"hello")
        super().__init__((LOOPBACK, 0), Handler)

    def get_request(self) -> tuple[socket.socket, object]:
        self.connections += 1
        return super().get_request()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}/"

    @property
    def host(self) -> str:
        return f"localhost:{self.port}"


class Handler(BaseHTTPRequestHandler):
    server: Canary

    def do_GET(self) -> None:
        self.server.answer(self)

    def log_message(self, *args: object) -> None:
        pass


def say(body: bytes, status: int = 200, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


@pytest.fixture
def canary() -> Iterator[Canary]:
    with serving(Canary()) as server:
        yield server


# Every way of writing this machine, its neighbours and its cloud's own door that a browser or a library knows.
FORMS = [
    "http://127.0.0.1:{port}/",
    "http://localhost:{port}/",
    "https://127.0.0.1:{port}/",
    "https://localhost:{port}/",
    "https://LOCALHOST:{port}/",
    "https://localhost.:{port}/",
    "https://127.1:{port}/",
    "https://127.0.1:{port}/",
    "https://127.255.255.254:{port}/",
    "https://2130706433:{port}/",
    "https://0x7f000001:{port}/",
    "https://0x7f.0.0.1:{port}/",
    "https://0177.0.0.1:{port}/",
    "https://017700000001:{port}/",
    "https://0:{port}/",
    "https://0.0.0.0:{port}/",
    "https://[::1]:{port}/",
    "https://[::]:{port}/",
    "https://[0:0:0:0:0:0:0:1]:{port}/",
    "https://[::ffff:127.0.0.1]:{port}/",
    "https://[::ffff:7f00:1]:{port}/",
    "https://[::127.0.0.1]:{port}/",
    "https://[64:ff9b::7f00:1]:{port}/",
    "https://[64:ff9b:1::7f00:1]:{port}/",
    "https://[2002:7f00:1::]:{port}/",
    "https://[2001:0:7f00:1::]:{port}/",
    "https://[fe80::1%25lo]:{port}/",
    "https://[fe80::1]:{port}/",
    "https://[fc00::1]:{port}/",
    "https://[fd00:ec2::254]/latest/meta-data/",
    "https://[ff02::1]:{port}/",
    "https://169.254.169.254/latest/meta-data/",
    "https://169.254.170.2/v2/credentials/",
    "https://100.100.100.200/latest/meta-data/",
    "https://10.0.0.1:{port}/",
    "https://172.16.0.1:{port}/",
    "https://192.168.0.1:{port}/",
    "https://100.64.0.1:{port}/",
    "https://192.0.0.192/opc/v1/",
    "https://198.18.0.1:{port}/",
    "https://203.0.113.1:{port}/",
    "https://224.0.0.1:{port}/",
    "https://240.0.0.1:{port}/",
    "https://255.255.255.255:{port}/",
    "https://example.org@127.0.0.1:{port}/",
    "https://me:secret@localhost:{port}/",
    "https://127.0.0.1:{port}\\@example.org/",
    "https://example.org:99999/",
    "https:///127.0.0.1:{port}/",
    "//127.0.0.1:{port}/",
    "ftp://127.0.0.1:{port}/",
    "gopher://127.0.0.1:{port}/",
    "file:///etc/passwd",
    "data:text/plain,hello",
    "http://example.org/",
]


@pytest.mark.parametrize("form", FORMS)
def test_address_that_leads_inside_is_never_called(canary: Canary, form: str) -> None:
    with open_session(seconds=2) as session, pytest.raises((requests.RequestException, ValueError)):
        session.get(form.format(port=canary.port))
    assert canary.connections == 0


@pytest.mark.parametrize("form", [form for form in FORMS if form.startswith("https://") and "{port}" in form])
def test_naming_one_host_opens_no_other(canary: Canary, form: str) -> None:
    with (
        open_session(["login.lan", f"localhost:{canary.port + 1}"], seconds=2) as session,
        pytest.raises((requests.RequestException, ValueError)),
    ):
        session.get(form.format(port=canary.port))
    assert canary.connections == 0


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "93.184.216.34", "2606:4700::1111", "2a00:1450::200e"])
def test_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)
    assert not is_near(address)


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "fe80::1", "0.0.0.0", "::", "224.0.0.1", "::ffff:127.0.0.1"]
)
def test_not_even_a_setting_opens_what_is_link_local_or_no_address_of_one_machine(address: str) -> None:
    assert not is_near(address)
    assert not is_public(address)


def test_name_with_one_private_address_among_its_own_is_refused(canary: Canary) -> None:
    with (
        open_session(resolve=lambda host, port: ["1.1.1.1", LOOPBACK]) as session,
        pytest.raises(requests.ConnectionError, match="does not call"),
    ):
        session.get(f"https://example.org:{canary.port}/")
    assert canary.connections == 0


def test_name_that_changes_after_the_check_gains_nothing(canary: Canary, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    tried: list[tuple[str, int]] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["1.1.1.1"] if len(asked) == 1 else [LOOPBACK]

    def no_network(address: tuple[str, int], **options: object) -> socket.socket:
        tried.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", no_network)
    with open_session(resolve=rebinding) as session, pytest.raises(requests.ConnectionError):
        session.get(f"https://example.org:{canary.port}/")
    assert asked == ["example.org"]
    assert tried == [("1.1.1.1", canary.port)]
    assert canary.connections == 0


def test_connection_goes_to_the_address_that_was_checked_whatever_the_name_is(canary: Canary) -> None:
    name = f"login.lan:{canary.port}"
    with open_session([name], resolve=lambda host, port: [LOOPBACK]) as session:
        assert session.get(f"http://{name}/").text == "hello"
    assert canary.connections == 1


def test_host_that_a_setting_names_is_called_by_http_and_at_home(canary: Canary) -> None:
    with open_session([canary.host]) as session:
        answer = session.get(canary.url)
    assert (answer.status_code, answer.content) == (200, b"hello")


def test_named_host_that_turns_to_the_clouds_own_door_is_refused() -> None:
    with (
        open_session(["login.lan"], resolve=lambda host, port: ["169.254.169.254"]) as session,
        pytest.raises(requests.ConnectionError, match="does not call"),
    ):
        session.get("https://login.lan/")


def test_proxy_of_the_machine_is_not_used(canary: Canary, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "https_proxy", "http_proxy"):
        monkeypatch.setenv(name, canary.url)
    with open_session(resolve=lambda host, port: [LOOPBACK]) as session, pytest.raises(requests.RequestException):
        session.get("https://example.org/")
    assert canary.connections == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_refused_and_not_followed(canary: Canary, status: int) -> None:
    canary.answer = say(b"", status, Location=canary.url + "elsewhere")
    with open_session([canary.host]) as session, pytest.raises(Refused):
        session.get(canary.url)
    assert canary.connections == 1


def test_answer_of_the_largest_size_is_read(canary: Canary) -> None:
    canary.answer = say(b"x" * 1024 * 1024)
    with open_session([canary.host]) as session:
        assert len(session.get(canary.url).content) == 1024 * 1024


def test_larger_answer_is_refused(canary: Canary) -> None:
    canary.answer = say(b"x" * (1024 * 1024 + 1))
    with open_session([canary.host]) as session, pytest.raises(Refused, match="longer"):
        session.get(canary.url)


def test_compressed_answer_is_refused(canary: Canary) -> None:
    canary.answer = say(b"\x1f\x8b", Content_Encoding="gzip")
    with open_session([canary.host]) as session, pytest.raises(Refused, match="compressed"):
        session.get(canary.url)


@pytest.mark.parametrize("part", ["silence", "headers", "body"])
def test_server_that_takes_too_long_is_left(canary: Canary, part: str) -> None:
    over = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        if part == "body":
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        if part == "headers":
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        # Never silent for as long as the limit, but for ever.
        while not over.wait(0.05):
            if part != "silence":
                handler.wfile.write(b"x")

    canary.answer = drip
    try:
        with open_session([canary.host], seconds=0.4) as session, pytest.raises(requests.RequestException):
            session.get(canary.url)
    finally:
        over.set()


def test_name_server_that_hangs_takes_no_longer_than_the_call_and_few_threads() -> None:
    over, asked = threading.Event(), threading.Semaphore(0)

    def hang(host: str, port: int) -> list[str]:
        asked.release()
        over.wait(30)
        return ["1.1.1.1"]

    began = time.monotonic()
    try:
        for _ in range(LOOKUPS_AT_ONCE + 1):
            with (
                open_session(resolve=hang, seconds=0.1) as session,
                pytest.raises(requests.ConnectionError, match="in time"),
            ):
                session.get("https://example.org/")
        assert time.monotonic() - began < 10
        assert sum(asked.acquire(blocking=False) for _ in range(LOOKUPS_AT_ONCE + 1)) == LOOKUPS_AT_ONCE
    finally:
        over.set()
    # Once they end there is room again.
    with (
        open_session(resolve=lambda host, port: [LOOPBACK], seconds=20) as session,
        pytest.raises(requests.ConnectionError, match="does not call"),
    ):
        session.get("https://example.org/")


def test_second_call_of_a_session_has_its_own_time(canary: Canary) -> None:
    with open_session([canary.host], seconds=2) as session:
        assert [session.get(canary.url).text for _ in range(3)] == ["hello"] * 3
