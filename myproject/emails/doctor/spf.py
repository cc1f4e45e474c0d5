"""Sender Policy Framework (RFC 7208): what a domain's record says of an address, and what is wrong with it."""

import ipaddress
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from myproject.emails.doctor.findings import Finding, Mark, Topic, txt_record
from myproject.emails.doctor.resolver import Away, IpAddress, Resolver
from myproject.i18n import _

# RFC 7208, 4.6.4.
MAX_LOOKUPS = 10
MAX_VOID_LOOKUPS = 2
MAX_NAMES = 10
# Our own: how far a record is followed that goes on and on.
MAX_DEPTH = 20

T = TypeVar("T")

VERSION = "v=spf1"
MECHANISM = re.compile(
    r"([+?~-]?)(all|include|a|mx|ptr|ip4|ip6|exists)(?::(.+?))?((?:/[0-9]{1,3})?(?://[0-9]{1,3})?)", re.IGNORECASE
)
MODIFIER = re.compile(r"([a-z][a-z0-9_.-]*)=(.*)", re.IGNORECASE)
MACRO = re.compile(r"%(?:([%_-])|\{([slodiphcrtv])([0-9]*)(r?)([.+,/_=-]*)\})", re.IGNORECASE)
WITH_LOOKUP = ("include", "a", "mx", "ptr", "exists")
WITH_DOMAIN = ("include", "exists", "ip4", "ip6")


class Verdict(StrEnum):
    PASS = "pass"  # noqa: S105 (RFC 7208, 2.6.3)
    FAIL = "fail"
    SOFTFAIL = "softfail"
    NEUTRAL = "neutral"
    NONE = "none"
    PERMERROR = "permerror"
    TEMPERROR = "temperror"


QUALIFIERS = {"": Verdict.PASS, "+": Verdict.PASS, "-": Verdict.FAIL, "~": Verdict.SOFTFAIL, "?": Verdict.NEUTRAL}


class Broken(Exception):
    """A record that receivers don't follow (permerror). Its text is the term, or what is too many."""


@dataclass(frozen=True)
class Term:
    """A mechanism: `+a:host/24` has the qualifier `+`, the name `a`, the value `host` and the length `/24`."""

    qualifier: str
    name: str
    value: str
    length: str


@dataclass(frozen=True)
class Record:
    terms: tuple[Term, ...]
    redirect: str = ""


def is_spf(text: str) -> bool:
    return text.lower() == VERSION or text.lower().startswith(VERSION + " ")


def find_records(resolver: Resolver, domain: str) -> list[str]:
    """The SPF records of a domain, which should be one. Raises Away."""
    return [text for text in resolver.texts(domain) if is_spf(text)]


def parse(text: str) -> Record:
    """Raises Broken."""
    terms, redirect = [], ""
    for word in text.split(" ")[1:]:
        if not word:
            continue
        if (match := MECHANISM.fullmatch(word)) is not None:
            term = Term(match[1], match[2].lower(), match[3] or "", match[4])
            if (term.name in WITH_DOMAIN and not term.value) or (term.name == "all" and (match[3] or match[4])):
                raise Broken(word)
            terms.append(term)
        elif (match := MODIFIER.fullmatch(word)) is not None:
            if match[1].lower() == "redirect":
                if redirect or not match[2]:
                    raise Broken(word)
                redirect = match[2]
        else:
            raise Broken(word)
    # `all` ends a record, and a redirect beside it counts for nothing (RFC 7208, 5.1 and 6.1).
    return Record(tuple(terms), "" if any(term.name == "all" for term in terms) else redirect)


def network(term: Term) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """The addresses of an `ip4` or `ip6`. Raises Broken."""
    kind = ipaddress.IPv4Network if term.name == "ip4" else ipaddress.IPv6Network
    try:
        return kind(term.value + term.length, strict=False)
    except ValueError:
        raise Broken(f"{term.name}:{term.value}{term.length}") from None


class Check:
    """check_host() of RFC 7208, 4, for one client `address` and the envelope's `sender`."""

    def __init__(self, resolver: Resolver, address: IpAddress, sender: str, helo: str) -> None:
        self.resolver = resolver
        self.address = address
        self.sender = sender
        self.helo = helo
        self.lookups = 0
        self.void = 0

    def verdict(self, domain: str) -> Verdict:
        try:
            return self.judge(domain, 0)
        except Broken:
            return Verdict.PERMERROR
        except Away:
            return Verdict.TEMPERROR

    def judge(self, domain: str, depth: int) -> Verdict:
        texts = find_records(self.resolver, domain)
        if not texts:
            return Verdict.NONE
        if len(texts) > 1 or depth > MAX_DEPTH:
            raise Broken(domain)
        record = parse(texts[0])
        for term in record.terms:
            if term.name in WITH_LOOKUP:
                self.count_lookup()
            if self.matches(term, domain, depth):
                return QUALIFIERS[term.qualifier]
        if not record.redirect:
            return Verdict.NEUTRAL
        self.count_lookup()
        verdict = self.judge(self.expand(record.redirect, domain), depth + 1)
        if verdict is Verdict.NONE:
            raise Broken(f"redirect={record.redirect}")
        return verdict

    def count_lookup(self) -> None:
        self.lookups += 1
        if self.lookups > MAX_LOOKUPS:
            raise Broken(str(self.lookups))

    def matches(self, term: Term, domain: str, depth: int) -> bool:
        if term.name == "all":
            return True
        if term.name in ("ip4", "ip6"):
            return self.address in network(term)
        target = self.expand(term.value, domain) if term.value else domain
        if term.name == "include":
            verdict = self.judge(target, depth + 1)
            if verdict is Verdict.NONE:
                raise Broken(f"include:{target}")
            return verdict is Verdict.PASS
        if term.name == "exists":
            return bool(self.asked(self.resolver.addresses(target, ["A"])))
        if term.name == "ptr":
            return any(
                name == target.lower() or name.endswith("." + target.lower()) for name in self.confirmed_names()
            )
        hosts = self.asked(self.resolver.exchanges(target)) if term.name == "mx" else [target]
        if len(hosts) > MAX_NAMES:
            raise Broken(f"mx:{target}")
        return any(self.is_of(host, term) for host in hosts if host)

    def is_of(self, host: str, term: Term) -> bool:
        """Whether the client is one of a host's addresses, or in the network of one."""
        kind = "A" if self.address.version == 4 else "AAAA"
        four, _sign, six = term.length.partition("//")
        length = four.removeprefix("/") if self.address.version == 4 else six
        for address in self.asked(self.resolver.addresses(host, [kind])):
            try:
                if self.address in ipaddress.ip_network(
                    f"{address}/{length or address.max_prefixlen}", strict=False
                ):
                    return True
            except ValueError:
                raise Broken(f"{term.name}{term.length}") from None
        return False

    def asked(self, found: Sequence[T]) -> Sequence[T]:
        """What was found; counts where that is nothing."""
        if not found:
            self.void += 1
            if self.void > MAX_VOID_LOOKUPS:
                raise Broken(str(self.void))
        return found

    def confirmed_names(self) -> Iterator[str]:
        for name in self.resolver.names_of(self.address)[:MAX_NAMES]:
            if self.address in self.resolver.addresses(name):
                yield name.lower()

    def expand(self, text: str, domain: str) -> str:
        """A domain with its macros in place (RFC 7208, 7)."""
        dotted = str(self.address)
        if self.address.version == 6:
            dotted = ".".join(self.address.exploded.replace(":", ""))
        values = {
            "s": self.sender,
            "l": self.sender.rpartition("@")[0],
            "o": self.sender.rpartition("@")[2],
            "d": domain,
            "i": dotted,
            "v": "in-addr" if self.address.version == 4 else "ip6",
            "h": self.helo,
            "p": "unknown",
        }

        def value(match: re.Match[str]) -> str:
            if match[1]:
                return {"%": "%", "_": " ", "-": "%20"}[match[1]]
            parts = re.split(f"[{re.escape(match[5] or '.')}]", values.get(match[2].lower(), ""))
            parts = parts[::-1] if match[4] else parts
            return ".".join(parts[-int(match[3]) :] if match[3] and int(match[3]) else parts)

        return MACRO.sub(value, text)


def count_lookups(resolver: Resolver, domain: str, expand: Callable[[str, str], str], depth: int = 0) -> int:
    """How many look-ups the record of a domain takes in all, for an address that nothing in it matches.

    Raises Away, and Broken for what can't be followed.
    """
    texts = find_records(resolver, domain)
    if len(texts) != 1 or depth > MAX_DEPTH:
        raise Broken(f"include:{domain}")
    record = parse(texts[0])
    count = sum(term.name in WITH_LOOKUP for term in record.terms) + bool(record.redirect)
    onward = [term.value for term in record.terms if term.name == "include"]
    for name in [*onward, record.redirect] if record.redirect else onward:
        count += count_lookups(resolver, expand(name, domain), expand, depth + 1)
    return count


# What to paste


def with_addresses(text: str, addresses: Sequence[IpAddress]) -> str:
    """The record with addresses that it permits in front of all it had."""
    terms = [f"ip{address.version}:{address}" for address in addresses]
    return " ".join([VERSION, *terms, *text.split()[1:]])


def with_soft_all(text: str) -> str:
    """The record with `~all` at its end in the place of whatever it says of everybody else."""
    kept = [word for word in text.split()[1:] if not re.fullmatch(r"[+?~-]?all", word, re.IGNORECASE)]
    return " ".join([VERSION, *kept, "~all"])


def merged(texts: Sequence[str]) -> str:
    """One record that permits what any of several does."""
    words = dict.fromkeys(word for text in sorted(texts) for word in text.split()[1:])
    return with_soft_all(" ".join([VERSION, *words]))


# The look at it


@dataclass(frozen=True)
class Sender:
    """Who sends: the envelope's `address`, the name said with HELO, and the addresses that the mails come from.

    `certain` where the owner named these addresses, and did not leave them to be guessed by `mail.host`.
    """

    address: str
    helo: str
    addresses: tuple[IpAddress, ...]
    certain: bool

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


def check_spf(resolver: Resolver, sender: Sender) -> tuple[Finding, bool | None]:
    """What the sender's SPF record lacks, and whether all its addresses pass (None: not known)."""
    try:
        return look_at(resolver, sender)
    except Away as error:
        sentence = _("The DNS gave no answer about SPF: ${error}.", mapping={"error": str(error)})
        return Finding(Topic.SPF, Mark.UNKNOWN, sentence), None


def look_at(resolver: Resolver, sender: Sender) -> tuple[Finding, bool | None]:
    domain = sender.domain
    texts = find_records(resolver, domain)
    found = tuple(txt_record(domain, text) for text in texts)

    def finding(mark: Mark, sentence: str, *records: str, **values: str) -> Finding:
        lines = tuple(txt_record(domain, record) for record in records)
        return Finding(Topic.SPF, mark, _(sentence, mapping={"domain": domain} | values), found, lines)

    if not texts:
        new = with_addresses(f"{VERSION} {'' if sender.addresses else 'mx '}~all", sender.addresses)
        return finding(Mark.BAD, _("${domain} has no SPF record, so nobody is known to send for it."), new), False
    if len(texts) > 1:
        text = _("${domain} has ${count} SPF records, and receivers then follow none. Keep one.")
        return finding(Mark.BAD, text, merged(texts), count=str(len(texts))), False
    try:
        record = parse(texts[0])
        for term in record.terms:
            if term.name in ("ip4", "ip6"):
                network(term)
    except Broken as error:
        text = _("Receivers don't follow the SPF record of ${domain}, because of “${term}” in it.")
        return finding(Mark.BAD, text, term=str(error)), False
    everybody = [term for term in record.terms if term.name == "all"]
    if any(QUALIFIERS[term.qualifier] is Verdict.PASS for term in everybody):
        text = _("The SPF record of ${domain} lets the whole world send for it (“+all”).")
        return finding(Mark.BAD, text, with_soft_all(texts[0])), None

    # Any address will do to fill macros in.
    someone = Check(resolver, ipaddress.ip_address("0.0.0.0"), sender.address, sender.helo)  # noqa: S104
    try:
        count = count_lookups(resolver, domain, someone.expand)
    except Broken as error:
        text = _("Receivers don't follow the SPF record of ${domain}, because “${term}” leads to no record.")
        return finding(Mark.BAD, text, term=str(error)), False
    if count > MAX_LOOKUPS:
        text = _(
            "The SPF record of ${domain} takes ${count} look-ups, and receivers make no more than ${max} before"
            " they give up. Take out what no longer sends for you, or put addresses (ip4, ip6) in the place of"
            " names."
        )
        return finding(Mark.BAD, text, count=str(count), max=str(MAX_LOOKUPS)), False
    if not sender.addresses:
        text = _("The SPF record of ${domain} is in order; whether it permits your relay is not known.")
        return finding(Mark.UNKNOWN, text), None
    return permission(resolver, sender, texts[0], bool(everybody or record.redirect), finding)


def permission(
    resolver: Resolver, sender: Sender, record: str, has_end: bool, finding: Callable[..., Finding]
) -> tuple[Finding, bool | None]:
    """Whether the record permits each of the sender's addresses."""
    verdicts = {
        address: Check(resolver, address, sender.address, sender.helo).verdict(sender.domain)
        for address in sender.addresses
    }
    left_out = [address for address, verdict in verdicts.items() if verdict is not Verdict.PASS]
    listed = ", ".join(map(str, left_out or sender.addresses))
    if Verdict.TEMPERROR in verdicts.values():
        text = _("The DNS gave no answer to all that the SPF record of ${domain} asks, so it was not followed.")
        return finding(Mark.UNKNOWN, text), None
    if Verdict.PERMERROR in verdicts.values():
        text = _("Receivers give up on the SPF record of ${domain}: it names too much that is not there.")
        return finding(Mark.BAD, text), False
    if left_out:
        mended = with_addresses(record, left_out)
        if sender.certain:
            text = _("The SPF record of ${domain} does not permit your relay (${addresses}).")
            return finding(Mark.BAD, text, mended, addresses=listed), False
        text = _(
            "The SPF record of ${domain} does not permit ${addresses}, the address of mail.host. If your relay"
            " sends from others, name them in mail.relay_addresses."
        )
        return finding(Mark.WARNING, text, mended, addresses=listed), None
    if not has_end:
        text = _("The SPF record of ${domain} permits your relay, but says nothing of everybody else.")
        return finding(Mark.WARNING, text, with_soft_all(record)), True
    text = _("The SPF record of ${domain} permits your relay (${addresses}).")
    return finding(Mark.GOOD, text, addresses=listed), True
