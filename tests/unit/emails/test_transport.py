"""Files for development, and SMTP against a real server in every mood."""

import logging
import stat
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from myproject.emails.message import POLICY, mailbox
from myproject.emails.transport import DeliveryError, FileTransport, SmtpTransport, make_transport
from myproject.settings import Settings, load_settings
from tests import servers
from tests.servers import SmtpServer
from tests.unit.emails.samples import content

PASSWORD = "a pass word never to be seen"


@pytest.fixture
def make_settings(site_folder: Path) -> Callable[..., Settings]:
    def make(**options: str) -> Settings:
        common = {
            "site.mode": "development",
            "site.url": "http://localhost",
            "secret_key.file": str(site_folder / "secret.key"),
        }
        return load_settings(common | {key.replace("_", "."): value for key, value in options.items()}, {})

    return make


@pytest.fixture
def smtp(make_settings: Callable[..., Settings]) -> Callable[..., SmtpTransport]:
    """`smtp(server, mail_tls=...)` gives a transport to that server."""

    def make(server: SmtpServer, **options: str) -> SmtpTransport:
        where = {"mail_transport": "smtp", "mail_host": "localhost", "mail_port": str(server.port)}
        transport = make_transport(make_settings(**where | {"mail_tls": "none", "mail_timeout": "10"} | options))
        assert isinstance(transport, SmtpTransport)
        return transport

    return make


def message(to: str = "ann@example.org") -> EmailMessage:
    mail = EmailMessage(policy=POLICY)
    mail["From"], mail["To"] = mailbox("The site", "site@example.org"), mailbox("Ann", to)
    mail["Subject"], mail["Message-ID"] = "Grüße", "<1@example.org>"
    mail.set_content("Hello Ann")
    return mail


def test_the_server_gets_the_message_and_its_envelope(smtp: Any, smtp_server: SmtpServer) -> None:
    smtp(smtp_server).send(message())
    (envelope,) = smtp_server.messages
    assert (envelope.mail_from, envelope.rcpt_tos) == ("site@example.org", ["ann@example.org"])
    assert b"Message-ID: <1@example.org>\r\n" in content(envelope)


def defer_recipient(server: SmtpServer) -> None:
    server.recipient_answer = servers.DEFER


def refuse_recipient(server: SmtpServer) -> None:
    server.recipient_answer = servers.REFUSE


def defer_data(server: SmtpServer) -> None:
    server.data_answer = servers.DEFER


def refuse_data(server: SmtpServer) -> None:
    server.data_answer = servers.REFUSE


def hang(server: SmtpServer) -> None:
    server.hang = True


def drop(server: SmtpServer) -> None:
    server.drop = True


@pytest.mark.parametrize(
    ("ask", "permanent", "words"),
    [
        (defer_recipient, False, "451 4.3.0 Try again later"),
        (refuse_recipient, True, "550 5.1.1 No such mailbox"),
        (defer_data, False, "451 4.3.0 Try again later"),
        (refuse_data, True, "550 5.1.1 No such mailbox"),
        (hang, False, "broke off"),
        (drop, False, "broke off"),
    ],
)
def test_an_error_says_whether_to_try_again(
    smtp: Any, smtp_server: SmtpServer, ask: Callable[[SmtpServer], None], permanent: bool, words: str
) -> None:
    transport = smtp(smtp_server, mail_timeout="1")
    ask(smtp_server)
    with pytest.raises(DeliveryError, match=words) as caught:
        transport.send(message())
    assert caught.value.permanent is permanent


def test_a_server_that_is_away_is_tried_again(smtp: Any) -> None:
    with pytest.raises(DeliveryError, match="Can't connect") as caught:
        smtp(SmtpServer(servers.free_port(), None)).send(message())
    assert not caught.value.permanent


def test_an_address_beyond_ascii_reaches_a_server_that_takes_such(smtp: Any, smtp_server: SmtpServer) -> None:
    smtp(smtp_server).send(message("änn@example.org"))
    (envelope,) = smtp_server.messages
    assert envelope.rcpt_tos == ["änn@example.org"]
    assert "To: Ann <änn@example.org>".encode() in content(envelope)


def test_an_address_beyond_ascii_is_refused_for_good_by_a_server_that_takes_none(smtp: Any) -> None:
    server = SmtpServer(servers.free_port(), None, enable_SMTPUTF8=False)
    server.start()
    try:
        with pytest.raises(DeliveryError, match="ASCII") as caught:
            smtp(server).send(message("änn@example.org"))
    finally:
        server.stop()
    assert caught.value.permanent


def test_nothing_is_sent_where_starttls_is_asked_for_and_not_offered(smtp: Any, smtp_server: SmtpServer) -> None:
    with pytest.raises(DeliveryError, match="STARTTLS") as caught:
        smtp(smtp_server, mail_tls="starttls").send(message())
    assert not caught.value.permanent
    assert smtp_server.messages == []


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_a_certificate_that_verifies_is_accepted(smtp: Any, monkeypatch: pytest.MonkeyPatch, tls: str) -> None:
    with servers.smtp_server(tls=tls) as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
        smtp(server, mail_tls=tls).send(message())
        assert len(server.messages) == 1


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_nothing_is_sent_to_a_server_whose_certificate_is_unknown(smtp: Any, tls: str) -> None:
    with servers.smtp_server(tls=tls) as server:
        with pytest.raises(DeliveryError, match="CERTIFICATE_VERIFY_FAILED"):
            smtp(server, mail_tls=tls).send(message())
        assert server.messages == []


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_nothing_is_sent_to_a_server_whose_certificate_is_for_another_name(
    smtp: Any, monkeypatch: pytest.MonkeyPatch, tls: str
) -> None:
    with servers.smtp_server(tls=tls) as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
        with pytest.raises(DeliveryError, match="CERTIFICATE_VERIFY_FAILED"):
            smtp(server, mail_tls=tls, mail_host="127.1").send(message())
        assert server.messages == []


def test_an_account_is_used_where_one_is_set(smtp: Any) -> None:
    with servers.smtp_server(accounts={"site": PASSWORD}) as server:
        smtp(server, mail_username="site", mail_password=PASSWORD).send(message())
        assert server.logins
        assert len(server.messages) == 1


def test_the_password_is_in_no_error_and_no_log(smtp: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with servers.smtp_server(accounts={"site": "another"}) as server:
        with pytest.raises(DeliveryError, match="user name or password") as caught:
            smtp(server, mail_username="site", mail_password=PASSWORD).send(message())
        assert not caught.value.permanent
        assert caught.value.__cause__ is None
        ours = [record.getMessage() for record in caplog.records if not record.name.startswith("mail.log")]
        assert PASSWORD not in " ".join([repr(caught.value), *ours])


def test_files_are_for_their_owner_and_sort_by_time(tmp_path: Path) -> None:
    folder = tmp_path / "var" / "mail"
    transport = FileTransport(folder)
    for number in range(3):
        mail = message()
        mail["X-Number"] = str(number)
        transport.send(mail)
    files = sorted(folder.iterdir())
    assert [f"X-Number: {number}\r\n".encode() in file.read_bytes() for number, file in enumerate(files)] == [
        True
    ] * 3
    assert {file.suffix for file in files} == {".eml"}
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_folder_that_can_not_be_written_is_an_error_to_try_again(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("not a folder")
    with pytest.raises(DeliveryError, match="mail folder") as caught:
        FileTransport(tmp_path / "mail").send(message())
    assert not caught.value.permanent
