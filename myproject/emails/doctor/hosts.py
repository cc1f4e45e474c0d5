"""The hosts around a sender: where answers and bounces go, and what the relay is called."""

import ipaddress
from collections.abc import Sequence

from myproject.emails.doctor.findings import Finding, Mark, Topic
from myproject.emails.doctor.resolver import Away, IpAddress, Resolver, reverse_name
from myproject.i18n import _
from myproject.settings import Settings

# Networks that the world does not see (RFC 6890): what comes from there shows another address outside.
HIDDEN_NETWORKS = [
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "::/127",
        "fc00::/7",
        "fe80::/10",
    )
]


def is_hidden(address: IpAddress) -> bool:
    return any(address in network for network in HIDDEN_NETWORKS if network.version == address.version)


# Answers


def check_mx(resolver: Resolver, domain: str) -> Finding:
    """Whether mail to the sender's domain gets anywhere (RFC 5321, 5.1): many refuse what can't be answered."""
    try:
        return look_at_mx(resolver, domain)
    except Away as error:
        sentence = _("The DNS gave no answer about MX: ${error}.", mapping={"error": str(error)})
        return Finding(Topic.MX, Mark.UNKNOWN, sentence)


def look_at_mx(resolver: Resolver, domain: str) -> Finding:
    answer = resolver.look_up(domain, "MX")
    values = {"domain": domain}
    if not answer.exists:
        text = _("There is no domain ${domain}. Register it, or mend mail.sender.", mapping=values)
        return Finding(Topic.MX, Mark.BAD, text)
    hosts = resolver.exchanges(domain)
    found = tuple(f"{domain}. IN MX {record.to_text()}" for record in answer.records)
    new = (f"{domain}. IN MX 10 mail.{domain}.",)
    if not hosts:
        if resolver.addresses(domain):
            text = _("${domain} has no MX record; mail to it goes to the host of that name.", mapping=values)
            return Finding(Topic.MX, Mark.WARNING, text, (), (f"{domain}. IN MX 10 {domain}.",))
        text = _("${domain} takes no mail: it has neither an MX record nor an address.", mapping=values)
        return Finding(Topic.MX, Mark.BAD, text, (), new)
    if hosts == [""]:
        text = _("${domain} says that it takes no mail (MX of “.”), and many refuse mail from it.", mapping=values)
        return Finding(Topic.MX, Mark.BAD, text, found, new)
    lost = [host for host in hosts if not resolver.addresses(host)]
    values["hosts"] = ", ".join(lost or hosts)
    if len(lost) == len(hosts):
        text = _("The hosts that take mail for ${domain} have no address: ${hosts}.", mapping=values)
        return Finding(Topic.MX, Mark.BAD, text, found)
    if lost:
        text = _("Of the hosts that take mail for ${domain}, some have no address: ${hosts}.", mapping=values)
        return Finding(Topic.MX, Mark.WARNING, text, found)
    return Finding(Topic.MX, Mark.GOOD, _("${domain} takes mail, at ${hosts}.", mapping=values), found)


# The relay


def find_relay(resolver: Resolver, settings: Settings) -> tuple[tuple[IpAddress, ...], Finding]:
    """The addresses that mails come from as the world sees them, none where that is not known; and how we know."""
    if settings.mail_relay_addresses:
        named = tuple(ipaddress.ip_address(text) for text in settings.mail_relay_addresses)
        values = {"addresses": ", ".join(map(str, named))}
        return named, Finding(Topic.RELAY, Mark.GOOD, _("The settings name ${addresses}.", mapping=values))
    host = settings.mail_host
    try:
        addresses = tuple(address_or_addresses(resolver, host))
    except Away as error:
        text = _("The DNS gave no answer about the relay: ${error}.", mapping={"error": str(error)})
        return (), Finding(Topic.RELAY, Mark.UNKNOWN, text)
    values = {"host": host, "addresses": ", ".join(map(str, addresses))}
    if not addresses or any(is_hidden(address) for address in addresses):
        text = _(
            "From here, nobody can tell with which address your mails reach the world. Name it in"
            " mail.relay_addresses."
        )
        return (), Finding(Topic.RELAY, Mark.UNKNOWN, text)
    text = _(
        "${host} has ${addresses}. If it sends from others, name them in mail.relay_addresses.", mapping=values
    )
    return addresses, Finding(Topic.RELAY, Mark.GOOD, text)


def address_or_addresses(resolver: Resolver, host: str) -> list[IpAddress]:
    try:
        return [ipaddress.ip_address(host)]
    except ValueError:
        return [] if host == "localhost" else resolver.addresses(host)


def check_ptr(
    resolver: Resolver, address: IpAddress, *, certain: bool, hosts: Sequence[str], fallback: str
) -> Finding:
    """Whether an address has a name, and the name that address: receivers distrust who has not.

    Not `certain`: the address may not be the one that mails come from. The name to give it is the first of `hosts`
    that leads to it, else `fallback`.
    """
    bad = Mark.BAD if certain else Mark.WARNING
    values = {"address": str(address)}
    kind = "A" if address.version == 4 else "AAAA"
    try:
        names = resolver.names_of(address)
        confirmed = [name for name in names if address in resolver.addresses(name, [kind])]
        known = [] if names else [host for host in hosts if address in resolver.addresses(host, [kind])]
    except Away as error:
        text = _("The DNS gave no answer about ${address}: ${error}.", mapping=values | {"error": str(error)})
        return Finding(Topic.PTR, Mark.UNKNOWN, text)
    found = tuple(f"{reverse_name(address)}. IN PTR {name}." for name in names)
    if not names:
        text = _("${address} has no name. Whoever gave you the address can give it one.", mapping=values)
        records = [f"{reverse_name(address)}. IN PTR {(known or [fallback])[0]}."]
        records += [] if known else [f"{fallback}. IN {kind} {address}"]
        return Finding(Topic.PTR, bad, text, (), tuple(records))
    values["names"] = ", ".join(confirmed or names)
    if not confirmed:
        text = _("${address} is called ${names}, but that name does not lead back to it.", mapping=values)
        return Finding(Topic.PTR, bad, text, found, (f"{names[0]}. IN {kind} {address}",))
    text = _("${address} is called ${names}, and that name leads back to it.", mapping=values)
    return Finding(Topic.PTR, Mark.GOOD, text, found)
