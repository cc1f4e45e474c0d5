"""Settings of mail."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from myproject.settings_values import (
    LOOPBACK,
    at_least,
    dns_name,
    ip_addresses,
    mail_address,
    name_server,
    one_of,
    path,
    setting,
    text,
)


class MailTransport(StrEnum):
    FILES = "files"
    SMTP = "smtp"


class MailTls(StrEnum):
    NONE = "none"
    STARTTLS = "starttls"
    IMPLICIT = "implicit"


@dataclass(frozen=True, kw_only=True)
class MailSettings:
    """How mails leave."""

    mail_transport: MailTransport = setting(
        "mail.transport",
        one_of(MailTransport),
        "files",
        "`smtp`, or `files`: one file a mail, for development",
    )
    mail_folder: Path = setting("mail.folder", path, "var/mail", "where the `files` transport writes")
    mail_host: str = setting("mail.host", text, "localhost", "SMTP server")
    mail_port: int = setting("mail.port", at_least(1, 65535), "25", "SMTP port")
    mail_username: str = setting("mail.username", text, "", "SMTP user; empty: no authentication")
    mail_password: str = setting(
        "mail.password", text, "", "SMTP password; better in a file: `mail.password_file`", secret=True
    )
    mail_tls: MailTls = setting(
        "mail.tls",
        one_of(MailTls),
        "starttls",
        "`starttls` and `implicit` verify the certificate, `none` is plain",
    )
    mail_timeout: int = setting("mail.timeout", at_least(1), "20", "seconds to wait for the SMTP server")
    mail_per_domain: int = setting(
        "mail.per_domain",
        at_least(0),
        "0",
        "mails a minute to one domain, but for those about the safety of an account; 0: as many as there are",
    )
    mail_sender: str = setting("mail.sender", mail_address, "", "the address mails come from")
    mail_reply_to: str = setting(
        "mail.reply_to", mail_address, "", "where answers to mails go; empty: to `mail.sender`"
    )
    mail_redirect_all_to: str = setting(
        "mail.redirect_all_to", mail_address, "", "send every mail to this address instead (staging)"
    )
    mail_dkim_selector: str = setting(
        "mail.dkim_selector",
        dns_name,
        "",
        "the selector that the relay signs with (DKIM), for the mail doctor",
    )
    mail_relay_addresses: tuple[str, ...] = setting(
        "mail.relay_addresses",
        ip_addresses,
        "",
        "the addresses that mails reach the world from, for the mail doctor; empty: those of `mail.host`",
    )
    mail_name_server: str = setting(
        "mail.name_server",
        name_server,
        "",
        "the DNS server that the mail doctor asks, such as `192.0.2.53`; empty: the system's",
    )


def problems_of_mail(settings: MailSettings, *, production: bool) -> list[str]:
    """What is wrong with settings that parse, each with its mend."""
    if not production:
        return []
    problems = []
    if settings.mail_transport is MailTransport.FILES:
        problems.append("mail.transport: files reaches nobody; say smtp, with mail.host and mail.sender")
    elif not settings.mail_sender:
        problems.append("mail.sender: unset; say the address mails come from")
    if settings.mail_username and settings.mail_tls is MailTls.NONE and settings.mail_host not in LOOPBACK:
        problems.append("mail.tls: the mail password would travel in the clear; say starttls or implicit")
    return problems
