"""The mail doctor against zones that are in order, and against broken ones."""

import base64
import ipaddress
import time
from collections.abc import Callable, Iterator
from functools import cache

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from translationstring import TranslationString

from myproject.emails.doctor import probe as probes
from myproject.emails.doctor.dmarc import organization_of
from myproject.emails.doctor.examination import Examination, examine, lines_of
from myproject.emails.doctor.findings import Finding, Mark, Topic, txt_record
from myproject.emails.doctor.probe import NoHeaders, Probe, read_probe
from myproject.emails.doctor.resolver import SECONDS_IN_ALL, Resolver
from myproject.emails.doctor.spf import Check, Verdict
from myproject.settings import Settings
from myproject.settings_mail import MailTransport
from tests.names import NameServer, name_server

RELAY = "192.0.2.25"
PTR = "25.2.0.192.in-addr.arpa"
KEY = "s1._domainkey.example.org"


@cache
def key_of(bits: int) -> str:
    if bits >= 1024:
        key = rsa.generate_private_key(65537, bits).public_key()
    else:
        # Nothing makes such keys any more.
        key = rsa.RSAPublicNumbers(65537, (1 << (bits - 1)) + 0xC5).public_key()
    return base64.b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


def text(value: str) -> str:
    """A TXT record as it stands behind its name."""
    return txt_record("x", value).removeprefix("x. IN TXT ")


def key_record(bits: int = 2048, tags: str = "") -> str:
    return text(f"v=DKIM1; k=rsa; {tags}p={key_of(bits)}")


HEALTHY = {
    "example.org": {"MX": ["10 mail.example.org."], "TXT": [text("v=spf1 ip4:192.0.2.25 -all"), text("other=1")]},
    "mail.example.org": {"A": [RELAY]},
    KEY: {"TXT": [key_record()]},
    "_dmarc.example.org": {"TXT": [text("v=DMARC1; p=reject")]},
    PTR: {"PTR": ["mail.example.org."]},
}


@pytest.fixture
def names() -> Iterator[NameServer]:
    with name_server(HEALTHY) as server:
        yield server


Look = Callable[..., Examination]


@pytest.fixture
def look(names: NameServer) -> Look:
    """`look(**settings)` examines the mails of example.org."""

    def look(probe: Probe | None = None, seconds: float = SECONDS_IN_ALL, **values: object) -> Examination:
        settings = Settings.with_defaults(
            **{
                "site_url": "https://www.example.org",
                "mail_transport": MailTransport.SMTP,
                "mail_sender": "The site <site@example.org>",
                "mail_dkim_selector": "s1",
                "mail_relay_addresses": (RELAY,),
                "mail_name_server": names.address,
            }
            | values
        )
        return examine(settings, probe, seconds)

    return look


def of(examination: Examination, topic: Topic) -> Finding:
    (finding,) = (finding for finding in examination.findings if finding.topic is topic)
    return finding


def test_nothing_is_wrong_with_a_zone_in_order(look: Look) -> None:
    examination = look()
    assert {finding.topic: finding.mark for finding in examination.findings} == dict.fromkeys(
        set(Topic) - {Topic.TRANSPORT, Topic.PROBE}, Mark.GOOD
    )
    assert (examination.mark, examination.domain) == (Mark.GOOD, "example.org")
    assert all(finding.records == () for finding in examination.findings)


BROKEN: dict[str, tuple[dict[str, list[str]], Topic, Mark, str]] = {
    "no SPF": ({"example.org TXT": []}, Topic.SPF, Mark.BAD, "has no SPF record"),
    "two SPFs": (
        {"example.org TXT": [text("v=spf1 ip4:192.0.2.25 -all"), text("v=spf1 mx ~all")]},
        Topic.SPF,
        Mark.BAD,
        "has 2 SPF records",
    ),
    "SPF for all": (
        {"example.org TXT": [text("v=spf1 ip4:192.0.2.25 +all")]},
        Topic.SPF,
        Mark.BAD,
        "the whole world",
    ),
    "SPF without an end": ({"example.org TXT": [text("v=spf1 mx")]}, Topic.SPF, Mark.WARNING, "everybody else"),
    "SPF of another": ({"example.org TXT": [text("v=spf1 ip4:198.51.100.1 -all")]}, Topic.SPF, Mark.BAD, RELAY),
    "SPF misspelt": (
        {"example.org TXT": [text("v=spf1 ipv4:192.0.2.25 -all")]},
        Topic.SPF,
        Mark.BAD,
        "ipv4:192.0.2.25",
    ),
    "SPF that leads nowhere": (
        {"example.org TXT": [text("v=spf1 ip4:192.0.2.25 include:gone.example.org -all")]},
        Topic.SPF,
        Mark.BAD,
        "include:gone.example.org",
    ),
    "SPF with too many look-ups": (
        {
            "example.org TXT": [text("v=spf1 ip4:192.0.2.25 include:_a.example.org mx -all")],
            "_a.example.org TXT": [text("v=spf1 include:_b.example.org a mx exists:%{i}.example.org ?all")],
            "_b.example.org TXT": [
                text("v=spf1 a:1.example.org a:2.example.org a:3.example.org redirect=_c.example.org")
            ],
            "_c.example.org TXT": [text("v=spf1 ptr -all")],
        },
        Topic.SPF,
        Mark.BAD,
        "takes 11 look-ups",
    ),
    "no key": ({f"{KEY} TXT": []}, Topic.DKIM, Mark.BAD, f"no key at {KEY}"),
    "empty record": ({f"{KEY} TXT": [text("")]}, Topic.DKIM, Mark.BAD, f"no key at {KEY}"),
    "two keys": ({f"{KEY} TXT": [key_record(), key_record(1024)]}, Topic.DKIM, Mark.BAD, "several keys"),
    "revoked key": ({f"{KEY} TXT": [text("v=DKIM1; p=")]}, Topic.DKIM, Mark.BAD, "is revoked"),
    "weak key": ({f"{KEY} TXT": [key_record(768)]}, Topic.DKIM, Mark.BAD, "has 768 bits"),
    "short key": ({f"{KEY} TXT": [key_record(1024)]}, Topic.DKIM, Mark.WARNING, "has 1024 bits"),
    "key of SHA-1": ({f"{KEY} TXT": [key_record(2048, "h=sha1; ")]}, Topic.DKIM, Mark.BAD, "SHA-1"),
    "key for a test": ({f"{KEY} TXT": [key_record(2048, "t=y; ")]}, Topic.DKIM, Mark.WARNING, "a test"),
    "key cut off": ({f"{KEY} TXT": [text("v=DKIM1; k=rsa; p=MIGf")]}, Topic.DKIM, Mark.BAD, "can't be read"),
    "no DMARC": ({"_dmarc.example.org TXT": []}, Topic.DMARC, Mark.BAD, "has no DMARC record"),
    "two DMARCs": (
        {"_dmarc.example.org TXT": [text("v=DMARC1; p=none"), text("v=DMARC1; p=reject")]},
        Topic.DMARC,
        Mark.BAD,
        "several DMARC records",
    ),
    "DMARC of none": (
        {"_dmarc.example.org TXT": [text("v=DMARC1; p=none; rua=mailto:a@example.org")]},
        Topic.DMARC,
        Mark.WARNING,
        "asks for nothing",
    ),
    "DMARC without a policy": (
        {"_dmarc.example.org TXT": [text("v=DMARC1;")]},
        Topic.DMARC,
        Mark.BAD,
        "no policy",
    ),
    "no MX": ({"example.org MX": []}, Topic.MX, Mark.BAD, "takes no mail"),
    "null MX": ({"example.org MX": ["0 ."]}, Topic.MX, Mark.BAD, "says that it takes no mail"),
    "no MX but a host": ({"example.org MX": [], "example.org A": [RELAY]}, Topic.MX, Mark.WARNING, "no MX record"),
    "MX that is not there": ({"example.org MX": ["10 old.example.org."]}, Topic.MX, Mark.BAD, "have no address"),
    "no PTR": ({f"{PTR} PTR": []}, Topic.PTR, Mark.BAD, f"{RELAY} has no name"),
    "PTR that does not lead back": (
        {f"{PTR} PTR": ["host-25.example.net."]},
        Topic.PTR,
        Mark.BAD,
        "does not lead back",
    ),
}
# What the owner alone can mend: by another key, by fewer names, by the record that was meant.
WITHOUT_A_MEND = {
    "SPF misspelt",
    "SPF that leads nowhere",
    "SPF with too many look-ups",
    "two keys",
    "key of SHA-1",
    "two DMARCs",
    "MX that is not there",
}
WITH_A_NEW_KEY = {"no key", "empty record", "revoked key", "weak key", "short key", "key of SHA-1", "key cut off"}


def tell(names: NameServer, records: dict[str, list[str]]) -> None:
    for place, values in records.items():
        name, kind = place.split()
        names.zone.setdefault(name, {})[kind] = values


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_zone_is_told_in_a_sentence(names: NameServer, look: Look, fault: str) -> None:
    records, topic, mark, words = BROKEN[fault]
    tell(names, records)
    examination = look()
    finding = of(examination, topic)
    assert (finding.mark, words in finding.sentence.interpolate()) == (mark, True), finding
    assert examination.mark is mark
    # A fault in one place is not told of another, but for what comes of it.
    others = {f.topic for f in examination.findings if f.mark in (Mark.BAD, Mark.WARNING)} - {topic}
    assert others <= {Topic.ALIGNMENT}


@pytest.mark.parametrize("fault", sorted(BROKEN.keys() - WITHOUT_A_MEND - WITH_A_NEW_KEY))
def test_pasting_the_record_mends_it(names: NameServer, look: Look, fault: str) -> None:
    records, topic, _mark, _words = BROKEN[fault]
    tell(names, records)
    mend = of(look(), topic).records
    assert mend
    names.paste(*mend)
    if topic is Topic.MX:
        names.paste("mail.example.org. IN A 192.0.2.25")
    after = of(look(), topic).mark
    # Who has no DMARC at all begins with one that asks for nothing.
    assert after is (Mark.WARNING if fault == "no DMARC" else Mark.GOOD)


@pytest.mark.parametrize("fault", sorted(WITH_A_NEW_KEY))
def test_a_new_key_gets_its_place_but_the_relay_has_it(names: NameServer, look: Look, fault: str) -> None:
    tell(names, BROKEN[fault][0])
    (record,) = of(look(), Topic.DKIM).records
    assert record.startswith(("s1._domainkey.", "s12._domainkey."))
    assert "PUBLIC-KEY" in record


# Alignment


def test_a_domain_that_neither_way_speaks_for_is_told(names: NameServer, look: Look) -> None:
    tell(names, {"example.org TXT": [text("v=spf1 -all")], "s1._domainkey.other.example.net TXT": [key_record()]})
    finding = of(look(Probe("s1", "other.example.net", {})), Topic.ALIGNMENT)
    assert finding.mark is Mark.BAD
    assert "DKIM for other.example.net" in finding.sentence.interpolate()


def test_a_signature_of_the_same_organization_speaks_for_the_domain(names: NameServer, look: Look) -> None:
    tell(names, {"example.org TXT": [text("v=spf1 -all")], "s1._domainkey.lists.example.org TXT": [key_record()]})
    probe = Probe("s1", "lists.example.org", {})
    assert of(look(probe), Topic.ALIGNMENT).mark is Mark.GOOD
    tell(names, {"_dmarc.example.org TXT": [text("v=DMARC1; p=reject; adkim=s")]})
    assert of(look(probe), Topic.ALIGNMENT).mark is Mark.BAD


def test_spf_is_looked_at_where_bounces_go_and_speaks_for_that_domain_alone(names: NameServer, look: Look) -> None:
    tell(
        names,
        {
            "bounces.example.net TXT": [text("v=spf1 ip4:192.0.2.25 -all")],
            "bounces.example.net MX": ["10 mail.example.org."],
            f"{KEY} TXT": [text("v=DKIM1; p=")],
        },
    )
    examination = look(mail_bounce_address="back@bounces.example.net")
    assert "SPF record of bounces.example.net" in of(examination, Topic.SPF).sentence.interpolate()
    assert of(examination, Topic.SPF).mark is Mark.GOOD
    assert of(examination, Topic.ALIGNMENT).mark is Mark.BAD
    assert [f.mark for f in examination.findings if f.topic is Topic.MX] == [Mark.GOOD, Mark.GOOD]


def test_the_organization_is_found_by_walking_up_and_not_beyond_a_public_suffix(names: NameServer) -> None:
    resolver = Resolver(names.address)
    assert organization_of(resolver, "a.b.c.d.e.f.g.h.i.example.org") == "example.org"
    assert organization_of(resolver, "www.example.net") == "www.example.net"
    tell(names, {"_dmarc.example TXT": [text("v=DMARC1; p=reject; psd=y")]})
    assert organization_of(Resolver(names.address), "www.shop.example") == "shop.example"


def test_a_subdomain_goes_by_the_policy_for_subdomains(names: NameServer, look: Look) -> None:
    tell(names, {"_dmarc.example.org TXT": [text("v=DMARC1; p=reject; sp=none")]})
    finding = of(look(mail_sender="site@www.example.org"), Topic.DMARC)
    assert finding.mark is Mark.WARNING
    assert finding.records == ('_dmarc.example.org. IN TXT "v=DMARC1; p=reject; sp=quarantine"',)


# What is not known is no fault


def test_a_name_that_there_is_not(look: Look) -> None:
    finding = of(look(mail_sender="site@nowhere.example.net"), Topic.MX)
    assert (finding.mark, "no domain nowhere.example.net" in finding.sentence.interpolate()) == (Mark.BAD, True)


def test_a_server_that_fails_is_no_verdict(names: NameServer, look: Look) -> None:
    names.failing = {*names.zone}
    marks = {finding.topic: finding.mark for finding in look().findings}
    expected = dict.fromkeys((Topic.MX, Topic.SPF, Topic.DKIM, Topic.DMARC, Topic.PTR), Mark.UNKNOWN)
    assert marks | expected == marks
    assert Mark.BAD not in marks.values()


def test_a_server_that_is_silent_costs_no_more_time_than_there_is(names: NameServer, look: Look) -> None:
    names.silent = {*names.zone}
    begin = time.monotonic()
    examination = look(seconds=0.5)
    # It would be as much again for each name, were it not for all of them together.
    assert time.monotonic() - begin < 4
    assert examination.mark is Mark.GOOD
    assert of(examination, Topic.SPF).mark is Mark.UNKNOWN


def test_the_address_of_a_relay_on_this_machine_is_not_guessed(look: Look) -> None:
    examination = look(mail_relay_addresses=())
    assert of(examination, Topic.RELAY).mark is Mark.UNKNOWN
    assert of(examination, Topic.SPF).mark is Mark.UNKNOWN
    # The signature speaks for it anyhow.
    assert of(examination, Topic.ALIGNMENT).mark is Mark.GOOD


def test_a_guessed_address_is_no_reason_for_alarm(names: NameServer, look: Look) -> None:
    tell(names, {"smtp.example.net A": ["198.51.100.1"]})
    examination = look(mail_relay_addresses=(), mail_host="smtp.example.net")
    assert (of(examination, Topic.SPF).mark, of(examination, Topic.PTR).mark) == (Mark.WARNING, Mark.WARNING)
    assert "mail.relay_addresses" in of(examination, Topic.SPF).sentence.interpolate()


@pytest.mark.parametrize("sender", ["", "a@localhost", "a@[192.0.2.1]", "a@site.test", "a@192.0.2.1"])
def test_a_sender_that_nobody_outside_can_know_is_told_and_nothing_asked(
    names: NameServer, look: Look, sender: str
) -> None:
    examination = look(mail_sender=sender, site_url="http://localhost")
    assert of(examination, Topic.SENDER).mark is Mark.BAD
    assert names.questions == []


def test_each_question_is_asked_once(names: NameServer, look: Look) -> None:
    look()
    assert len(names.questions) == len(set(names.questions))


# SPF, RFC 7208


@pytest.mark.parametrize(
    ("record", "address", "verdict"),
    [
        ("v=spf1 ip4:192.0.2.0/24 -all", "192.0.2.7", Verdict.PASS),
        ("v=spf1 ip4:192.0.2.0/24 -all", "2001:db8::7", Verdict.FAIL),
        ("v=spf1 ip6:2001:db8::/32 -all", "2001:db8::7", Verdict.PASS),
        ("v=SPF1 A:mail.example.org ~all", RELAY, Verdict.PASS),
        ("v=spf1 a:mail.example.org/24//64 ~all", "192.0.2.200", Verdict.PASS),
        ("v=spf1 mx ~all", "198.51.100.1", Verdict.SOFTFAIL),
        ("v=spf1 mx", "198.51.100.1", Verdict.NEUTRAL),
        ("v=spf1 ptr:example.org -all", RELAY, Verdict.PASS),
        ("v=spf1 exists:%{ir}.list.example.org -all", "192.0.2.9", Verdict.PASS),
        ("v=spf1 exists:%{l}.%{d2}.who.example.org -all", "192.0.2.9", Verdict.PASS),
        ("v=spf1 -exists:%{v}.%{ir}.list.example.org ?all", "192.0.2.9", Verdict.NEUTRAL),
        ("v=spf1 include:_other.example.org -all", "203.0.113.9", Verdict.PASS),
        ("v=spf1 include:_other.example.org ?all", "203.0.113.10", Verdict.NEUTRAL),
        ("v=spf1 redirect=_other.example.org", "203.0.113.10", Verdict.FAIL),
        ("v=spf1 redirect=_other.example.org ~all", "203.0.113.10", Verdict.SOFTFAIL),
        ("v=spf1 redirect=gone.example.org", "203.0.113.10", Verdict.PERMERROR),
        ("v=spf1 include:gone.example.org -all", "203.0.113.10", Verdict.PERMERROR),
        ("v=spf1 include:example.org -all", "203.0.113.10", Verdict.PERMERROR),
        ("v=spf1 a:x1.example.org a:x2.example.org a:x3.example.org -all", "203.0.113.1", Verdict.PERMERROR),
        ("v=spf1 ip4:192.0.2.256 -all", "203.0.113.10", Verdict.PERMERROR),
        ("v=spf1 include: -all", "203.0.113.10", Verdict.PERMERROR),
        ("v=spf1 a:failing.example.org -all", "203.0.113.10", Verdict.TEMPERROR),
        ("v=spf10 +all", "203.0.113.10", Verdict.NONE),
    ],
)
def test_spf_is_read_as_receivers_read_it(names: NameServer, record: str, address: str, verdict: Verdict) -> None:
    tell(
        names,
        {
            "example.org TXT": [text(record)],
            "_other.example.org TXT": [text("v=spf1 ip4:203.0.113.9 -all")],
            "9.2.0.192.list.example.org A": ["127.0.0.2"],
            "site.example.org.who.example.org A": ["127.0.0.2"],
        },
    )
    names.failing = {"failing.example.org"}
    check = Check(Resolver(names.address), ipaddress.ip_address(address), "site@example.org", "www.example.org")
    assert check.verdict("example.org") is verdict


def test_an_ed25519_key_is_known(names: NameServer, look: Look) -> None:
    raw = ed25519.Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    tell(names, {f"{KEY} TXT": [text(f"v=DKIM1; k=ed25519; p={base64.b64encode(raw).decode()}")]})
    finding = of(look(), Topic.DKIM)
    assert (finding.mark, "Ed25519" in finding.sentence.interpolate()) == (Mark.WARNING, True)


# Records


def test_a_record_can_be_pasted_whatever_it_holds(names: NameServer) -> None:
    value = 'v=DKIM1; n=say "yes" \\ no; p=' + "x" * 600
    line = txt_record("a.example.org", value)
    names.paste(line)
    assert Resolver(names.address).texts("a.example.org") == [value]
    assert max(len(string) for string in line.split('"')) < 256


def test_a_record_that_stands_beside_another_does_not_replace_it(names: NameServer, look: Look) -> None:
    tell(names, {**BROKEN["two SPFs"][0], **BROKEN["short key"][0]})
    examination = look()
    assert of(examination, Topic.SPF).replaces
    # The old key stays until nothing is under way that it has signed.
    assert not of(examination, Topic.DKIM).replaces


def test_a_finding_comes_back_from_a_row_and_can_still_be_translated(look: Look) -> None:
    for finding in look().findings:
        again = Finding.from_json(finding.to_json())
        assert (again, again.sentence.interpolate()) == (finding, finding.sentence.interpolate())
        assert isinstance(again.sentence, TranslationString)
        assert again.sentence.domain == finding.sentence.domain


def test_the_lines_for_a_terminal_hold_mark_sentence_and_record(names: NameServer, look: Look) -> None:
    tell(names, BROKEN["no SPF"][0])
    lines = lines_of(look().findings)
    place = next(
        i for i, line in enumerate(lines) if line.startswith("bad      spf: example.org has no SPF record")
    )
    assert lines[place + 1].split("paste: ")[1] == 'example.org. IN TXT "v=spf1 ip4:192.0.2.25 ~all"'


# The probe

HEADERS = """\
Received: from mail.example.org (mail.example.org [192.0.2.25]) by mx.example.net
Authentication-Results: mx.example.net;
 spf=pass smtp.mailfrom=example.org;
 dkim=pass header.d=example.org header.s=k2; dmarc=fail
Authentication-Results: elsewhere.example; spf=none
DKIM-Signature: v=1; a=rsa-sha256; d=relay.example.net; s=r1; b=abc
DKIM-Signature: v=1; a=rsa-sha256; d=Example.org;
 s=k2; h=from:to; bh=x; b=abc
From: The site <site@example.org>

Some text
"""


def test_the_headers_of_a_probe_tell_who_signed_and_what_its_receiver_found() -> None:
    probe = read_probe(HEADERS, "example.org")
    assert (probe.selector, probe.domain) == ("k2", "example.org")
    assert probe.results == {"spf": "pass", "dkim": "pass", "dmarc": "fail"}
    assert Probe.from_json(probe.to_json()) == probe
    (finding,) = probes.check_probe(probe)
    assert (finding.mark, "dmarc=fail" in finding.sentence.interpolate()) == (Mark.WARNING, True)


def test_the_key_that_signed_the_probe_is_the_one_to_look_at(names: NameServer, look: Look) -> None:
    look(read_probe(HEADERS, "example.org"))
    assert ("k2._domainkey.example.org", "TXT") in names.questions
    assert (KEY, "TXT") not in names.questions


def test_a_probe_that_nobody_signed_is_told(look: Look) -> None:
    probe = read_probe("From: site@example.org\nSubject: Probe\n\nSome text", "example.org")
    assert of(look(probe), Topic.PROBE).mark is Mark.BAD


@pytest.mark.parametrize("hostile", ["a..b", "a b", "a/../b", "é", "\x00", "*", ""])
def test_a_signature_that_names_no_name_is_none(hostile: str) -> None:
    headers = f"From: a@example.org\nDKIM-Signature: v=1; d=example.org; s={hostile}; b=x\n"
    assert read_probe(headers, "example.org").selector in ("", "ab")


@pytest.mark.parametrize("no_headers", ["", "Hello there", "<html>", "X: y\n\nFrom: a@example.org"])
def test_what_holds_no_headers_is_no_probe(no_headers: str) -> None:
    with pytest.raises(NoHeaders):
        read_probe(no_headers, "example.org")
