"""A restart loses no request that the server has begun to read."""

from collections.abc import Callable
from http.client import HTTPConnection
from urllib.parse import urlencode, urlsplit

import pytest
import requests

from tests.conftest import LiveServer
from tests.reliability.browsing import TOKEN

REQUESTS = 32
SECONDS = 30


def answer_on(connection: HTTPConnection) -> tuple[int, str]:
    """The status and the text."""
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_sigterm_loses_none_of_32_requests_in_flight(make_live_server: Callable[..., LiveServer]) -> None:
    site = make_live_server(threads=4)
    page = requests.get(f"{site.url}/users/login/", timeout=SECONDS)
    found = TOKEN.search(page.text)
    assert found
    form = urlencode({"csrf_token": found[1], "login": "ann", "password": "not the password"})
    headers = {
        "Cookie": f"guest={page.cookies['guest']}",
        "Content-Type": "application/x-www-form-urlencoded",
        "Connection": "close",
    }
    address = "localhost", urlsplit(site.url).port
    connections = [HTTPConnection(*address, timeout=SECONDS) for _ in range(REQUESTS)]
    for connection in connections:
        # The server has taken on whom it has answered once.
        connection.request("GET", "/health/live")
        assert answer_on(connection)[0] == 200
    # Of so many sign-ins at once most wait when the signal comes: they are let in at a pace.
    for connection in connections:
        connection.request("POST", "/users/login/", form, headers)
    first = answer_on(connections.pop(0))
    assert site.process is not None
    site.process.terminate()
    answers = [first, *(answer_on(connection) for connection in connections)]

    assert [status for status, _text in answers] == [422] * REQUESTS
    assert all("Wrong email or password" in text for _status, text in answers)
    assert all(text.rstrip().endswith("</html>") for _status, text in answers)
    assert site.process.wait(SECONDS) == 0
    site.process = None
    with pytest.raises(OSError, match="refused"):
        HTTPConnection(*address, timeout=SECONDS).connect()
