"""Domain-based Message Authentication, Reporting and Conformance (RFC 9989, which follows RFC 7489): the policy of
the domain in From, and whether SPF or DKIM speaks for that domain.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from myproject.emails.doctor.dkim import parse_tags
from myproject.emails.doctor.findings import Finding, Mark, Topic, txt_record
from myproject.emails.doctor.resolver import Away, Resolver
from myproject.i18n import _

POLICIES = ("none", "quarantine", "reject")
# RFC 9989, 4.10: of a longer name only so many labels are walked.
MAX_LABELS = 7


@dataclass(frozen=True)
class Policy:
    """A record, and the domain it stands at."""

    domain: str
    text: str

    @property
    def tags(self) -> dict[str, str]:
        return parse_tags(self.text)


def is_dmarc(text: str) -> bool:
    """The version comes first, and in these letters (RFC 9989, 4.7)."""
    name, _sign, value = text.partition(";")[0].partition("=")
    return name.strip() == "v" and value.strip() == "DMARC1"


def records_at(resolver: Resolver, domain: str) -> list[str]:
    """Raises Away."""
    return [text for text in resolver.texts(f"_dmarc.{domain}") if is_dmarc(text)]


def walk(resolver: Resolver, domain: str) -> Iterator[Policy]:
    """The records at a domain and at those above it, the lowest first (RFC 9989, 4.10). Raises Away."""
    labels = domain.split(".")
    while labels:
        name = ".".join(labels)
        texts = records_at(resolver, name)
        # Several count as none.
        if len(texts) == 1:
            policy = Policy(name, texts[0])
            yield policy
            if policy.tags.get("psd") in ("n", "y"):
                return
        labels = labels[1:] if len(labels) <= MAX_LABELS + 1 else labels[-MAX_LABELS:]


def organization_of(resolver: Resolver, domain: str) -> str:
    """The organizational domain (RFC 9989, 4.10.2). Raises Away."""
    found = list(walk(resolver, domain))
    if not found:
        return domain
    last = found[-1]
    if last.tags.get("psd") == "y" and last.domain != domain:
        # Below a public suffix that says so, the organization has one label more.
        depth = last.domain.count(".") + 2
        return ".".join(domain.split(".")[-depth:])
    return last.domain


def find_policy(resolver: Resolver, domain: str) -> Policy | None:
    """The record that counts for mail from a domain. Raises Away."""
    found = list(walk(resolver, domain))
    if not found:
        return None
    if found[0].domain == domain:
        return found[0]
    organization = organization_of(resolver, domain)
    return next((policy for policy in found if policy.domain == organization), found[-1])


def is_aligned(resolver: Resolver, domain: str, other: str, mode: str) -> bool:
    """Whether SPF's or DKIM's domain speaks for the one in From: `mode` is `s` for the very same. Raises Away."""
    domain, other = domain.lower(), other.lower()
    if domain == other or mode == "s":
        return domain == other
    return organization_of(resolver, domain) == organization_of(resolver, other)


@dataclass(frozen=True)
class Spoken:
    """What SPF or DKIM says: for which domain, and whether it passes (None: not known)."""

    domain: str
    passes: bool | None


def check_dmarc(resolver: Resolver, domain: str, spf: Spoken, dkim: Spoken) -> list[Finding]:
    """The policy for mail from `domain`, and whether anything speaks for it."""
    try:
        return [check_policy(resolver, domain), check_alignment(resolver, domain, spf, dkim)]
    except Away as error:
        sentence = _("The DNS gave no answer about DMARC: ${error}.", mapping={"error": str(error)})
        return [Finding(Topic.DMARC, Mark.UNKNOWN, sentence)]


def check_policy(resolver: Resolver, domain: str) -> Finding:
    name = f"_dmarc.{domain}"
    values = {"domain": domain, "name": name}
    # The first step for who has none: it changes nothing yet, and the reports tell who sends.
    first = txt_record(name, f"v=DMARC1; p=none; rua=mailto:postmaster@{domain}")
    texts = records_at(resolver, domain)
    if len(texts) > 1:
        text = _(
            "There are several DMARC records at ${name}, and receivers then follow none. Keep one.", mapping=values
        )
        return Finding(Topic.DMARC, Mark.BAD, text, tuple(txt_record(name, text) for text in texts))
    policy = find_policy(resolver, domain)
    if policy is None:
        text = _(
            "${domain} has no DMARC record; large receivers want one of who sends many mails.", mapping=values
        )
        return Finding(Topic.DMARC, Mark.BAD, text, (), (first,))
    tags, place = policy.tags, f"_dmarc.{policy.domain}"
    found = (txt_record(place, policy.text),)
    tag = "p" if policy.domain == domain or "sp" not in tags else "sp"
    wish = tags.get(tag, "").lower()
    stricter = (txt_record(place, with_tag(policy.text, tag, "quarantine")),)
    values |= {"place": place, "policy": wish}
    if wish not in POLICIES:
        text = _("The DMARC record at ${place} says no policy that receivers know (p=).", mapping=values)
        return Finding(Topic.DMARC, Mark.BAD, text, found, stricter)
    if wish == "none" or tags.get("t") == "y":
        text = _(
            "The DMARC record at ${place} asks for nothing to be done with mails that others send in your name."
            " Once all else here is good, ask for more.",
            mapping=values,
        )
        mended = with_tag(policy.text, "t", "") if wish != "none" else with_tag(policy.text, tag, "quarantine")
        return Finding(Topic.DMARC, Mark.WARNING, text, found, (txt_record(place, mended),))
    text = _("The DMARC record at ${place} protects the name of ${domain} (${policy}).", mapping=values)
    return Finding(Topic.DMARC, Mark.GOOD, text, found)


def with_tag(text: str, name: str, value: str) -> str:
    """The record with a tag of that value, where it was or after the version; without it if `value` is empty."""
    parts = [part.strip() for part in text.split(";") if part.strip()]
    names = [part.partition("=")[0].strip().lower() for part in parts]
    if name in names:
        parts[names.index(name)] = f"{name}={value}"
    else:
        parts.insert(1, f"{name}={value}")
    return "; ".join(part for part in parts if not part.endswith("="))


def check_alignment(resolver: Resolver, domain: str, spf: Spoken, dkim: Spoken) -> Finding:
    """Of SPF and DKIM one has to pass for the domain in From (RFC 9989, 4.4)."""
    policy = find_policy(resolver, domain)
    tags = policy.tags if policy else {}
    ways = {
        "SPF": (spf, is_aligned(resolver, domain, spf.domain, tags.get("aspf", "r"))),
        "DKIM": (dkim, is_aligned(resolver, domain, dkim.domain, tags.get("adkim", "r"))),
    }
    good = [way for way, (spoken, aligned) in ways.items() if aligned and spoken.passes]
    values = {"domain": domain, "ways": ", ".join(good), "spf": spf.domain, "dkim": dkim.domain}
    if good:
        text = _("Receivers see that mails are from ${domain}: by ${ways}.", mapping=values)
        return Finding(Topic.ALIGNMENT, Mark.GOOD, text)
    if any(aligned and spoken.passes is None for spoken, aligned in ways.values()):
        text = _("Whether receivers see that mails are from ${domain} is not known yet.", mapping=values)
        return Finding(Topic.ALIGNMENT, Mark.UNKNOWN, text)
    text = _(
        "Nothing shows receivers that mails are from ${domain}: SPF speaks for ${spf}, DKIM for ${dkim}, and one"
        " of them has to pass for the domain in From.",
        mapping=values,
    )
    return Finding(Topic.ALIGNMENT, Mark.BAD, text)
