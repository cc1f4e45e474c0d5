"""Asking the DNS, with an end: all questions of one look at a domain take some seconds together at most."""

import ipaddress
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import dns.exception
import dns.name
import dns.nameserver
import dns.resolver
import dns.reversename

from myproject.settings_values import split_address

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

SECONDS_IN_ALL = 5.0
SECONDS_A_QUESTION = 2.0


class Away(Exception):
    """The DNS gave no answer, which says nothing of what it holds. Its text is for people."""


@dataclass(frozen=True)
class Answer:
    """What stands at a name: no records where there are none of the kind, and no such name where not `exists`."""

    records: tuple[Any, ...]
    exists: bool = True


class Resolver:
    """Asks `server` (`ADDRESS` or `ADDRESS:PORT`, the system's where empty), each question once."""

    def __init__(self, server: str = "", seconds: float = SECONDS_IN_ALL) -> None:
        self.server = server
        self.deadline = time.monotonic() + seconds
        self.answers: dict[tuple[str, str], Answer | Away] = {}

    def look_up(self, name: str, kind: str) -> Answer:
        """The records of a name (without the last dot). Raises Away."""
        key = (name.lower(), kind)
        if key not in self.answers:
            try:
                self.answers[key] = self.ask(*key)
            except Away as error:
                self.answers[key] = error
        answer = self.answers[key]
        if isinstance(answer, Away):
            raise answer
        return answer

    def ask(self, name: str, kind: str) -> Answer:
        seconds = min(SECONDS_A_QUESTION, self.deadline - time.monotonic())
        if seconds <= 0:
            raise Away(f"{name}: no time left to ask")
        try:
            question = dns.name.from_text(f"{name}.")
        except (dns.exception.DNSException, UnicodeError):
            # What records name need not be a name.
            return Answer((), exists=False)
        try:
            found = make_resolver(self.server).resolve(
                question, kind, lifetime=seconds, raise_on_no_answer=False, search=False
            )
        except (dns.resolver.NXDOMAIN, dns.resolver.YXDOMAIN):
            return Answer((), exists=False)
        except dns.exception.Timeout:
            raise Away(f"{name}: no answer in time") from None
        except (dns.exception.DNSException, OSError, ValueError) as error:
            raise Away(f"{name}: {type(error).__name__}") from error
        return Answer(tuple(found.rrset or ()))

    # What the records say

    def texts(self, name: str) -> list[str]:
        """TXT records, each with its strings joined, as one line. Raises Away."""
        records = self.look_up(name, "TXT").records
        return [b"".join(record.strings).decode("utf-8", "replace") for record in records]

    def exchanges(self, name: str) -> list[str]:
        """The hosts of MX records, the preferred first; an empty name is the null MX (RFC 7505). Raises Away."""
        records = sorted(self.look_up(name, "MX").records, key=lambda record: record.preference)
        return [plain(record.exchange) for record in records]

    def addresses(self, name: str, kinds: Iterable[str] = ("A", "AAAA")) -> list[IpAddress]:
        """Raises Away."""
        records = [record for kind in kinds for record in self.look_up(name, kind).records]
        return [ipaddress.ip_address(record.address) for record in records]

    def names_of(self, address: IpAddress) -> list[str]:
        """The names that PTR records give an address. Raises Away."""
        return [plain(record.target) for record in self.look_up(reverse_name(address), "PTR").records]


def plain(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True) if name != dns.name.root else ""


def reverse_name(address: IpAddress) -> str:
    """Where the PTR record of an address stands (RFC 1035, 3.5; RFC 3596, 2.5)."""
    return plain(dns.reversename.from_address(str(address)))


def make_resolver(server: str) -> dns.resolver.Resolver:
    """Raises DNSException where the system names no server."""
    if not server:
        return dns.resolver.Resolver()
    resolver = dns.resolver.Resolver(configure=False)
    address, port = split_address(server, 53)
    resolver.nameservers = [dns.nameserver.Do53Nameserver(address, port)]
    return resolver
