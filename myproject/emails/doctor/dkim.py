"""DomainKeys Identified Mail (RFC 6376): the public key that receivers check the relay's signature with."""

import base64
import binascii
import re

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from translationstring import TranslationString

from myproject.emails.doctor.findings import Finding, Mark, Topic, txt_record
from myproject.emails.doctor.resolver import Away, Resolver
from myproject.i18n import _

# RFC 8301, 3.2: receivers don't take shorter keys; signers should have longer ones.
LEAST_BITS = 1024
GOOD_BITS = 2048
ED25519_BYTES = 32
# What the owner puts the relay's key in the place of.
NEW_KEY = "v=DKIM1; k=rsa; p=PUBLIC-KEY-OF-THE-RELAY"


def parse_tags(text: str) -> dict[str, str]:
    """`a=1; b=2` as a dictionary (RFC 6376, 3.2), without blanks in the values; of two alike the first counts."""
    tags: dict[str, str] = {}
    for part in text.split(";"):
        name, sign, value = part.partition("=")
        if sign:
            tags.setdefault(name.strip().lower(), re.sub(r"\s+", "", value))
    return tags


def is_key(text: str) -> bool:
    """Whether a TXT record is meant as a key: the version need not be said (RFC 6376, 3.6.1)."""
    tags = parse_tags(text)
    return "p" in tags and tags.get("v", "DKIM1") == "DKIM1"


def check_dkim(resolver: Resolver, domain: str, selector: str) -> tuple[Finding, bool | None]:
    """What is wrong with the key of a selector, and whether its signatures can count (None: not known)."""
    if not selector:
        text = _(
            "Which key the relay signs with is not known: name it in mail.dkim_selector, or send yourself a probe"
            " and paste its headers below."
        )
        return Finding(Topic.DKIM, Mark.UNKNOWN, text), None
    name = f"{selector}._domainkey.{domain}"
    try:
        texts = [text for text in resolver.texts(name) if is_key(text)]
    except Away as error:
        sentence = _("The DNS gave no answer about DKIM: ${error}.", mapping={"error": str(error)})
        return Finding(Topic.DKIM, Mark.UNKNOWN, sentence), None
    found = tuple(txt_record(name, text) for text in texts)
    if not texts:
        text = _(
            "There is no key at ${name}, so no signature of the relay can be checked.", mapping={"name": name}
        )
        return Finding(Topic.DKIM, Mark.BAD, text, found, (txt_record(name, NEW_KEY),)), False
    if len(texts) > 1:
        text = _("There are several keys at ${name}. Keep the one the relay signs with.", mapping={"name": name})
        return Finding(Topic.DKIM, Mark.BAD, text, found), False
    tags = parse_tags(texts[0])
    mark, text, values = judge(tags)
    # A key is replaced under a new name: signatures that are under way still count (RFC 6376, 3.1).
    fresh = f"{selector}2._domainkey.{domain}"
    mend = () if mark is Mark.GOOD or tags.get("t") else (txt_record(fresh, NEW_KEY),)
    if "y" in tags.get("t", "").split(":"):
        mend = (txt_record(name, without_test(texts[0])),)
    sentence = _(text, mapping={"name": name} | values)
    return Finding(Topic.DKIM, mark, sentence, found, mend), mark in (Mark.GOOD, Mark.WARNING)


def judge(tags: dict[str, str]) -> tuple[Mark, TranslationString, dict[str, str]]:
    """How good the key of a record is, and the words for it."""
    if not tags["p"]:
        return (
            Mark.BAD,
            _("The key at ${name} is revoked: its p= is empty. Let the relay sign with a new one."),
            {},
        )
    if "h" in tags and "sha256" not in tags["h"].split(":"):
        return Mark.BAD, _("The key at ${name} is for SHA-1 only (h=), which receivers no longer take."), {}
    if "s" in tags and not {"*", "email"} & set(tags["s"].split(":")):
        return Mark.BAD, _("The key at ${name} is not for mail (s=)."), {}
    kind = tags.get("k", "rsa")
    bits = length_of(kind, tags["p"])
    if bits is None:
        return Mark.BAD, _("The key at ${name} can't be read. Copy it whole, as the relay gives it."), {}
    values = {"bits": str(bits)}
    if kind == "rsa" and bits < LEAST_BITS:
        text = _("The key at ${name} has ${bits} bits, too few for receivers to take it. Make one of 2048.")
        return Mark.BAD, text, values
    if "y" in tags.get("t", "").split(":"):
        return (
            Mark.WARNING,
            _("The key at ${name} is marked as a test (t=y), so a signature counts for little."),
            {},
        )
    if kind == "rsa" and bits < GOOD_BITS:
        return Mark.WARNING, _("The key at ${name} has ${bits} bits. Make one of 2048."), values
    if kind == "ed25519":
        text = _("The key at ${name} is of Ed25519, which not all receivers know. Sign with one of RSA beside it.")
        return Mark.WARNING, text, {}
    return Mark.GOOD, _("The key at ${name} is there, and has ${bits} bits."), values


def length_of(kind: str, key: str) -> int | None:
    """The bits of a public key in base64; None where it is none of its kind."""
    try:
        data = base64.b64decode(key, validate=True)
        if kind == "ed25519":
            return 8 * ED25519_BYTES if len(data) == ED25519_BYTES else None
        loaded = load_der_public_key(data)
    except (binascii.Error, ValueError, UnsupportedAlgorithm):
        return None
    return loaded.key_size if kind == "rsa" and isinstance(loaded, RSAPublicKey) else None


def without_test(text: str) -> str:
    """The record without the mark of a test."""
    parts = [part.strip() for part in text.split(";") if part.strip()]
    return "; ".join(part for part in parts if part.partition("=")[0].strip().lower() != "t")
