"""Files for development, and SMTP against a real server in every mood."""

import logging
import re
import select
import stat
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from myproject.emails.constants import Fault
from myproject.emails.errors import DeliveryError
from myproject.emails.message import POLICY, mailbox
from myproject.emails.transport import FileTransport, SmtpTransport, Transport, make_transport
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


def send(transport: Transport, mail: EmailMessage) -> None:
    with transport.connection() as connection:
        connection.send(mail)


def test_the_server_gets_the_message_and_its_envelope(smtp: Any, smtp_server: SmtpServer) -> None:
    send(smtp(smtp_server), message())
    (envelope,) = smtp_server.messages
    assert (envelope.mail_from, envelope.rcpt_tos) == ("site@example.org", ["ann@example.org"])
    assert b"Message-ID: <1@example.org>\r\n" in content(envelope)


@pytest.mark.parametrize(
    ("where", "answer", "fault"),
    [
        ("sender", "451 4.3.0 Out of room", Fault.BROKEN),
        ("sender", "550 5.7.1 Not from you", Fault.BROKEN),
        ("sender", "552 5.3.4 Too large", Fault.MESSAGE),
        ("recipient", servers.DEFER, Fault.LATER),
        ("recipient", "450 4.2.0 Greylisted", Fault.LATER),
        ("recipient", "421 4.3.2 Closing down", Fault.SLOW),
        ("recipient", "450 4.7.28 Too many of you", Fault.SLOW),
        ("recipient", servers.REFUSE, Fault.RECIPIENT),
        ("recipient", "553 Bad address", Fault.RECIPIENT),
        ("recipient", "554 5.7.1 Relay access denied", Fault.LATER),
        ("data", servers.DEFER, Fault.LATER),
        ("data", "421 Enough", Fault.SLOW),
        ("data", "554 5.7.1 Looks like spam", Fault.MESSAGE),
        ("data", "550 5.2.1 Mailbox disabled", Fault.RECIPIENT),
    ],
)
def test_an_answer_says_whose_fault_it_is_and_is_kept_word_for_word(
    smtp: Any, smtp_server: SmtpServer, where: str, answer: str, fault: Fault
) -> None:
    setattr(smtp_server, f"{where}_answer", answer)
    with pytest.raises(DeliveryError, match=re.escape(answer)) as caught:
        send(smtp(smtp_server), message())
    code, _, text = answer.partition(" ")
    error = caught.value
    assert (error.fault, error.code, error.answer) == (fault, int(code), text)
    assert error.enhanced_code == (text.partition(" ")[0] if text[0].isdigit() else "")
    assert error.permanent is (fault in (Fault.MESSAGE, Fault.RECIPIENT))


@pytest.mark.parametrize("trouble", ["hang", "drop"])
def test_a_conversation_that_breaks_off_leaves_it_open_whose_fault_that_is(
    smtp: Any, smtp_server: SmtpServer, trouble: str
) -> None:
    setattr(smtp_server, trouble, True)
    with pytest.raises(DeliveryError, match="broke off") as caught:
        send(smtp(smtp_server, mail_timeout="1"), message())
    assert caught.value.fault is Fault.BROKEN


def test_many_messages_go_in_one_conversation_also_behind_one_that_is_refused(
    smtp: Any, smtp_server: SmtpServer
) -> None:
    with smtp(smtp_server).connection() as connection:
        connection.send(message())
        smtp_server.recipient_answer = servers.REFUSE
        with pytest.raises(DeliveryError, match="No such mailbox"):
            connection.send(message())
        smtp_server.recipient_answer = servers.ACCEPT
        connection.send(message(), "bounces+1@example.org")
    assert smtp_server.conversations == 1
    assert [envelope.mail_from for envelope in smtp_server.messages] == [
        "site@example.org",
        "bounces+1@example.org",
    ]


def test_a_server_that_has_had_enough_of_a_conversation_gets_another(smtp: Any, smtp_server: SmtpServer) -> None:
    smtp_server.most_messages = 2
    with smtp(smtp_server).connection() as connection:
        for _ in range(5):
            connection.send(message())
    assert (len(smtp_server.messages), smtp_server.conversations) == (5, 3)


def test_a_conversation_that_has_gone_quiet_for_too_long_is_begun_anew(smtp: Any) -> None:
    server = SmtpServer(servers.free_port(), None, timeout=1)
    server.start()
    try:
        with smtp(server).connection() as connection:
            connection.send(message())
            # The server hangs up by itself; what it says then is left unread.
            assert select.select([connection.client.sock], [], [], 10)[0]
            connection.send(message())
    finally:
        server.stop()
    assert (len(server.messages), server.conversations) == (2, 2)


def test_a_server_that_is_away_is_tried_again(smtp: Any) -> None:
    with pytest.raises(DeliveryError, match="Can't connect") as caught:
        send(smtp(SmtpServer(servers.free_port(), None)), message())
    assert not caught.value.permanent


def test_an_address_beyond_ascii_reaches_a_server_that_takes_such(smtp: Any, smtp_server: SmtpServer) -> None:
    send(smtp(smtp_server), message("änn@example.org"))
    (envelope,) = smtp_server.messages
    assert envelope.rcpt_tos == ["änn@example.org"]
    assert "To: Ann <änn@example.org>".encode() in content(envelope)


def test_an_address_beyond_ascii_is_refused_for_good_by_a_server_that_takes_none(smtp: Any) -> None:
    server = SmtpServer(servers.free_port(), None, enable_SMTPUTF8=False)
    server.start()
    try:
        with pytest.raises(DeliveryError, match="ASCII") as caught:
            send(smtp(server), message("änn@example.org"))
    finally:
        server.stop()
    assert caught.value.permanent


def test_nothing_is_sent_where_starttls_is_asked_for_and_not_offered(smtp: Any, smtp_server: SmtpServer) -> None:
    with pytest.raises(DeliveryError, match="STARTTLS") as caught:
        send(smtp(smtp_server, mail_tls="starttls"), message())
    assert not caught.value.permanent
    assert smtp_server.messages == []


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_a_certificate_that_verifies_is_accepted(smtp: Any, monkeypatch: pytest.MonkeyPatch, tls: str) -> None:
    with servers.smtp_server(tls=tls) as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
        send(smtp(server, mail_tls=tls), message())
        assert len(server.messages) == 1


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_nothing_is_sent_to_a_server_whose_certificate_is_unknown(smtp: Any, tls: str) -> None:
    with servers.smtp_server(tls=tls) as server:
        with pytest.raises(DeliveryError, match="CERTIFICATE_VERIFY_FAILED"):
            send(smtp(server, mail_tls=tls), message())
        assert server.messages == []


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_nothing_is_sent_to_a_server_whose_certificate_is_for_another_name(
    smtp: Any, monkeypatch: pytest.MonkeyPatch, tls: str
) -> None:
    with servers.smtp_server(tls=tls) as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
        with pytest.raises(DeliveryError, match="CERTIFICATE_VERIFY_FAILED"):
            send(smtp(server, mail_tls=tls, mail_host="127.1"), message())
        assert server.messages == []


def test_an_account_is_used_where_one_is_set(smtp: Any) -> None:
    with servers.smtp_server(accounts={"site": PASSWORD}) as server:
        send(smtp(server, mail_username="site", mail_password=PASSWORD), message())
        assert server.logins
        assert len(server.messages) == 1


def test_the_password_is_in_no_error_and_no_log(smtp: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with servers.smtp_server(accounts={"site": "another"}) as server:
        with pytest.raises(DeliveryError, match="user name or password") as caught:
            send(smtp(server, mail_username="site", mail_password=PASSWORD), message())
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
        send(transport, mail)
    files = sorted(folder.iterdir())
    assert [f"X-Number: {number}\r\n".encode() in file.read_bytes() for number, file in enumerate(files)] == [
        True
    ] * 3
    assert {file.suffix for file in files} == {".eml"}
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_file_has_a_long_address_in_one_piece_as_a_mail_server_gets_it(tmp_path: Path) -> None:
    mail = message()
    mail["List-Unsubscribe"] = stop = f"<https://example.org/{'a' * 100}/>"
    send(FileTransport(tmp_path), mail)
    (file,) = tmp_path.iterdir()
    assert f"List-Unsubscribe: {stop}\r\n".encode() in file.read_bytes()


def test_a_folder_that_can_not_be_written_is_an_error_to_try_again(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("not a folder")
    with pytest.raises(DeliveryError, match="mail folder") as caught:
        send(FileTransport(tmp_path / "mail"), message())
    assert not caught.value.permanent
