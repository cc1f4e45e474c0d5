"""One live site with the demo's content for all tests of a run, and windows of a browser that looks at it.

The worker runs inside the site, as it does under `make serve`, so every mail goes the whole way.
"""

import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from click.testing import CliRunner
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, StorageState

from myproject.cli.main import main
from tests import servers
from tests.browser.people import DEMO_PASSWORD, sign_in
from tests.conftest import (
    CAPTCHA_ANSWER,
    CAPTCHA_QUESTION,
    COMPILED_ONCE,
    REPOSITORY,
    LiveServer,
    Misbehaviour,
    ini_text,
    migrate,
)
from tests.reliability.faults import Fault

# Limits stand as they ship, but for those that so many visitors from one address would meet.
MANY = "10000 per hour"
LIMITS = {
    f"ratelimit.{name}": MANY
    for name in (
        "login_address",
        "login_account",
        "register_address",
        "register_tries",
        "lost_password_address",
        "write_address",
        "post_account",
        "comment_account",
        "keep_account",
        "search_address",
        "passkey_address",
    )
} | {"newcomers.days": "0", "notifications.daily_cap": "10000"}

ASKED_FOR = f"{Fault.__module__}.{Fault.__qualname__}"

# Chromium tells the page about a broken policy; the page's console tells the test.
TELL_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) => {
  console.error(`Content Security Policy: ${event.violatedDirective} against ${event.blockedURI}`);
});
"""


@pytest.fixture(scope="session")
def live_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """The site in development, with the demo's content and an embedded worker. A traceback in its log fails, but
    for that of a fault that a test asked for.
    """
    folder = tmp_path_factory.mktemp("live")
    key = folder / "secret.key"
    key.touch(mode=0o600)
    key.write_text("a key for tests only, long enough to be taken\n")
    port = servers.free_port()
    url = f"http://localhost:{port}"
    options = LIMITS | {
        **COMPILED_ONCE,
        "site.mode": "development",
        "site.url": url,
        "sqlalchemy.url": f"sqlite:///{folder / 'site.sqlite'}",
        "secret_key.file": str(key),
        "tasks.file": str(folder / "tasks.sqlite"),
        "tasks.embedded": "true",
        "mail.folder": str(folder / "mail"),
        "storage.folder": str(folder / "files"),
        "users.password_rounds": "4",
        "captcha.questions": f"{CAPTCHA_QUESTION} = {CAPTCHA_ANSWER}",
        "captcha.min_seconds": "0",
        "notifications.window": "0",
        # What fails on demand.
        "pyramid.includes": "tests.reliability.faults",
        # One report is enough to see what staff see.
        "moderation.flags_to_hide": "1",
    }
    ini = folder / "site.ini"
    ini.write_text(ini_text(options, port, threads=4))
    migrate(options["sqlalchemy.url"])
    made = CliRunner().invoke(main, ["--config", str(ini), "demo"])
    assert made.exit_code == 0, made.output
    server = LiveServer(
        [sys.executable, "-m", "pyramid.scripts.pserve", str(ini)],
        url=url,
        log_file=folder / "site.log",
        ready=lambda: requests.get(f"{url}/health/live", timeout=5).ok,
        cwd=REPOSITORY,
    )
    server.ini = ini
    with servers.running(server):
        yield server
    tracebacks = server.log.split("Traceback (most recent call last)")[1:]
    assert all(ASKED_FOR in traceback for traceback in tracebacks), server.log


class Watch(Misbehaviour):
    """Notes also what Chromium writes to the console as an error, and every broken policy."""

    def watch(self, context: BrowserContext) -> None:
        super().watch(context)
        context.add_init_script(TELL_VIOLATIONS)

    def on_console(self, message: ConsoleMessage) -> None:
        super().on_console(message)
        url = message.location["url"]
        # Chromium says so where a page, or what a script sends, is answered with 404 or 422, and where a mail has
        # no icon.
        expected = message.page is not None and (
            url in (message.page.url, f"http://{self.host}/favicon.ico")
            or f"{self.host}/users/passkeys/" in url
            # What drafts.js would save when the sign-in has ended in another tab.
            or url.endswith("/comments/")
        )
        if message.type == "error" and not (expected and message.text.startswith("Failed to load resource")):
            self.seen.append(f"console: {message.text} ({url})")


class Windows:
    """Opens windows on the site, each with cookies of its own. `seen` lists what no page may do."""

    def __init__(self, browser: Browser, server: LiveServer) -> None:
        self.browser = browser
        self.server = server
        self.watch = Watch(server.url.removeprefix("http://"))
        self.contexts: list[BrowserContext] = []

    @property
    def seen(self) -> list[str]:
        return self.watch.seen

    def open(self, **options: Any) -> Page:
        context = self.browser.new_context(**{"base_url": self.server.url} | options)
        self.contexts.append(context)
        self.watch.watch(context)
        return context.new_page()

    def close(self) -> None:
        for context in self.contexts:
            context.close()


@pytest.fixture
def make_page(browser: Browser, live_server: LiveServer) -> Iterator[Callable[..., Page]]:
    """`make_page(**options)` opens a window with cookies of its own; options are Playwright's for a context."""
    windows = Windows(browser, live_server)
    yield windows.open
    windows.close()
    assert windows.seen == []


@pytest.fixture(scope="session")
def signed_in(browser: Browser, live_server: LiveServer) -> Callable[[str], StorageState]:
    """`signed_in(name)` gives the cookies of a demo member, from one sign-in a run: leave them signed in."""
    states: dict[str, StorageState] = {}

    def state(name: str) -> StorageState:
        if name not in states:
            context = browser.new_context(base_url=live_server.url)
            sign_in(context.new_page(), name, DEMO_PASSWORD)
            states[name] = context.storage_state()
            context.close()
        return states[name]

    return state
