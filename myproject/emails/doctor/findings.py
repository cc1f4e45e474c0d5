"""What the doctor says of one thing: how it stands, in one sentence, and what to paste into the zone."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import dns.rdataclass
import dns.rdatatype
from dns.rdtypes.ANY.TXT import TXT
from translationstring import TranslationString

from myproject.i18n import DOMAIN, _

# One string of a TXT record holds no more bytes (RFC 1035, 3.3.14); readers join the strings (RFC 7208, 3.3).
STRING_MAX_BYTES = 255


class Topic(StrEnum):
    """What is looked at, in the order of the page."""

    SENDER = "sender"
    TRANSPORT = "transport"
    MX = "mx"
    SPF = "spf"
    DKIM = "dkim"
    DMARC = "dmarc"
    ALIGNMENT = "alignment"
    RELAY = "relay"
    PTR = "ptr"
    PROBE = "probe"


class Mark(StrEnum):
    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"
    UNKNOWN = "unknown"


TOPIC_TITLES = {
    Topic.SENDER: _("Sender"),
    Topic.TRANSPORT: _("Way out"),
    Topic.MX: _("Where answers go (MX)"),
    Topic.SPF: _("Who may send (SPF)"),
    Topic.DKIM: _("Signature (DKIM)"),
    Topic.DMARC: _("Policy (DMARC)"),
    Topic.ALIGNMENT: _("Alignment (DMARC)"),
    Topic.RELAY: _("Addresses of the relay"),
    Topic.PTR: _("Name of the relay (PTR)"),
    Topic.PROBE: _("What the receiver of the probe found"),
}
MARK_TITLES = {
    Mark.GOOD: _("Good"),
    Mark.WARNING: _("Could be better"),
    Mark.BAD: _("Wrong"),
    Mark.UNKNOWN: _("Not known"),
}


@dataclass(frozen=True)
class Finding:
    """One line of the page. `found` is what stands in the DNS, `records` lines of a zone file to paste."""

    topic: Topic
    mark: Mark
    sentence: TranslationString
    found: tuple[str, ...] = ()
    records: tuple[str, ...] = ()

    @property
    def replaces(self) -> bool:
        """Whether the records to paste come in the place of what is there, and not beside it."""
        return any(place(line) == place(old) for line in self.records for old in self.found)

    def to_json(self) -> dict[str, Any]:
        """For a row of the database: the sentence stays translatable."""
        return {
            "topic": self.topic.value,
            "mark": self.mark.value,
            "text": str(self.sentence),
            "values": dict(self.sentence.mapping or {}),
            "found": list(self.found),
            "records": list(self.records),
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Finding":
        return cls(
            Topic(value["topic"]),
            Mark(value["mark"]),
            TranslationString(value["text"], domain=DOMAIN, mapping=value["values"]),
            tuple(value["found"]),
            tuple(value["records"]),
        )


def place(record: str) -> list[str]:
    """Name, class and type of a line of a zone file."""
    return record.split()[:3]


def txt_record(name: str, text: str) -> str:
    """A TXT record as a line of a zone file (RFC 1035, 5.1): quoted, and in strings of at most 255 bytes."""
    data = text.encode()
    strings = [data[start : start + STRING_MAX_BYTES] for start in range(0, len(data), STRING_MAX_BYTES)]
    rdata = TXT(dns.rdataclass.IN, dns.rdatatype.TXT, strings or [b""])
    return f"{name}. IN TXT {rdata.to_text()}"
