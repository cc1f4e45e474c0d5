"""Settings of mail that comes back."""

from dataclasses import dataclass
from enum import StrEnum

from myproject.settings_mail import MailTls
from myproject.settings_values import LOOPBACK, at_least, mail_address, one_of, setting, text

# The number and the signature of a mail stand behind it (RFC 5321, 4.5.3.1.1: 64 characters in all).
LOCAL_PART_MAX_LENGTH = 20


class BounceProtocol(StrEnum):
    IMAP = "imap"
    POP3 = "pop3"


PORTS = {
    (BounceProtocol.IMAP, MailTls.IMPLICIT): 993,
    (BounceProtocol.IMAP, MailTls.STARTTLS): 143,
    (BounceProtocol.IMAP, MailTls.NONE): 143,
    (BounceProtocol.POP3, MailTls.IMPLICIT): 995,
    (BounceProtocol.POP3, MailTls.STARTTLS): 110,
    (BounceProtocol.POP3, MailTls.NONE): 110,
}


def bounce_address(value: str) -> str:
    """A plain address, with room for what is put behind its local part."""
    value = mail_address(value)
    local, _at, domain = value.rpartition("@")
    if value and ("<" in value or len(local) > LOCAL_PART_MAX_LENGTH or not f"{local}{domain}".isascii()):
        raise ValueError("say a short address in ASCII, without a name, such as bounces@example.org")
    return value


@dataclass(frozen=True, kw_only=True)
class BounceSettings:
    """Where mail comes back to, and who tells of it."""

    mail_bounce_address: str = setting(
        "mail.bounce_address",
        bounce_address,
        "",
        "the address that mails return to, with a number and a signature behind a plus:"
        " bounces+7.a1b2@example.org; empty: to `mail.sender`",
    )
    mail_bounces_protocol: BounceProtocol = setting(
        "mail.bounces.protocol", one_of(BounceProtocol), "imap", "how the mailbox of that address is read"
    )
    mail_bounces_host: str = setting(
        "mail.bounces.host",
        text,
        "",
        "the server of that mailbox, which is for bounces alone; empty: none is read",
    )
    mail_bounces_port: int = setting(
        "mail.bounces.port", at_least(0, 65535), "0", "its port; 0: the one that the protocol has"
    )
    mail_bounces_tls: MailTls = setting(
        "mail.bounces.tls",
        one_of(MailTls),
        "implicit",
        "`starttls` and `implicit` verify the certificate, `none` is plain",
    )
    mail_bounces_username: str = setting("mail.bounces.username", text, "", "user of the mailbox")
    mail_bounces_password: str = setting(
        "mail.bounces.password",
        text,
        "",
        "their password; better in a file: `mail.bounces.password_file`",
        secret=True,
    )
    mail_webhooks_mailgun_key: str = setting(
        "mail.webhooks.mailgun_key",
        text,
        "",
        "Mailgun's HTTP webhook signing key, for `/emails/webhooks/mailgun/`; empty: not there",
        secret=True,
    )
    mail_webhooks_resend_key: str = setting(
        "mail.webhooks.resend_key",
        text,
        "",
        "Resend's signing secret, `whsec_...`, for `/emails/webhooks/resend/`; empty: not there",
        secret=True,
    )
    mail_webhooks_sendgrid_key: str = setting(
        "mail.webhooks.sendgrid_key",
        text,
        "",
        "SendGrid's verification key for signed events, for `/emails/webhooks/sendgrid/`; empty: not there",
        secret=True,
    )

    @property
    def bounces_port(self) -> int:
        return self.mail_bounces_port or PORTS[self.mail_bounces_protocol, self.mail_bounces_tls]


def problems_of_bounces(settings: BounceSettings, *, production: bool) -> list[str]:
    """What is wrong with settings that parse, each with its mend."""
    problems = []
    if settings.mail_bounces_host and not settings.mail_bounces_username:
        problems.append("mail.bounces.username: unset; say the user of the mailbox at mail.bounces.host")
    plain = settings.mail_bounces_tls is MailTls.NONE and settings.mail_bounces_host not in ("", *LOOPBACK)
    if production and plain:
        problems.append("mail.bounces.tls: the password would travel in the clear; say starttls or implicit")
    return problems
