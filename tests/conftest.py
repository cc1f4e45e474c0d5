"""Fixtures: the site on SQLite and on PostgreSQL, its mails, a browser, and the servers of `tests.servers`.

A test of a fixture that stands on `backend` runs on both databases; `-k sqlite` chooses one. Those of the
marker `one_database` run on SQLite alone unless `EVERY_DATABASE=1` is set.
Every xdist worker has servers, databases and folders of its own.
"""

import atexit
import email
import email.policy
import gc
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, fields
from email.message import EmailMessage
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import alembic.command
import alembic.config
import psycopg
import pytest
import redis
import requests
import sqlalchemy as sa
import webtest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, WebError, sync_playwright
from playwright.sync_api import Request as BrowserRequest
from pyramid.registry import Registry
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject import main
from myproject.cache import make_cache
from myproject.db import sessions_of
from myproject.security.ratelimit import RateLimiter
from myproject.settings import ENVIRONMENT_PREFIX, Settings, settings_of
from tests import servers
from tests.outbox import deliver_due

REPOSITORY = Path(__file__).parent.parent
PASSWORD = "correct horse battery"
CAPTCHA_QUESTION = "What colour is snow?"
CAPTCHA_ANSWER = "white"
SETTING_KEYS = {row.name: row.metadata["key"] for row in fields(Settings) if row.metadata}

# The environment wins over the options that a test gives, so what stands in the shell must not be seen.
for variable in [name for name in os.environ if name.startswith(ENVIRONMENT_PREFIX)]:
    if not variable.startswith("MYPROJECT_TESTS_"):
        del os.environ[variable]


# Templates are compiled once in a run, for all applications of all its processes: else each would do so anew.
FOLDER_OF_TEMPLATES = "TESTS_COMPILED_TEMPLATES"
if FOLDER_OF_TEMPLATES not in os.environ:
    # The process that starts the workers, which find it in their environment.
    os.environ[FOLDER_OF_TEMPLATES] = tempfile.mkdtemp(prefix="tests-")
    atexit.register(shutil.rmtree, os.environ[FOLDER_OF_TEMPLATES], ignore_errors=True)
COMPILED_ONCE = {
    "jinja2.bytecode_caching": "true",
    "jinja2.bytecode_caching_directory": os.environ[FOLDER_OF_TEMPLATES],
}


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "with_and_without_javascript: runs a test of `page` both ways")
    config.addinivalue_line(
        "markers",
        "one_database: asked of PostgreSQL too only with EVERY_DATABASE=1, as both do the same here",
    )
    config.addinivalue_line("filterwarnings", "ignore:Requiring AUTH while not requiring TLS:UserWarning")


def keep_for_good() -> None:
    """What there is now stays until the end: to look through it for garbage took a fifth of the time of a run."""
    gc.collect()
    gc.freeze()


def pytest_collection_finish() -> None:
    keep_for_good()
    gc.set_threshold(50_000)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.definition.get_closest_marker("with_and_without_javascript"):
        metafunc.parametrize("javascript", [True, False], ids=["javascript", "no-javascript"])


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Says aloud which servers were not there; a run without them is not the whole run."""
    reasons = [report.longrepr[2] for report in terminalreporter.stats.get("skipped", [])]
    absent = {reason.partition(servers.MISSING)[2] for reason in reasons if servers.MISSING in reason}
    for what in sorted(absent):
        terminalreporter.write_line(f"SKIPPED BECAUSE MISSING: {what}", red=True, bold=True)


# Databases


def migrate(url: str) -> None:
    """Brings the database at `url` to the newest schema, as `alembic upgrade head` does."""
    config = alembic.config.Config()
    config.set_main_option("script_location", str(REPOSITORY / "alembic"))
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    alembic.command.upgrade(config, "head")


class SqliteDatabase:
    """A file that is copied from a migrated one before each test."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "site.sqlite"
        self.template = folder / "template.sqlite"
        self.url = f"sqlite:///{self.file}"
        migrate(f"sqlite:///{self.template}")

    def renew(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            self.file.with_name(self.file.name + suffix).unlink(missing_ok=True)
        shutil.copyfile(self.template, self.file)


# TRUNCATE would make the files of every table and index anew: a hundred times slower for a few rows.
# The role of a replica lets rows go in any order, whatever refers to them.
EMPTY_POSTGRESQL = """
DO $$
DECLARE
    name text;
BEGIN
    PERFORM set_config('session_replication_role', 'replica', true);
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version' LOOP
        EXECUTE format('DELETE FROM %I', name);
    END LOOP;
    PERFORM setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)
        FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL;
END $$
"""


class PostgresqlDatabase:
    """A database that is emptied before each test, but for the row that names its migration."""

    def __init__(self, server: servers.Server) -> None:
        self.url = server.url.rpartition("/")[0] + "/site"
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute("CREATE DATABASE site")
        migrate(self.url)
        # For each connection the server reads its catalogue anew, which takes longer than to empty the tables.
        self.connection = psycopg.connect(self.url, autocommit=True)

    def renew(self) -> None:
        # What a failed test left open would hold its locks.
        self.connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'"
        )
        self.connection.execute(EMPTY_POSTGRESQL)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[servers.Server]:
    with servers.postgresql() as server:
        yield server


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> str:
    """The database's kind: a test that uses this, or anything that stands on it, runs once for each."""
    return str(request.param)


# These two don't stand on `backend`, so that a worker that goes from one to the other and back keeps both.


@pytest.fixture(scope="session")
def sqlite_database(tmp_path_factory: pytest.TempPathFactory) -> SqliteDatabase:
    return SqliteDatabase(tmp_path_factory.mktemp("database"))


@pytest.fixture(scope="session")
def postgresql_database(postgresql_server: servers.Server) -> PostgresqlDatabase:
    return PostgresqlDatabase(postgresql_server)


@pytest.fixture(scope="session")
def database(backend: str, request: pytest.FixtureRequest) -> SqliteDatabase | PostgresqlDatabase:
    return request.getfixturevalue(f"{backend}_database")


@pytest.fixture
def database_url(database: SqliteDatabase | PostgresqlDatabase) -> str:
    """The address of a database with the newest schema and no rows."""
    database.renew()
    return database.url


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves tests of `one_database` to SQLite, unless `EVERY_DATABASE=1` is set."""

    def is_left_out(item: pytest.Item) -> bool:
        callspec = getattr(item, "callspec", None)
        return (
            callspec is not None
            and callspec.params.get("backend") == "postgresql"
            and item.get_closest_marker("one_database") is not None
        )

    if not os.environ.get("EVERY_DATABASE"):
        config.hook.pytest_deselected(items=[item for item in items if is_left_out(item)])
        items[:] = [item for item in items if not is_left_out(item)]


# The application


@pytest.fixture(scope="session")
def site_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the site keeps its key, queue and mails; queue and mails are emptied before each test."""
    folder = tmp_path_factory.mktemp("site")
    key = folder / "secret.key"
    key.touch(mode=0o600)
    key.write_text("a key for tests only, long enough to be taken\n")
    return folder


def option(name: str, value: object) -> tuple[str, str]:
    """The ini option of an override: `site_url="..."` and `**{"site.url": "..."}` are the same."""
    return SETTING_KEYS.get(name, name), str(value).lower() if isinstance(value, bool) else str(value)


def site_options(database_url: str, folder: Path, **overrides: object) -> dict[str, str]:
    """The options of an ini file's `[app:main]` section, for a site that keeps its files in `folder`."""
    return {
        "site.mode": "development",
        "site.url": "http://localhost",
        "sqlalchemy.url": database_url,
        "secret_key.file": str(folder / "secret.key"),
        "tasks.file": str(folder / "tasks.sqlite"),
        "tasks.embedded": "false",
        "mail.folder": str(folder / "mail"),
        "storage.folder": str(folder / "files"),
        "users.password_rounds": "4",
        "users.password_waiting": "64",
        "captcha.provider": "question",
        "captcha.questions": f"{CAPTCHA_QUESTION} = {CAPTCHA_ANSWER}",
        "captcha.min_seconds": "0",
        "ratelimit.enabled": "false",
        "newcomers.days": "0",
        "notifications.window": "0",
        "cache.guest_seconds": "60",
        **COMPILED_ONCE,
    } | dict(option(name, value) for name, value in overrides.items())


@pytest.fixture
def app_settings(database_url: str, site_folder: Path) -> Callable[..., dict[str, str]]:
    """`app_settings(**overrides)` gives the options of a site on the test's database."""
    return partial(site_options, database_url, site_folder)


def app_section(options: Mapping[str, str]) -> str:
    """The `[app:main]` section of an ini file."""
    lines = (f"{key} = {value}".replace("%", "%%").replace("\n", "\n    ") for key, value in options.items())
    return "\n".join(["[app:main]", "use = egg:myproject", *lines, ""])


@pytest.fixture
def write_ini(app_settings: Callable[..., dict[str, str]], tmp_path: Path) -> Callable[..., Path]:
    """`write_ini(*sections, **overrides)` gives an ini file for commands, on the test's database."""

    def write(*sections: str, **overrides: object) -> Path:
        ini = tmp_path / "site.ini"
        alembic = f"[alembic]\nscript_location = {REPOSITORY / 'alembic'}\n"
        ini.write_text("\n".join([app_section(app_settings(**overrides)), alembic, *sections]))
        return ini

    return write


def reset(registry: Registry) -> None:
    """Empties what an application keeps outside the database, in place: its parts hold these objects."""
    settings = settings_of(registry)
    if settings.redis_url:
        with redis.Redis.from_url(settings.redis_url) as client:
            client.flushdb()
    vars(registry["cache"]).update(vars(make_cache(settings)))
    vars(registry["limiter"]).update(vars(RateLimiter(settings, sessions_of(registry))))
    registry["huey"].flush()
    shutil.rmtree(settings.mail_folder, ignore_errors=True)
    shutil.rmtree(settings.storage_folder, ignore_errors=True)


@pytest.fixture(scope="session")
def made_apps() -> dict[tuple[tuple[str, str], ...], Router]:
    """The applications that were made so far, by their options: making one takes longer than most tests."""
    return {}


@pytest.fixture
def make_app(
    app_settings: Callable[..., dict[str, str]], made_apps: dict[tuple[tuple[str, str], ...], Router]
) -> Iterator[Callable[..., Router]]:
    """`make_app(**overrides)` gives a WSGI application with those settings, as good as new."""
    used: dict[tuple[tuple[str, str], ...], Router] = {}

    def make(**overrides: object) -> Router:
        options = app_settings(**overrides)
        key = tuple(sorted(options.items()))
        if key not in used:
            if key not in made_apps:
                made_apps[key] = main({}, **options)
                keep_for_good()
            used[key] = made_apps[key]
            reset(used[key].registry)
        return used[key]

    yield make
    for app in used.values():
        # A file of SQLite is put in the place of another; connections to PostgreSQL are dear, and stay.
        if app.registry["sessions"].engine.dialect.name == "sqlite":
            app.registry["sessions"].engine.dispose()


@pytest.fixture
def app(make_app: Callable[..., Router]) -> Router:
    return make_app()


@pytest.fixture
def db(app: Router) -> Iterator[Session]:
    """A session on the site's database, to arrange and to assert with.

    Its transaction is committed, and its objects expire, before each request of a `Client` and each look at
    `mails`, so that both sides see what the other did. Elsewhere the test says `db.commit()`.
    """
    with app.registry["sessions"].writer() as session:
        yield session


def settle(session: Session) -> None:
    session.commit()
    session.expire_all()


class Client(webtest.TestApp):
    """A browser without scripts, at the site's own host, that remembers its cookies."""

    def __init__(self, app: Router, db: Session, address: str = "127.0.0.1") -> None:
        url = urlsplit(settings_of(app.registry).site_url)
        environ = {"REMOTE_ADDR": address, "HTTP_HOST": url.netloc, "wsgi.url_scheme": url.scheme}
        super().__init__(app, extra_environ=environ)
        self.db = db

    def do_request(self, *args: Any, **kw: Any) -> webtest.TestResponse:
        settle(self.db)
        return super().do_request(*args, **kw)

    def register(
        self, name: str, email: str = "", password: str = PASSWORD, **values: Any
    ) -> webtest.TestResponse:
        """Sends the registration form, rightly filled but for `values`; gives the answer, whatever it is."""
        form = form_with(self.get("/users/register/"), "accept_tos")
        answer = {"captcha_answer": CAPTCHA_ANSWER} if "captcha_answer" in form.fields else {}
        filled = {
            "name": name,
            "email": email or f"{name}@example.org",
            "password": password,
            "confirm": password,
            "accept_tos": True,
        }
        for field_name, value in (filled | answer | values).items():
            form[field_name] = value
        return form.submit(status="*")

    def login(self, login: str, password: str = PASSWORD, **values: Any) -> webtest.TestResponse:
        """Signs in through the form and gives the redirect; AppError where that was refused."""
        form = form_with(self.get("/users/login/"), "login")
        for field_name, value in ({"login": login, "password": password} | values).items():
            form[field_name] = value
        return form.submit(status=303)

    def logout(self) -> webtest.TestResponse:
        """Presses "Sign out" and gives the redirect."""
        page = self.get("/users/me/")
        form = next(form for form in page.forms.values() if form.action.endswith("/users/logout/"))
        return form.submit(status=303)


def form_with(page: webtest.TestResponse, field_name: str) -> webtest.Form:
    """The form of a page that has a field of that name. The others, and the rest of the page, are not parsed: that
    takes longer than most of what tests do.
    """
    for text in re.findall(r"<form\b.*?</form>", page.text, re.DOTALL):
        if f'name="{field_name}"' in text:
            return webtest.Form(page, text, page.parser_features)
    raise LookupError(f"no form of the page has a field {field_name!r}")


@pytest.fixture
def make_client(app: Router, db: Session) -> Callable[..., Client]:
    """`make_client(app, address=...)` gives one more browser, with cookies of its own."""

    def make(app: Router = app, **options: Any) -> Client:
        return Client(app, db, **options)

    return make


@pytest.fixture
def client(make_client: Callable[..., Client]) -> Client:
    return make_client()


def run_tasks(registry: Registry) -> int:
    """Does what waits in the queue, as a worker would; gives how many tasks there were."""
    huey = registry["huey"]
    done = 0
    while (task := huey.dequeue()) is not None:
        huey.execute(task)
        done += 1
    return done


@pytest.fixture
def mails(app: Router, db: Session) -> Callable[..., list[EmailMessage]]:
    """`mails()` sends what is due and gives the mails so far, oldest first; `mails(to=...)` those to one."""

    def read(app: Router = app, *, to: str | None = None) -> list[EmailMessage]:
        settle(db)
        run_tasks(app.registry)
        deliver_due(app.registry)
        files = sorted(
            settings_of(app.registry).mail_folder.glob("*.eml"),
            key=lambda file: (file.stat().st_mtime_ns, file.name),
        )
        sent = [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in files]
        return [mail for mail in sent if to is None or to in str(mail["To"])]

    return read


@pytest.fixture
def query_counter(app: Router) -> Callable[..., AbstractContextManager[list[str]]]:
    """`with query_counter() as statements:` collects the SQL run meanwhile, but no BEGIN, COMMIT, PRAGMA."""

    @contextmanager
    def count(engine: sa.Engine = app.registry["sessions"].engine) -> Iterator[list[str]]:
        statements: list[str] = []

        def remember(connection: sa.Connection, cursor: Any, statement: str, *rest: Any) -> None:
            if not statement.lstrip().upper().startswith(("BEGIN", "COMMIT", "ROLLBACK", "PRAGMA")):
                statements.append(statement)

        # The first connection of an engine asks the server what it is.
        engine.connect().close()
        sa.event.listen(engine, "before_cursor_execute", remember)
        try:
            yield statements
        finally:
            sa.event.remove(engine, "before_cursor_execute", remember)

    return count


# Servers


@pytest.fixture(scope="session")
def redis_process() -> Iterator[servers.Server]:
    with servers.redis_server() as server:
        yield server


@pytest.fixture
def redis_server(redis_process: servers.Server) -> Iterator[servers.Server]:
    """An empty Redis; a test may `stop()` and `start()` it."""
    with redis.Redis.from_url(redis_process.url) as client:
        client.flushall()
    yield redis_process
    if redis_process.process is None:
        redis_process.start()


@pytest.fixture(scope="session")
def plain_smtp_server() -> Iterator[servers.SmtpServer]:
    with servers.smtp_server() as server:
        yield server


@pytest.fixture
def smtp_server(plain_smtp_server: servers.SmtpServer) -> servers.SmtpServer:
    """An SMTP server without TLS and accounts, at the same port in all tests, so that those of the same settings
    share an application; for others see `servers.smtp_server`.
    """
    plain_smtp_server.renew()
    return plain_smtp_server


LIVE_INI = """\
{app}
[server:main]
use = egg:myproject
host = 127.0.0.1
port = {port}
threads = {threads}

[loggers]
keys = root

[handlers]
keys = console

[formatters]
keys = plain

[logger_root]
level = INFO
handlers = console

[handler_console]
class = StreamHandler
args = (sys.stderr,)
level = NOTSET
formatter = plain

[formatter_plain]
format = %(asctime)s %(levelname)-5s %(name)s: %(message)s
"""


class LiveServer(servers.Server):
    """The site under `pserve`, in its own process. A traceback in its log fails the test, unless allowed."""

    tracebacks_allowed = False
    ini: Path


def ini_text(options: Mapping[str, str], port: int, threads: int) -> str:
    return LIVE_INI.format(app=app_section(options), port=port, threads=threads)


@pytest.fixture
def make_live_server(
    app_settings: Callable[..., dict[str, str]], tmp_path: Path
) -> Iterator[Callable[..., LiveServer]]:
    """`make_live_server(threads=4, **overrides)` starts the site on a free port, on the test's database."""
    started: list[LiveServer] = []

    def make(*, threads: int = 4, **overrides: object) -> LiveServer:
        port = servers.free_port()
        url = f"http://localhost:{port}"
        ini = tmp_path / f"live-{port}.ini"
        ini.write_text(ini_text(app_settings(**{"site_url": url} | overrides), port, threads))
        server = LiveServer(
            [sys.executable, "-m", "pyramid.scripts.pserve", str(ini)],
            url=url,
            log_file=ini.with_suffix(".log"),
            ready=lambda: requests.get(f"{url}/health/live", timeout=5).ok,
            cwd=REPOSITORY,
        )
        server.ini = ini
        server.start()
        started.append(server)
        return server

    yield make
    for server in started:
        server.stop()
    for server in started:
        assert server.tracebacks_allowed or "Traceback (most recent call last)" not in server.log, server.log


@pytest.fixture
def live_server(make_live_server: Callable[..., LiveServer]) -> LiveServer:
    return make_live_server()


# Browser

CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = servers.chromium_path()
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=CHROMIUM_OPTIONS)
        yield chromium
        chromium.close()


@dataclass
class Misbehaviour:
    """What no page of the site may do in a browser, as it happens."""

    host: str
    seen: list[str] = field(default_factory=list)

    def watch(self, context: BrowserContext) -> None:
        context.on("request", self.on_request)
        context.on("console", self.on_console)
        context.on("weberror", self.on_error)

    def on_request(self, request: BrowserRequest) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob", "about") and parts.netloc != self.host:
            self.seen.append(f"request to another host: {request.url}")

    def on_console(self, message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            self.seen.append(message.text)

    def on_error(self, error: WebError) -> None:
        self.seen.append(f"script error: {error.error}")


@pytest.fixture
def javascript() -> bool:
    """Whether scripts run in `page`; mark a test `with_and_without_javascript` to run it both ways."""
    return True


@pytest.fixture
def make_page(browser: Browser, live_server: LiveServer) -> Iterator[Callable[..., Page]]:
    """`make_page(**options)` opens a window with cookies of its own; options are Playwright's for a context.

    Addresses are relative to the site. At the end nothing may have been asked of another host, no policy been
    broken and no script have failed.
    """
    misbehaviour = Misbehaviour(urlsplit(live_server.url).netloc)
    contexts: list[BrowserContext] = []

    def make(**options: Any) -> Page:
        context = browser.new_context(**{"base_url": live_server.url} | options)
        contexts.append(context)
        misbehaviour.watch(context)
        return context.new_page()

    yield make
    for context in contexts:
        context.close()
    assert misbehaviour.seen == []


@pytest.fixture
def page(make_page: Callable[..., Page], javascript: bool) -> Page:
    return make_page(java_script_enabled=javascript)
