"""How a finished message leaves: as a file (development), or by SMTP."""

import contextlib
import os
import secrets
import smtplib
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from email.message import EmailMessage
from enum import Enum
from pathlib import Path
from typing import Any, Protocol

from pyramid.config import Configurator

from myproject.emails.constants import Fault
from myproject.emails.errors import DeliveryError
from myproject.emails.services.outbox import mail_domain
from myproject.settings import Settings, settings_of
from myproject.settings_mail import MailTls, MailTransport


class Connection(Protocol):
    def send(self, message: EmailMessage, envelope_sender: str = "") -> None:
        """Sends to the address in To, from `envelope_sender` or else the one in From. Raises `DeliveryError`."""


class Transport(Protocol):
    def connection(self) -> AbstractContextManager[Connection]:
        """For one message or many, one after the other, by one thread. Opens when the first is sent."""

    def check(self) -> None:
        """Goes the way of a message as far as it can without one. Raises `DeliveryError`."""


def address_of(message: EmailMessage, header: str) -> str:
    """The first address, without the name, in a header."""
    return str(message[header].addresses[0].addr_spec)


class FileTransport:
    """Writes each message into `folder`, for its owner's eyes only: mails hold links that let people in.

    Names sort by the time they were written, and a file that has its name is whole.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextlib.contextmanager
    def connection(self) -> Iterator["FileTransport"]:
        yield self

    def send(self, message: EmailMessage, envelope_sender: str = "") -> None:
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{secrets.token_hex(4)}"
        temporary = self.folder / f"{name}.tmp"
        with self.writing():
            file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(file, "wb") as stream:
                policy: Any = message.policy
                stream.write(message.as_bytes(policy=policy.clone(utf8=True)))
            temporary.rename(self.folder / f"{name}.eml")

    def check(self) -> None:
        with self.writing(), tempfile.TemporaryFile(dir=self.folder) as file:
            file.write(b"mail")

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            yield
        except OSError as error:
            raise DeliveryError(
                f"Can't write to the mail folder ({error.strerror}): see mail.folder, and who may write to"
                f" {self.folder}"
            ) from error


class SmtpTransport:
    """The way to the mail server. TLS verifies certificate and host name, and nothing goes out without it."""

    def __init__(self, settings: Settings) -> None:
        self.host = settings.mail_host
        self.port = settings.mail_port
        self.tls = settings.mail_tls
        self.username = settings.mail_username
        self.password = settings.mail_password
        # The name to say HELO with: finding it out by DNS can take longer than sending.
        self.options: dict[str, Any] = {
            "timeout": settings.mail_timeout,
            "local_hostname": mail_domain(settings),
        }

    @contextlib.contextmanager
    def connection(self) -> Iterator["SmtpConnection"]:
        with contextlib.closing(SmtpConnection(self)) as connection:
            yield connection

    def check(self) -> None:
        client = self.connect()
        with contextlib.suppress(smtplib.SMTPException, OSError):
            client.quit()
        client.close()

    def connect(self) -> smtplib.SMTP:
        """A client that is ready to send: TLS and sign-in as the settings say. Raises `DeliveryError`, which names
        the settings to look at.
        """
        try:
            if self.tls is MailTls.IMPLICIT:
                context = ssl.create_default_context()
                client: smtplib.SMTP = smtplib.SMTP_SSL(self.host, self.port, context=context, **self.options)
            else:
                client = smtplib.SMTP(self.host, self.port, **self.options)
        except ssl.SSLError as error:
            raise self.tls_failed(error) from error
        except (smtplib.SMTPException, OSError) as error:
            raise DeliveryError(
                f"Can't connect to the mail server at {self.host}, port {self.port} ({error}): see mail.host,"
                " mail.port and mail.tls"
            ) from error
        try:
            if self.tls is MailTls.STARTTLS:
                self.start_tls(client)
            self.say_hello(client)
            if self.username:
                self.login(client)
        except BaseException:
            client.close()
            raise
        return client

    def say_hello(self, client: smtplib.SMTP) -> None:
        try:
            client.ehlo_or_helo_if_needed()
        except (smtplib.SMTPException, OSError) as error:
            raise DeliveryError(f"The mail server did not greet us ({type(error).__name__})") from error

    def start_tls(self, client: smtplib.SMTP) -> None:
        try:
            client.starttls(context=ssl.create_default_context())
        except smtplib.SMTPNotSupportedError as error:
            raise DeliveryError(
                "The mail server offers no STARTTLS; nothing was sent: see mail.port and mail.tls"
            ) from error
        except (smtplib.SMTPException, OSError) as error:
            raise self.tls_failed(error) from error

    def tls_failed(self, error: Exception) -> DeliveryError:
        return DeliveryError(
            f"TLS with the mail server failed ({error}): see mail.tls,"
            f" and whether the certificate is for {self.host}"
        )

    def login(self, client: smtplib.SMTP) -> None:
        # What the server says may repeat what it was told, so none of it goes into the error.
        try:
            client.login(self.username, self.password)
        except smtplib.SMTPAuthenticationError as error:
            code = error.smtp_code
        except smtplib.SMTPNotSupportedError:
            raise DeliveryError(
                "The mail server offers no sign-in: see mail.tls and mail.port, or leave mail.username empty"
            ) from None
        except (smtplib.SMTPException, OSError, ValueError) as error:
            raise DeliveryError(f"Signing in at the mail server failed ({type(error).__name__})") from None
        else:
            return
        raise DeliveryError(
            f"The mail server refused the user name or password ({code}): see mail.username and mail.password_file"
        )


class Stage(Enum):
    """How far a message came, by what the server last heard; the values stand in errors."""

    SENDER = "sender"
    RECIPIENT = "recipient"
    CONTENT = "message"


class SmtpConnection:
    """A conversation with the mail server (RFC 5321, 3.3), opened with the first message."""

    def __init__(self, transport: SmtpTransport) -> None:
        self.transport = transport
        self.client: smtplib.SMTP | None = None
        self.stage = Stage.SENDER

    def send(self, message: EmailMessage, envelope_sender: str = "") -> None:
        sender = envelope_sender or address_of(message, "From")
        recipient = address_of(message, "To")
        if self.client is not None:
            try:
                self.hand_over(self.client, message, sender, recipient)
                return
            except DeliveryError as error:
                # Servers end a conversation that was quiet for long, or had its share: only a new one tells.
                if self.stage is not Stage.SENDER or error.permanent:
                    raise
                self.close()
        self.client = self.transport.connect()
        self.hand_over(self.client, message, sender, recipient)

    def hand_over(self, client: smtplib.SMTP, message: EmailMessage, sender: str, recipient: str) -> None:
        """One message, in the three steps of SMTP; `stage` says how far it came. Raises `DeliveryError`."""
        self.stage = Stage.SENDER
        international = not f"{sender}{recipient}".isascii()
        if international and not client.has_extn("smtputf8"):
            raise DeliveryError("The server takes only addresses in ASCII", Fault.MESSAGE)
        policy: Any = message.policy
        content = message.as_bytes(policy=policy.clone(utf8=international))
        options = [f"size={len(content)}"] if client.has_extn("size") else []
        options += ["SMTPUTF8", "BODY=8BITMIME"] if international else []
        try:
            self.expect(client.mail(sender, options))
            self.stage = Stage.RECIPIENT
            self.expect(client.rcpt(recipient))
            self.stage = Stage.CONTENT
            self.expect(client.data(content))
        except DeliveryError as error:
            self.reset(client, error.code)
            raise
        except smtplib.SMTPDataError as error:
            # The server does not even want to hear the content.
            self.reset(client, error.smtp_code)
            raise refused(self.stage, error.smtp_code, error.smtp_error) from error
        except (smtplib.SMTPException, OSError) as error:
            self.close()
            raise DeliveryError(f"The mail server broke off ({type(error).__name__})", Fault.BROKEN) from error

    def expect(self, reply: tuple[int, bytes]) -> None:
        if reply[0] not in (250, 251, 252):
            raise refused(self.stage, *reply)

    def reset(self, client: smtplib.SMTP, code: int) -> None:
        """Makes ready for the next message; a server that said 421 has ended the conversation."""
        if code == 421:
            self.close()
            return
        try:
            client.rset()
        except (smtplib.SMTPException, OSError):
            self.close()

    def close(self) -> None:
        """Ends the conversation; how the parting goes changes nothing about what the server has."""
        client, self.client = self.client, None
        if client is not None:
            with contextlib.suppress(smtplib.SMTPException, OSError):
                client.quit()
            client.close()


def refused(stage: Stage, code: int, text: bytes | str) -> DeliveryError:
    """The error for a server's reply at a stage of the conversation."""
    answer = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    error = DeliveryError(f"The mail server refused the {stage.value}: {code} {answer}", code=code, answer=answer)
    error.fault = fault_of(stage, code, error.enhanced_code)
    return error


def fault_of(stage: Stage, code: int, enhanced: str) -> Fault:
    """Whose fault a refusal is (RFC 5321, 4.2.1 and RFC 3463)."""
    if stage is Stage.SENDER:
        # The sender is the same for nearly all: its owner has to mend it, but for a message that is too large.
        return Fault.MESSAGE if code == 552 else Fault.BROKEN
    if code == 421 or enhanced.startswith("4.7."):
        return Fault.SLOW
    if code < 500:
        return Fault.LATER
    if stage is Stage.CONTENT:
        return Fault.RECIPIENT if enhanced.startswith(("5.1.", "5.2.")) else Fault.MESSAGE
    # X.7 is policy: what it takes from this sender, or from one that has not signed in. The mailbox may be there.
    return Fault.LATER if enhanced.startswith("5.7.") or code in (503, 530) else Fault.RECIPIENT


def make_transport(settings: Settings) -> Transport:
    """The transport that `mail.transport` names."""
    if settings.mail_transport is MailTransport.SMTP:
        return SmtpTransport(settings)
    return FileTransport(settings.mail_folder)


def includeme(config: Configurator) -> None:
    config.registry["mail_transport"] = make_transport(settings_of(config.registry))
