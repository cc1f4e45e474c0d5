"""The tests' own servers do what tests rely on."""

import smtplib
import ssl
import subprocess
import sys
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path

import psycopg
import pytest
import redis

from tests import servers


@pytest.mark.parametrize(
    "binaries", servers.postgresql_installations(), ids=lambda folder: "-".join(folder.parts[-3:-1])
)
def test_postgresql_of_every_source_starts_with_utf8_and_locale_c(binaries: Path) -> None:
    with servers.postgresql(binaries) as server, psycopg.connect(server.url) as connection:
        row = connection.execute(
            "SELECT pg_encoding_to_char(encoding), datcollate FROM pg_database WHERE datname = 'postgres'"
        ).fetchone()
        assert row == ("UTF8", "C")


def test_postgresql_keeps_its_data_when_taken_away_and_brought_back() -> None:
    with servers.postgresql() as server:
        with psycopg.connect(server.url) as connection:
            connection.execute("CREATE TABLE kept (id integer)")
        server.stop()
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(server.url, connect_timeout=2)
        server.start()
        with psycopg.connect(server.url) as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)


@pytest.mark.parametrize("program", servers.redis_programs(), ids=lambda program: program.parts[-3])
def test_redis_of_every_source_comes_back_empty_on_the_same_port(program: Path) -> None:
    with servers.redis_server(program) as server:
        client = redis.Redis.from_url(server.url)
        client.set("a", 1)
        server.stop()
        with pytest.raises(redis.ConnectionError):
            client.ping()
        server.start()
        assert client.get("a") is None


def test_a_server_that_ends_at_once_is_an_error_that_holds_its_log(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('out of paper')"]
    server = servers.Server(command, url="", log_file=tmp_path / "log", ready=lambda: False)
    with pytest.raises(RuntimeError, match="out of paper"):
        server.start()


def message() -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "site@example.org", "ann@example.org", "Hello"
    mail.set_content("Hello Ann")
    return mail


def send(server: servers.SmtpServer, timeout: float = 10) -> None:
    with smtplib.SMTP(server.hostname, server.port, timeout=timeout) as client:
        client.send_message(message())


def test_smtp_keeps_what_it_takes() -> None:
    with servers.smtp_server() as server:
        send(server)
        (envelope,) = server.messages
        assert (envelope.mail_from, envelope.rcpt_tos) == ("site@example.org", ["ann@example.org"])
        assert b"Hello Ann" in bytes(envelope.original_content or b"")


def defer_recipient(server: servers.SmtpServer) -> None:
    server.recipient_answer = servers.DEFER


def refuse_recipient(server: servers.SmtpServer) -> None:
    server.recipient_answer = servers.REFUSE


def defer_data(server: servers.SmtpServer) -> None:
    server.data_answer = servers.DEFER


def hang(server: servers.SmtpServer) -> None:
    server.hang = True


@pytest.mark.parametrize(
    ("ask", "error"),
    [
        (defer_recipient, smtplib.SMTPRecipientsRefused),
        (refuse_recipient, smtplib.SMTPRecipientsRefused),
        (defer_data, smtplib.SMTPDataError),
        (hang, smtplib.SMTPServerDisconnected),
    ],
)
def test_smtp_takes_nothing_when_asked_to_fail(
    ask: Callable[[servers.SmtpServer], None], error: type[Exception]
) -> None:
    with servers.smtp_server() as server:
        ask(server)
        with pytest.raises(error):
            send(server, timeout=0.5)
        assert server.messages == []


def test_smtp_takes_the_message_but_drops_the_connection_when_asked() -> None:
    with servers.smtp_server() as server:
        server.drop = True
        with pytest.raises(smtplib.SMTPServerDisconnected):
            send(server)
        assert len(server.messages) == 1


def test_smtp_demands_the_password_of_an_account() -> None:
    with servers.smtp_server(accounts={"site": "right"}) as server:
        with pytest.raises(smtplib.SMTPSenderRefused):
            send(server)
        with smtplib.SMTP(server.hostname, server.port, timeout=10) as client:
            with pytest.raises(smtplib.SMTPAuthenticationError):
                client.login("site", "wrong")
            client.login("site", "right")
            client.send_message(message())
        assert len(server.messages) == 1


def test_smtp_with_starttls_shows_a_certificate_that_verifies() -> None:
    with servers.smtp_server(tls="starttls", accounts={"site": "right"}) as server:
        context = ssl.create_default_context(cafile=server.certificate)
        with smtplib.SMTP("localhost", server.port, timeout=10) as client:
            client.starttls(context=context)
            client.login("site", "right")
            client.send_message(message())
        assert len(server.messages) == 1
        with pytest.raises(smtplib.SMTPException):
            send(server)


def test_smtp_with_implicit_tls_shows_a_certificate_that_verifies() -> None:
    with servers.smtp_server(tls="implicit", accounts={"site": "right"}) as server:
        context = ssl.create_default_context(cafile=server.certificate)
        with smtplib.SMTP_SSL("localhost", server.port, timeout=10, context=context) as client:
            client.login("site", "right")
            client.send_message(message())
        assert len(server.messages) == 1


def test_chromium_runs() -> None:
    shown = subprocess.run([servers.chromium_path(), "--version"], check=True, capture_output=True, text=True)
    assert "Chrom" in shown.stdout


@pytest.mark.parametrize(("variable", "value"), [("CI", "true"), ("MYPROJECT_TESTS_STRICT", "1")])
def test_a_missing_server_fails_where_it_has_to_be_there(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(pytest.fail.Exception, match="MISSING: a server"):
        servers.missing("a server")


def test_a_missing_server_skips_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("MYPROJECT_TESTS_STRICT", raising=False)
    with pytest.raises(pytest.skip.Exception, match="MISSING: a server"):
        servers.missing("a server")
