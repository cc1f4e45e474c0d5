"""The kinds of values that settings have: each function takes the text of an ini file and gives the value, or
raises ValueError with what mends it.
"""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import field
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import limits
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

E = TypeVar("E", bound=StrEnum)

LOOPBACK = ("localhost", "127.0.0.1", "::1")
DEFAULT_PORTS = {"http": ":80", "https": ":443"}
# A host name or address as a browser sends it: ASCII, perhaps a port, no user.
HOST = re.compile(r"([a-z0-9]([a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")
DNS_NAME = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
MAIL_ADDRESS = re.compile(r"[^\s@<>,;]+@[^\s@<>,;]+")


def text(value: str) -> str:
    return value.strip()


def at_most(most: int) -> Callable[[str], str]:
    """Text of up to `most` characters."""

    def parse(value: str) -> str:
        if len(value.strip()) > most:
            raise ValueError(f"say at most {most} characters")
        return value.strip()

    return parse


def at_least(least: int, most: int = 2**31 - 1) -> Callable[[str], int]:
    def parse(value: str) -> int:
        value = value.strip()
        # int() would take `1_000` and the digits of every script.
        if not re.fullmatch(r"-?[0-9]{1,10}", value) or not least <= int(value) <= most:
            bounds = f"of {least} or more" if most == 2**31 - 1 else f"from {least} to {most}"
            raise ValueError(f"say a whole number {bounds}")
        return int(value)

    return parse


BOOLEANS = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}


def boolean(value: str) -> bool:
    try:
        return BOOLEANS[value.strip().lower()]
    except KeyError:
        raise ValueError("say true or false") from None


def words(value: str) -> tuple[str, ...]:
    return tuple(value.split())


def hosts(value: str) -> tuple[str, ...]:
    names = words(value.lower())
    if not all(HOST.fullmatch(name) for name in names):
        raise ValueError("say host names with blanks between, such as www.example.org localhost:6543")
    return names


def lines(value: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in value.splitlines() if line.strip())


def path(value: str) -> Path:
    try:
        return Path(value.strip()).expanduser()
    except RuntimeError:
        raise ValueError("say a path without `~`: there is no such home folder") from None


def time_zone(value: str) -> str:
    try:
        ZoneInfo(value.strip())
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("say a name from the IANA time zone database, such as Europe/Paris") from None
    return value.strip()


def origin(value: str) -> str:
    """An http or https address without path, query or fragment, as browsers send it (RFC 6454, 6.2).

    That is in lower case, without a last slash and without the scheme's own port.
    """
    value = value.strip().rstrip("/").lower()
    if not value:
        return ""
    scheme, _, netloc = value.partition("://")
    if scheme not in DEFAULT_PORTS or not HOST.fullmatch(netloc) or not has_port(value):
        raise ValueError("say the site's own address, such as https://community.example.org (IDNs as xn--)")
    return f"{scheme}://{netloc.removesuffix(DEFAULT_PORTS[scheme])}"


def has_port(url: str) -> bool:
    """Whether the port of an address is one, or left out."""
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


def web_address(value: str) -> str:
    value = value.strip()
    parts = urlsplit(value)
    if value and (parts.scheme not in DEFAULT_PORTS or not parts.hostname or not has_port(value)):
        raise ValueError("say an address such as https://service.example.org/check, or nothing")
    return value


def database(value: str) -> str:
    """The address of a database; it may hold a password, so no message repeats it."""
    try:
        backend = make_url(value.strip()).get_backend_name()
    except (ArgumentError, ValueError):
        backend = ""
    if backend not in ("sqlite", "postgresql"):
        raise ValueError("say sqlite:///FILE or postgresql://USER@HOST/DATABASE")
    return value.strip()


def redis_address(value: str) -> str:
    value = value.strip()
    if value and (urlsplit(value).scheme not in ("redis", "rediss", "unix") or not has_port(value)):
        raise ValueError("say an address such as redis://localhost/0, or nothing")
    return value


def mail_address(value: str) -> str:
    """One mail address, perhaps as `Name <address>`."""
    value = value.strip()
    address = value.partition("<")[2].removesuffix(">") if value.endswith(">") else value
    if value and not (MAIL_ADDRESS.fullmatch(address) and value.isprintable()):
        raise ValueError("say one mail address, such as community@example.org")
    return value


def dns_name(value: str) -> str:
    """Labels of the DNS with dots between, or nothing."""
    value = value.strip().lower()
    if value and not DNS_NAME.fullmatch(value):
        raise ValueError("say letters, digits and hyphens, perhaps with dots between")
    return value


def ip_addresses(value: str) -> tuple[str, ...]:
    """IPv4 and IPv6 addresses with blanks between."""
    try:
        return tuple(str(ipaddress.ip_address(word)) for word in value.split())
    except ValueError:
        raise ValueError("say addresses with blanks between, such as 192.0.2.25 2001:db8::25") from None


def name_server(value: str) -> str:
    """The address of a DNS server, perhaps with a port; or nothing."""
    value = value.strip()
    try:
        if value:
            split_address(value, 53)
    except ValueError:
        raise ValueError("say an address such as 192.0.2.53 or [2001:db8::53]:5353, or nothing") from None
    return value


def split_address(value: str, default_port: int) -> tuple[str, int]:
    """Address and port of `192.0.2.1`, `192.0.2.1:5353`, `2001:db8::1` or `[2001:db8::1]:5353`.

    Raises ValueError.
    """
    host, colon, port = value.rpartition(":")
    if not colon or (":" in host and not host.endswith("]")):
        host, port = value, str(default_port)
    address = ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    return str(address), at_least(1, 65535)(port)


def rate(value: str) -> str:
    """A limit in the words of the `limits` library, such as ``10 per 5 minutes``; several joined by ``;``."""
    try:
        limits.parse_many(value.strip())
    except ValueError:
        raise ValueError("say such as `10 per 5 minutes` or `5 per hour; 20 per day`") from None
    return value.strip()


def rate_at_most(most: int) -> Callable[[str], str]:
    """A limit of no more than `most`, however long the time."""

    def parse(value: str) -> str:
        if any(item.amount > most for item in limits.parse_many(rate(value))):
            raise ValueError(f"say at most {most}, such as `{most} per 30 days`")
        return value.strip()

    return parse


def one_of(enum: type[E]) -> Callable[[str], E]:
    def parse(value: str) -> E:
        try:
            return enum(value.strip())
        except ValueError:
            raise ValueError("say one of " + ", ".join(enum)) from None

    return parse


def setting(key: str, parse: Callable[[str], Any], default: str, meaning: str, *, secret: bool = False) -> Any:
    """One row of the table: `default` is written as the ini file would write it. What is `secret` is left out of
    the `repr` of the settings, which may get into a log or a traceback (OWASP ASVS 5.0: 16.2.5).
    """
    return field(repr=not secret, metadata={"key": key, "parse": parse, "default": default, "meaning": meaning})


def in_the_clear(url: str) -> bool:
    """Whether what is sent to `url` leaves this machine without encryption."""
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname not in LOOPBACK
