"""How a finished message leaves: as a file (development), or by SMTP."""

import contextlib
import os
import secrets
import smtplib
import ssl
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any, Protocol

from pyramid.config import Configurator

from myproject.emails.services.outbox import mail_domain
from myproject.settings import Settings, settings_of
from myproject.settings_mail import MailTls, MailTransport


class DeliveryError(Exception):
    """The message did not go out. Its text is for people; `permanent`: it never will, to this address."""

    def __init__(self, text: str, *, permanent: bool = False) -> None:
        super().__init__(text)
        self.permanent = permanent


class Transport(Protocol):
    def send(self, message: EmailMessage) -> None:
        """Sends to the address in To, from that in From. Raises `DeliveryError`."""

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

    def send(self, message: EmailMessage) -> None:
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{secrets.token_hex(4)}"
        temporary = self.folder / f"{name}.tmp"
        with self.writing():
            file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(file, "wb") as stream:
                stream.write(message.as_bytes(policy=SMTP.clone(utf8=True)))
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
    """One connection a message. TLS verifies certificate and host name, and nothing goes out without it."""

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

    def send(self, message: EmailMessage) -> None:
        client = self.connect()
        try:
            client.send_message(message, address_of(message, "From"), [address_of(message, "To")])
            # The server has the message: how the parting goes must not make us send it again.
            with contextlib.suppress(smtplib.SMTPException, OSError):
                client.quit()
        except smtplib.SMTPRecipientsRefused as error:
            ((code, text),) = error.recipients.values()
            raise refused("the recipient", code, text) from error
        except smtplib.SMTPDataError as error:
            raise refused("the message", error.smtp_code, error.smtp_error) from error
        except smtplib.SMTPResponseException as error:
            # The sender or the session: the site's fault, which its owner can mend while the mail waits.
            raise refused("the sender", error.smtp_code, error.smtp_error, for_good=False) from error
        except smtplib.SMTPNotSupportedError as error:
            raise DeliveryError("The server takes only addresses in ASCII", permanent=True) from error
        except (smtplib.SMTPException, OSError) as error:
            raise DeliveryError(f"The mail server broke off ({type(error).__name__})") from error
        finally:
            client.close()

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
            if self.username:
                self.login(client)
        except BaseException:
            client.close()
            raise
        return client

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


def refused(what: str, code: int, text: bytes | str, *, for_good: bool = True) -> DeliveryError:
    """The error for a server's answer; a code from 500 means not to ask again, unless `for_good` is false."""
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return DeliveryError(f"The mail server refused {what}: {code} {words}", permanent=for_good and code >= 500)


def make_transport(settings: Settings) -> Transport:
    """The transport that `mail.transport` names."""
    if settings.mail_transport is MailTransport.SMTP:
        return SmtpTransport(settings)
    return FileTransport(settings.mail_folder)


def includeme(config: Configurator) -> None:
    config.registry["mail_transport"] = make_transport(settings_of(config.registry))
