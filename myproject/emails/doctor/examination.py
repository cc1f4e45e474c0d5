"""The whole look at how the site's mails arrive. It asks the DNS, so it is slow: never within a transaction."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from myproject.emails.doctor.dkim import check_dkim
from myproject.emails.doctor.dmarc import Spoken, check_dmarc
from myproject.emails.doctor.findings import Finding, Mark, Topic
from myproject.emails.doctor.hosts import check_mx, check_ptr, find_relay
from myproject.emails.doctor.probe import Probe, check_probe
from myproject.emails.doctor.resolver import SECONDS_IN_ALL, Resolver
from myproject.emails.doctor.spf import Sender, check_spf
from myproject.emails.message import sender_address
from myproject.emails.services.outbox import mail_domain
from myproject.i18n import _
from myproject.settings import Settings
from myproject.settings_mail import MailTransport

# Names that the world's DNS does not hold (RFC 6761, 6762, 8375, 9476).
INNER_DOMAINS = ("localhost", "local", "test", "example", "invalid", "internal", "alt", "home.arpa")


@dataclass(frozen=True)
class Examination:
    """What was found about the mails of a domain."""

    domain: str
    findings: tuple[Finding, ...]

    @property
    def mark(self) -> Mark:
        """The worst of all; what is not known is no fault."""
        marks = {finding.mark for finding in self.findings}
        return next((mark for mark in (Mark.BAD, Mark.WARNING) if mark in marks), Mark.GOOD)


def sender_of(settings: Settings) -> str:
    """The address in From, its domain as the DNS knows it."""
    return in_ascii(sender_address(settings))


def in_ascii(address: str) -> str:
    local, _sign, domain = address.rpartition("@")
    return f"{local}@{domain.lower().encode('idna').decode('ascii')}"


def is_of_the_world(domain: str) -> bool:
    """Whether the DNS that everybody asks could know a domain."""
    if "." not in domain or domain.startswith("["):
        return False
    try:
        ipaddress.ip_address(domain)
    except ValueError:
        return not any(domain == inner or domain.endswith("." + inner) for inner in INNER_DOMAINS)
    return False


def examine(settings: Settings, probe: Probe | None = None, seconds: float = SECONDS_IN_ALL) -> Examination:
    """Asks the DNS all there is to ask, for `seconds` at most."""
    resolver = Resolver(settings.mail_name_server, seconds)
    address, helo = sender_of(settings), mail_domain(settings)
    domain = address.rpartition("@")[2]
    # SPF is about the envelope, which may name another address: where what can't be delivered goes.
    envelope = in_ascii(settings.mail_bounce_address) if settings.mail_bounce_address else address
    other = envelope.rpartition("@")[2]
    findings = check_settings(settings)
    if not is_of_the_world(domain):
        text = _(
            "Mails come from ${address}, which nobody outside can know. Say in mail.sender an address at a domain"
            " of yours.",
            mapping={"address": address},
        )
        return Examination(domain, (*findings, Finding(Topic.SENDER, Mark.BAD, text)))
    text = _("Mails come from ${address}.", mapping={"address": address})
    findings += [Finding(Topic.SENDER, Mark.GOOD, text)]
    findings += [check_mx(resolver, name) for name in dict.fromkeys((domain, other))]

    addresses, relay = find_relay(resolver, settings)
    certain = bool(settings.mail_relay_addresses)
    spf, spf_passes = check_spf(resolver, Sender(envelope, helo, addresses, certain))
    # The probe's signature tells more than the settings do.
    signed = (probe.selector, probe.domain) if probe and probe.selector else (settings.mail_dkim_selector, domain)
    dkim, dkim_passes = check_dkim(resolver, signed[1], signed[0])
    findings += [spf, dkim]
    findings += check_dmarc(resolver, domain, Spoken(other, spf_passes), Spoken(signed[1], dkim_passes))
    findings.append(relay)
    hosts = [settings.mail_host, helo]
    findings += [
        check_ptr(resolver, each, certain=certain, hosts=hosts, fallback=f"mail.{domain}") for each in addresses
    ]
    if probe:
        findings += check_probe(probe)
    return Examination(domain, tuple(findings))


def check_settings(settings: Settings) -> list[Finding]:
    """What keeps mails from leaving at all."""
    if settings.mail_transport is MailTransport.FILES:
        text = _("Mails are written to files, and reach nobody: see mail.transport.")
        return [Finding(Topic.TRANSPORT, Mark.WARNING, text)]
    if settings.mail_redirect_all_to:
        text = _(
            "All mails go to ${address}, whoever they are for: see mail.redirect_all_to.",
            mapping={"address": settings.mail_redirect_all_to},
        )
        return [Finding(Topic.TRANSPORT, Mark.WARNING, text)]
    return []


def lines_of(findings: Sequence[Finding]) -> list[str]:
    """The findings in words, for a terminal."""
    lines = []
    for finding in findings:
        lines.append(f"{finding.mark.value:<8} {finding.topic.value}: {finding.sentence.interpolate()}")
        lines += [f"         now:   {record}" for record in finding.found if finding.mark is not Mark.GOOD]
        lines += [f"         paste: {record}" for record in finding.records]
    return lines
