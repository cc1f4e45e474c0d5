"""What the headers of a mail tell that has been there and back: who signed it, and what its receiver found."""

import re
from dataclasses import asdict, dataclass
from email.parser import HeaderParser
from typing import Any

from myproject.emails.doctor.dkim import parse_tags
from myproject.emails.doctor.findings import Finding, Mark, Topic
from myproject.i18n import _

HEADERS_MAX_LENGTH = 64 * 1024
# Selectors and domains: nothing else may go into a question to the DNS.
NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*", re.IGNORECASE)
RESULT = re.compile(r"\b(spf|dkim|dmarc)\s*=\s*([a-z]+)", re.IGNORECASE)


class NoHeaders(Exception):
    """The text holds no headers of a mail."""


@dataclass(frozen=True)
class Probe:
    """`selector` and `domain` of the signature, empty where there is none; the receiver's `results` by method."""

    selector: str
    domain: str
    results: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Probe":
        return cls(**value)


def read_probe(text: str, sender_domain: str) -> Probe:
    """The headers that a mail program shows as source. Of several signatures the sender's own counts first.

    Raises NoHeaders.
    """
    headers = HeaderParser().parsestr(text[:HEADERS_MAX_LENGTH].lstrip())
    if not {"from", "received", "dkim-signature", "authentication-results"} & {name.lower() for name in headers}:
        raise NoHeaders
    signatures = [parse_tags(str(value)) for value in headers.get_all("DKIM-Signature", [])]
    named = [
        (tags["s"], tags["d"].lower())
        for tags in signatures
        if NAME.fullmatch(tags.get("s", "")) and NAME.fullmatch(tags.get("d", ""))
    ]
    named.sort(key=lambda pair: pair[1] != sender_domain)
    selector, domain = named[0] if named else ("", "")
    # The first is that of the receiver, who wrote it above all the others (RFC 8601, 5).
    results = RESULT.findall(str(headers.get("Authentication-Results", "")))
    return Probe(selector, domain, {method.lower(): result.lower() for method, result in reversed(results)})


def check_probe(probe: Probe) -> list[Finding]:
    """What the receiver of the probe said of it; and that nobody had signed it."""
    findings = []
    if not probe.selector:
        text = _("Your relay did not sign the probe. Turn signing on there, for the domain in From.")
        findings.append(Finding(Topic.PROBE, Mark.BAD, text))
    if probe.results:
        failed = [method for method, result in probe.results.items() if result != "pass"]
        said = ", ".join(f"{method}={result}" for method, result in sorted(probe.results.items()))
        mark = Mark.WARNING if failed else Mark.GOOD
        text = _("The receiver of the probe found: ${said}.", mapping={"said": said})
        findings.append(Finding(Topic.PROBE, mark, text))
    return findings
