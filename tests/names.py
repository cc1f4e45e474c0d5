"""A DNS server on the loopback interface that knows what a test tells it."""

import socketserver
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import dns.zonefile

from tests.servers import LOOPBACK, serving

# Names without the last dot, then kinds, then records as zone files have them.
Zone = Mapping[str, Mapping[str, Sequence[str]]]


class NameServer(socketserver.ThreadingUDPServer):
    """Answers from `zone`. It says SERVFAIL for the names in `failing`, and nothing for those in `silent`; what it
    was asked stands in `questions`.
    """

    daemon_threads = True

    def __init__(self, zone: Zone) -> None:
        super().__init__((LOOPBACK, 0), Answering)
        self.renew(zone)

    def renew(self, zone: Zone) -> None:
        """Makes it as good as new, for the next test."""
        self.zone = {
            name: {kind: list(records) for kind, records in kinds.items()} for name, kinds in zone.items()
        }
        self.failing: set[str] = set()
        self.silent: set[str] = set()
        self.questions: list[tuple[str, str]] = []

    @property
    def address(self) -> str:
        """As `mail.name_server` takes it."""
        return f"{LOOPBACK}:{self.server_address[1]}"

    def paste(self, *lines: str) -> None:
        """Puts lines of a zone file in the place of what their names had of the kind."""
        for rrset in dns.zonefile.read_rrsets("\n".join(lines), rdclass=None, default_ttl=3600):
            name = rrset.name.to_text(omit_final_dot=True)
            kind = dns.rdatatype.to_text(rrset.rdtype)
            self.zone.setdefault(name, {})[kind] = [rdata.to_text() for rdata in rrset]

    def answer(self, query: dns.message.Message) -> dns.message.Message | None:
        question = query.question[0]
        name, kind = question.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(question.rdtype)
        self.questions.append((name, kind))
        if name in self.silent:
            return None
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        if name in self.failing:
            response.set_rcode(dns.rcode.SERVFAIL)
        elif records := self.zone.get(name, {}).get(kind):
            response.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *records))
        elif not any(known == name or known.endswith(f".{name}") for known in self.zone):
            response.set_rcode(dns.rcode.NXDOMAIN)
        return response


class Answering(socketserver.BaseRequestHandler):
    server: NameServer
    request: tuple[bytes, Any]

    def handle(self) -> None:
        data, connection = self.request
        try:
            response = self.server.answer(dns.message.from_wire(data))
        except dns.exception.DNSException:
            return
        if response is not None:
            connection.sendto(response.to_wire(), self.client_address)


@contextmanager
def name_server(zone: Zone) -> Iterator[NameServer]:
    with serving(NameServer(zone)) as server:
        yield server
