"""Settings of the site itself: its name, address and key, the proxies in front of it, how long it keeps things."""

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from pyramid.settings import asbool

from myproject.settings_values import (
    at_least,
    at_most,
    boolean,
    hosts,
    in_the_clear,
    lines,
    mail_address,
    one_of,
    origin,
    path,
    setting,
    text,
    time_zone,
    web_address,
    words,
)

SECRET_KEY_MIN_LENGTH = 32
DEBUGGING = re.compile(r"(pyramid\.)?(debug|reload)_[a-z_]+|PYRAMID_(DEBUG|RELOAD)_[A-Z_]+")


class Mode(StrEnum):
    DEVELOPMENT = "development"
    PRODUCTION = "production"


def contact(value: str) -> str:
    """A mail address, or the address of a page."""
    value = value.strip()
    if not value.startswith("https://"):
        return mail_address(value)
    if not value.isprintable() or " " in value:
        raise ValueError("say one address, such as security@example.org or https://example.org/security")
    return web_address(value)


@dataclass(frozen=True, kw_only=True)
class SiteSettings:
    """The site itself."""

    site_mode: Mode = setting(
        "site.mode", one_of(Mode), "production", "`development` shows the mailbox and lets mistakes be seen"
    )
    site_title: str = setting("site.title", text, "My community", "the name in the header and in mails")
    site_url: str = setting("site.url", origin, "", "the address people type; every link in a mail starts with it")
    site_hosts: tuple[str, ...] = setting(
        "site.hosts", hosts, "", "further host names (with port) to answer to, for instance of a health check"
    )
    site_admins: tuple[str, ...] = setting(
        "site.admins",
        words,
        "",
        "mail addresses of the people who run the site, shown to whoever may need them: on pages, and in mails",
    )
    site_timezone: str = setting("site.timezone", time_zone, "UTC", "time zone for people who chose none")
    site_terms_version: str = setting(
        "site.terms_version",
        at_most(20),
        "1",
        "version of the terms; with a new one every member is asked to accept them; empty: nobody is",
    )
    site_security_contact: str = setting(
        "site.security_contact",
        contact,
        "",
        "mail address or https page for reports of weaknesses, shown in `/.well-known/security.txt`",
    )
    site_allow_training: bool = setting(
        "site.allow_training",
        boolean,
        "false",
        "let robots.txt admit crawlers that gather texts to train models",
    )
    secret_key_file: Path = setting(
        "secret_key.file",
        path,
        "var/secret.key",
        "file with the secret key (first line) and older ones; mode 0600",
    )

    @property
    def development(self) -> bool:
        return self.site_mode is Mode.DEVELOPMENT

    @property
    def secure(self) -> bool:
        """Whether people reach the site by https: cookies are then Secure and named `__Host-`."""
        return self.site_url.startswith("https://")

    @property
    def host(self) -> str:
        """Host name (and port, where it is not the scheme's own) of `site.url`, lower case."""
        return urlsplit(self.site_url).netloc.lower()


@dataclass(frozen=True, kw_only=True)
class ProxySettings:
    """Who stands in front."""

    proxy_address: str = setting(
        "proxy.address",
        text,
        "127.0.0.1",
        "the address the nearest proxy connects from; `*`: any (a closed network)",
    )
    proxy_count: int = setting(
        "proxy.count", at_least(0), "0", "how many proxies in front add to X-Forwarded-For; 0: believe none"
    )


@dataclass(frozen=True, kw_only=True)
class RetentionSettings:
    """How long what is kept."""

    retention_sessions_days: int = setting(
        "retention.sessions_days", at_least(1, 30), "30", "days a remembered sign-in lasts; at most 30"
    )
    retention_security_log_days: int = setting(
        "retention.security_log_days",
        at_least(1),
        "90",
        "days a member's security history is kept, with its network addresses",
    )
    retention_emails_days: int = setting(
        "retention.emails_days", at_least(1), "30", "days the outbox keeps what was sent or given up"
    )
    retention_restore_days: int = setting(
        "retention.restore_days", at_least(0), "14", "days in which members may restore what they removed"
    )
    retention_removed_days: int = setting(
        "retention.removed_days",
        at_least(1),
        "30",
        "days the text of what was removed is kept for staff to restore",
    )
    retention_drafts_days: int = setting(
        "retention.drafts_days", at_least(1), "180", "days a draft is kept that nobody has touched"
    )
    retention_notifications_days: int = setting(
        "retention.notifications_days",
        at_least(7),
        "90",
        "days the inbox keeps what members were told, and why they were told or not",
    )


def problems_of_site(settings: SiteSettings, options: Mapping[str, str], environ: Mapping[str, str]) -> list[str]:
    """What is wrong with settings that parse, each with its mend, and whether debugging is on by any way."""
    problems = []
    if not settings.site_url:
        problems.append("site.url: unset; say the site's own address, such as https://community.example.org")
    problems += secret_key_problems(settings)
    if settings.development:
        return problems
    # Pyramid reads these from the options, with its prefix or without, and from the environment.
    debugging = [
        key
        for key, value in [*options.items(), *environ.items()]
        if (DEBUGGING.fullmatch(key) and asbool(value)) or (key == "pyramid.includes" and "debugtoolbar" in value)
    ]
    if debugging:
        problems.append(
            f"{', '.join(sorted(debugging))}: debugging is on; take it out, or set site.mode = development"
        )
    if in_the_clear(settings.site_url):
        problems.append("site.url: passwords would travel in the clear; put TLS in front and say https://")
    return problems


def secret_key_problems(settings: SiteSettings) -> list[str]:
    """What is wrong with the secret key's file, with the command that mends it."""
    file = settings.secret_key_file
    mend = "run `myproject --config FILE.ini init`"
    try:
        mode = file.stat().st_mode
        keys = secret_keys(file)
    except FileNotFoundError:
        return [f"secret_key.file: {file} is missing; {mend}"]
    except IsADirectoryError:
        return [f"secret_key.file: {file} is a directory; name the file itself, such as {file / 'secret.key'}"]
    except PermissionError:
        return [
            f"secret_key.file: who runs this may not read {file}; run `chown {os.geteuid()} {file}` as root, "
            "and let them into its folder"
        ]
    except UnicodeDecodeError:
        return [
            f"secret_key.file: {file} is not text; put the file back from a backup; where there is none, "
            f"move it away and {mend}: with a new key nobody's password is right until they have reset it"
        ]
    except OSError as error:
        return [f"secret_key.file: {file} can't be read ({error.strerror}); see that the path leads to a file"]
    problems = []
    if not keys or any(len(key) < SECRET_KEY_MIN_LENGTH for key in keys):
        problems.append(
            f"secret_key.file: {file} holds a key shorter than {SECRET_KEY_MIN_LENGTH} characters; "
            f"delete it and {mend}"
        )
    if stat.S_IMODE(mode) & 0o077:
        problems.append(f"secret_key.file: others can read {file}; run `chmod 600 {file}`")
    return problems


def secret_keys(file: Path) -> tuple[str, ...]:
    """The keys in the file, newest first: the first signs, all verify."""
    return lines(file.read_text(encoding="utf-8"))
