"""Passwords known from leaks: looked up at a server of this machine that speaks Have I Been Pwned's protocol."""

import hashlib
import logging
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.users.services import passwords
from tests.conftest import PASSWORD, Client, form_with
from tests.factories import make_user, sign_in
from tests.functional.pages import field_errors, link_in
from tests.servers import serving

pytestmark = pytest.mark.one_database

LEAKED = "a password of a leak"
FRESH = "staple battery horse"
TOLD = "This password was found in a leak at another site, so others may know it. Choose another."


def digits(password: str) -> str:
    return hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()


class Leaks(ThreadingHTTPServer):
    """Knows `LEAKED`, and beside it only padding; notes what it is asked for. Answers with `status`."""

    daemon_threads = True

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None]] = []
        self.status = 200
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://localhost:{self.server_address[1]}/range/"


class Handler(BaseHTTPRequestHandler):
    server: Leaks

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers["Add-Padding"]))
        known = [f"{digits(LEAKED)[5:]}:17", f"{digits(FRESH)[5:]}:0", f"{'0' * 35}:3"]
        body = "\r\n".join(known).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def leaks() -> Iterator[Leaks]:
    with serving(Leaks()) as server:
        yield server


@pytest.fixture
def strict(make_app: Callable[..., Router], leaks: Leaks) -> Router:
    return make_app(users_password_leaks_url=leaks.url)


def test_leaked_password_is_refused_wherever_one_is_chosen(
    strict: Router, db: Session, make_client: Callable[..., Client], mails: Callable[..., list]
) -> None:
    ann = make_user(db, "ann")
    passwords.ask_for_reset(db, ann.email)
    reset = form_with(make_client(strict).get(link_in(mails(strict)[0])), "confirm")
    client = make_client(strict)
    sign_in(client, ann)
    change = form_with(client.get("/users/me/password/"), "current")
    change["current"] = PASSWORD
    pages = [make_client(strict).register("bob", password=LEAKED, confirm=LEAKED)]
    for form in (reset, change):
        form["password"] = form["confirm"] = LEAKED
        pages.append(form.submit(status=422))
    for page in pages:
        assert field_errors(page) == {"password": TOLD}
    change["password"] = change["confirm"] = FRESH
    change.submit(status=303)


def test_server_learns_five_digits_of_a_hash_and_pads_its_answer(
    strict: Router, leaks: Leaks, make_client: Callable[..., Client]
) -> None:
    make_client(strict).register("bob", password=FRESH, confirm=FRESH)
    assert leaks.asked == [(f"/range/{digits(FRESH)[:5]}", "true")]


@pytest.mark.parametrize("status", [404, 429, 503])
def test_server_that_does_not_answer_keeps_nobody_out_and_the_log_says_so(
    strict: Router,
    leaks: Leaks,
    make_client: Callable[..., Client],
    caplog: pytest.LogCaptureFixture,
    status: int,
) -> None:
    leaks.status = status
    with caplog.at_level(logging.WARNING, "myproject.security.leaked_passwords"):
        page = make_client(strict).register("bob", password=LEAKED, confirm=LEAKED)
    assert page.status_int == 303
    (line,) = [each.getMessage() for each in caplog.records if each.name.endswith("leaked_passwords")]
    assert line.startswith(f"passwords: no answer from {leaks.url}")
    assert digits(LEAKED)[:5] not in line


def test_nobody_is_asked_unless_a_setting_says_so(client: Client) -> None:
    assert client.register("bob", password=LEAKED, confirm=LEAKED).status_int == 303
