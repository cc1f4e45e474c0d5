"""A restart loses no request that the server has begun to read."""

import socket
from collections.abc import Callable
from urllib.parse import urlencode, urlsplit

import pytest
import requests

from tests.conftest import LiveServer
from tests.reliability.browsing import TOKEN

REQUESTS = 32
SECONDS = 30


def answer_on(connection: socket.socket) -> bytes:
    """All that comes until the other side ends the connection."""
    chunks = []
    while chunk := connection.recv(65536):
        chunks.append(chunk)
    connection.close()
    return b"".join(chunks)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_sigterm_loses_none_of_32_requests_in_flight(make_live_server: Callable[..., LiveServer]) -> None:
    # A sign-in hashes: it takes long enough that most wait in the queue when the signal comes.
    site = make_live_server(threads=4, users_password_rounds=9)
    page = requests.get(f"{site.url}/users/login/", timeout=SECONDS)
    found = TOKEN.search(page.text)
    assert found
    form = urlencode({"csrf_token": found[1], "login": "ann", "password": "not the password"}).encode()
    parts = urlsplit(site.url)
    head = [
        "POST /users/login/ HTTP/1.1",
        f"Host: {parts.netloc}",
        f"Cookie: guest={page.cookies['guest']}",
        "Content-Type: application/x-www-form-urlencoded",
        f"Content-Length: {len(form)}",
        "Connection: close",
    ]
    message = "\r\n".join([*head, "", ""]).encode() + form
    connections = [socket.create_connection(("127.0.0.1", parts.port), SECONDS) for _ in range(REQUESTS)]
    for connection in connections:
        connection.sendall(message)
    # While the first was hashed for, the server's loop took on all the others.
    first = answer_on(connections.pop(0))
    assert site.process is not None
    site.process.terminate()
    answers = [first, *(answer_on(connection) for connection in connections)]

    assert [answer[:12] for answer in answers] == [b"HTTP/1.1 422"] * REQUESTS
    assert all(b"Wrong email or password" in answer for answer in answers)
    assert all(answer.rstrip().endswith(b"</html>") for answer in answers)
    assert site.process.wait(SECONDS) == 0
    site.process = None
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", parts.port), SECONDS)
