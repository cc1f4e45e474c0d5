"""One mail by the site's real transport, and what was said on the way, step by step."""

import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any, cast
from uuid import uuid4

from pyramid.registry import Registry

from myproject.emails import constants as EMAIL
from myproject.emails.bounces.returning import return_address
from myproject.emails.errors import DeliveryError
from myproject.emails.message import make_message, sender_address
from myproject.emails.services.outbox import mail_domain
from myproject.emails.services.samples import sample_row
from myproject.emails.transport import SmtpTransport
from myproject.settings import Settings, settings_of
from myproject.settings_mail import MailTransport

CONNECT, TLS, SIGN_IN, SENDER, RECIPIENT, CONTENT = "connect", "TLS", "sign-in", "MAIL FROM", "RCPT TO", "DATA"


@dataclass(frozen=True)
class Step:
    """A step that the mail came to: what was said there. A `code` of 400 and above is a refusal."""

    name: str
    words: str
    code: int = 0


@dataclass(frozen=True)
class Talk:
    """The steps, what went wrong in the end (empty: nothing), and how to mend it."""

    steps: tuple[Step, ...]
    problem: str = ""
    mend: str = ""


def send_test(registry: Registry, address: str) -> Talk:
    """Sends one mail at once, past the outbox, as the outbox would. Raises what the templates of the mail do."""
    settings = settings_of(registry)
    email = sample_row(EMAIL.Kind.PROBE)
    email.id, email.user_id = 0, None
    email.to_address, email.to_name = address, ""
    email.context = {"name": address.partition("@")[0]}
    email.message_id = f"<{uuid4().hex}@{mail_domain(settings)}>"
    message = make_message(registry, email)
    sender = return_address(registry, email)
    if settings.mail_transport is not MailTransport.SMTP:
        return write_test(registry, message, settings)
    transport = WatchedTransport(settings)
    try:
        with transport.connection() as connection:
            connection.send(message, sender)
    except DeliveryError as error:
        mend = mend_of(error, transport.steps, sender or sender_address(settings))
        return Talk(tuple(transport.steps), str(error), mend)
    return Talk(tuple(transport.steps))


def write_test(registry: Registry, message: EmailMessage, settings: Settings) -> Talk:
    try:
        with registry["mail_transport"].connection() as connection:
            connection.send(message)
    except DeliveryError as error:
        return Talk((), str(error))
    return Talk((Step("file", f"written to {settings.mail_folder}, for mail.transport is files: nobody gets it"),))


class WatchedTransport(SmtpTransport):
    """The real one, which notes its steps."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.steps: list[Step] = []

    def connect(self) -> smtplib.SMTP:
        # It is asked for what a client is asked for, and nothing else.
        return cast(smtplib.SMTP, WatchedClient(super().connect(), self.steps))

    def note_connection(self, client: smtplib.SMTP) -> None:
        if not self.steps and client.sock is not None:
            where = str(client.sock.getpeername()[0])
            self.steps.append(Step(CONNECT, f"{self.host} ({where}), port {self.port}"))

    def note_tls(self, client: smtplib.SMTP) -> None:
        if isinstance(client.sock, ssl.SSLSocket):
            self.steps.append(Step(TLS, tls_words(client.sock)))

    def start_tls(self, client: smtplib.SMTP) -> None:
        self.note_connection(client)
        super().start_tls(client)

    def say_hello(self, client: smtplib.SMTP) -> None:
        self.note_connection(client)
        self.note_tls(client)
        super().say_hello(client)

    def login(self, client: smtplib.SMTP) -> None:
        super().login(client)
        self.steps.append(Step(SIGN_IN, f"as {self.username}"))


class WatchedClient:
    """A client whose answers to the three steps of a message are noted."""

    def __init__(self, client: smtplib.SMTP, steps: list[Step]) -> None:
        self.client = client
        self.steps = steps

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    def note(self, step: str, argument: str, reply: tuple[int, bytes]) -> tuple[int, bytes]:
        code, answer = reply
        words = f"{code} {answer.decode('utf-8', 'replace')}"
        self.steps.append(Step(step, f"{argument}: {words}" if argument else words, code))
        return reply

    def mail(self, sender: str, options: list[str]) -> tuple[int, bytes]:
        return self.note(SENDER, sender, self.client.mail(sender, options))

    def rcpt(self, recipient: str) -> tuple[int, bytes]:
        return self.note(RECIPIENT, recipient, self.client.rcpt(recipient))

    def data(self, content: bytes) -> tuple[int, bytes]:
        try:
            return self.note(CONTENT, "", self.client.data(content))
        except smtplib.SMTPDataError as error:
            self.note(CONTENT, "", (error.smtp_code, bytes_of(error.smtp_error)))
            raise


def bytes_of(answer: bytes | str) -> bytes:
    return answer.encode() if isinstance(answer, str) else answer


def tls_words(connection: ssl.SSLSocket) -> str:
    """Version, and the names that the certificate is for."""
    certificate: dict[str, Any] = dict(connection.getpeercert() or {})
    names = [value for kind, value in certificate.get("subjectAltName", ()) if kind in ("DNS", "IP Address")]
    until = certificate.get("notAfter", "")
    return f"{connection.version()}, certificate for {', '.join(names)}, good until {until}"


def mend_of(error: DeliveryError, steps: list[Step], sender: str) -> str:
    """What the owner can do about a failure; "" where its own words say it already."""
    last = steps[-1].name if steps else ""
    if not steps and "timed out" in str(error):
        return "Many networks close port 25: try port 587 with mail.tls = starttls, or 465 with implicit."
    if not error.code:
        return ""
    if error.code < 500 and last in (RECIPIENT, CONTENT):
        return "The server may take it later: wait some minutes, and try again."
    if last == SENDER:
        return (
            f"Let the server take mail from {sender}: allow that address there, sign in (mail.username), or set"
            " mail.sender to one that it knows."
        )
    if last == RECIPIENT and (error.enhanced_code.startswith("5.7.") or "relay" in error.answer.lower()):
        return (
            "The server passes mail on only for whom it knows: sign in (mail.username and mail.password_file), or"
            " let it relay for this machine."
        )
    if last == RECIPIENT:
        return "Look at the address: the server says that nobody gets mail there."
    return "The server does not like the mail itself. Often it misses SPF or DKIM: see `myproject mail doctor`."
