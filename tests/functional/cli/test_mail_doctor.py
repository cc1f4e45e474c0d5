"""`myproject mail test` and `myproject mail doctor`, against real servers."""

import socket
from collections.abc import Callable
from email import message_from_bytes
from pathlib import Path

import pytest

from tests import servers
from tests.functional.cli.test_init import run
from tests.names import name_server
from tests.unit.emails.samples import content
from tests.unit.emails.test_doctor import BROKEN, HEADERS, HEALTHY, tell

pytestmark = pytest.mark.one_database

Send = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def send(write_ini: Callable[..., Path]) -> Send:
    """`send(port, mail_tls=...)` mails ann@example.org; it gives how the command ended, and what it said."""

    def send(port: int, **options: object) -> tuple[int, list[str]]:
        where = {"mail_transport": "smtp", "mail_port": port, "mail_tls": "none", "mail_timeout": "1"}
        given = {"mail_sender": "The site <site@example.org>"} | where | options
        result = run(write_ini(**given), "mail", "test", "ann@example.org")
        return result.exit_code, result.output.splitlines()

    return send


def test_a_test_mail_goes_out_at_once_and_each_step_is_told(send: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    with servers.smtp_server(tls="starttls", accounts={"site": "canary-password"}) as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
        code, said = send(server.port, mail_tls="starttls", mail_username="site", mail_password="canary-password")
        (envelope,) = server.messages
    assert code == 0, said
    assert said[0] == f"ok    connect: localhost (127.0.0.1), port {server.port}"
    assert said[1].startswith("ok    TLS: TLSv1.3, certificate for localhost, 127.0.0.1, good until ")
    assert said[2] == "ok    sign-in: as site"
    assert said[3].startswith("ok    MAIL FROM: site@example.org: 250 ")
    assert said[4] == "ok    RCPT TO: ann@example.org: 250 2.0.0 OK"
    assert said[5] == "ok    DATA: 250 2.0.0 OK"
    assert "canary-password" not in "\n".join(said)
    message = message_from_bytes(content(envelope))
    assert (message["To"], message["Auto-Submitted"]) == ("ann@example.org", "auto-generated")


@pytest.mark.parametrize(
    ("attribute", "answer", "step", "mend"),
    [
        ("recipient_answer", "550 5.1.1 No such mailbox", "RCPT TO", "nobody gets mail there"),
        ("recipient_answer", "554 5.7.1 Relay access denied", "RCPT TO", "sign in (mail.username"),
        ("recipient_answer", "451 4.7.1 Greylisted", "RCPT TO", "wait some minutes"),
        ("data_answer", "550 5.7.26 Unauthenticated", "DATA", "myproject mail doctor"),
    ],
)
def test_a_refusal_is_told_with_its_mend(
    send: Send, smtp_server: servers.SmtpServer, attribute: str, answer: str, step: str, mend: str
) -> None:
    setattr(smtp_server, attribute, answer)
    code, said = send(smtp_server.port)
    assert code == 1
    assert any(line.startswith(f"WRONG {step}: ") and answer in line for line in said), said
    assert mend in said[-1]


def test_what_never_came_to_a_message_is_told_with_the_steps_before(
    send: Send, smtp_server: servers.SmtpServer
) -> None:
    code, said = send(smtp_server.port, mail_username="site", mail_password="canary-password")
    assert code == 1
    assert said[0].startswith("ok    connect: ")
    assert "offers no sign-in" in said[-1]
    code, said = send(servers.free_port())
    assert (code, len(said)) == (1, 1)
    assert said[0].endswith("see mail.host, mail.port and mail.tls")
    with socket.create_server((servers.LOOPBACK, 0)) as silent:
        code, said = send(silent.getsockname()[1], mail_host=servers.LOOPBACK)
    assert "587" in said[-1]
    code, said = send(smtp_server.port, mail_tls="starttls")
    assert said[0].startswith("ok    connect: ")
    assert "offers no STARTTLS" in said[-1]


def test_files_and_staging_are_told(
    send: Send, write_ini: Callable[..., Path], smtp_server: servers.SmtpServer
) -> None:
    result = run(write_ini(mail_transport="files"), "mail", "test", "ann@example.org")
    assert (result.exit_code, "nobody gets it" in result.output) == (0, True)
    code, said = send(smtp_server.port, mail_redirect_all_to="owner@example.net")
    assert (code, "owner@example.net" in said[0]) == (0, True)
    assert smtp_server.messages[0].rcpt_tos == ["owner@example.net"]


@pytest.mark.parametrize(
    "address", ["nobody", "@example.org", "", "a b@example.org", "a@b\nc", "ann@example..org"]
)
def test_what_is_no_address_is_refused(write_ini: Callable[..., Path], address: str) -> None:
    result = run(write_ini(), "mail", "test", address)
    assert result.exit_code == 2, result.output


def test_the_doctor_says_what_is_wrong_with_the_domain_and_fails(write_ini: Callable[..., Path]) -> None:
    with name_server(HEALTHY) as names:
        ini = write_ini(
            mail_transport="smtp",
            mail_sender="site@example.org",
            mail_dkim_selector="s1",
            mail_relay_addresses="192.0.2.25",
            mail_name_server=names.address,
        )
        result = run(ini, "mail", "doctor")
        assert result.exit_code == 0, result.output
        assert "good     spf: The SPF record of example.org permits your relay (192.0.2.25)." in result.output
        tell(names, BROKEN["no DMARC"][0])
        result = run(ini, "mail", "doctor")
        assert result.exit_code == 1
        assert 'paste: _dmarc.example.org. IN TXT "v=DMARC1; p=none' in result.output
        headers = ini.with_name("probe.eml")
        headers.write_text(HEADERS)
        result = run(ini, "mail", "doctor", "--headers", str(headers))
        assert "k2._domainkey.example.org" in result.output
        headers.write_text("Hello")
        assert run(ini, "mail", "doctor", "--headers", str(headers)).exit_code == 2
