"""What mail providers tell at their webhooks, behind one interface: a signature to check, and events to read.

A signature is taken once, and while it is not older than a day: providers try for about so long where the site was
away, and what was captured on the way must not work for ever.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from myproject.emails.bounces.believing import Event
from myproject.emails.bounces.verdicts import Verdict, judge
from myproject.settings import Settings
from myproject.settings_values import MAIL_ADDRESS

OLDEST = timedelta(hours=25)
# Clocks differ.
NEWEST = timedelta(minutes=5)
MOST_EVENTS = 2_000

Headers = Mapping[str, str]


class NotSigned(Exception):
    """The signature is missing, wrong or too old."""


@dataclass(frozen=True)
class Provider:
    """`check(key, headers, body)` gives what was signed, in a form that no other request has, and when; it raises
    NotSigned. `read(headers, body)` gives what the body tells of mails that came back.
    """

    key: Callable[[Settings], str]
    check: Callable[[str, Headers, bytes], tuple[str, str]]
    read: Callable[[Headers, bytes], Iterator[Event]]

    def verify(self, key: str, headers: Headers, body: bytes, now: datetime) -> str:
        """A short name of this signature, by which it is known when it comes again. Raises NotSigned."""
        try:
            signed, timestamp = self.check(key, headers, body)
            age = now - datetime.fromtimestamp(int(timestamp), UTC)
        except (
            ValueError,
            TypeError,
            LookupError,
            AttributeError,
            OverflowError,
            OSError,
            RecursionError,
        ) as error:
            # A header that is none, a body that is no JSON, or not of the shape that the provider sends.
            raise NotSigned from error
        if not -NEWEST < age < OLDEST:
            raise NotSigned
        return hashlib.sha256(signed.encode("utf-8", "surrogatepass")).hexdigest()

    def events(self, headers: Headers, body: bytes) -> list[Event]:
        """What a body tells that has been verified. Raises ValueError where it is not as the provider's are."""
        try:
            found = [event for _number, event in zip(range(MOST_EVENTS), self.read(headers, body), strict=False)]
        except (TypeError, LookupError, AttributeError, RecursionError) as error:
            raise ValueError("not as documented") from error
        return [event for event in found if MAIL_ADDRESS.fullmatch(event.address)]


def text(value: Any) -> str:
    """A value of JSON as text that can be stored, "" for what is none."""
    return value.encode("utf-8", "replace").decode().replace("\x00", "") if isinstance(value, str) else ""


def failure(given_up: bool, status: str, words: str) -> Verdict:
    """What a provider's word of a failure means: by the server's code, or nothing while the provider tries on."""
    verdict, _code = judge("failed", status, words)
    return verdict if given_up else Verdict.NOTHING


# Mailgun: documentation.mailgun.com, "Securing Webhooks" and "Webhook Payloads"


def check_mailgun(key: str, headers: Headers, body: bytes) -> tuple[str, str]:
    """HMAC-SHA256 of timestamp and token. It covers nothing of the body, so that a token must work once alone."""
    signature = json.loads(body)["signature"]
    timestamp, token = str(signature["timestamp"]), str(signature["token"])
    expected = hmac.digest(key.encode(), f"{timestamp}{token}".encode(), "sha256").hex()
    if len(token) < 16 or not hmac.compare_digest(expected, str(signature["signature"])):
        raise NotSigned
    return f"{timestamp}.{token}", timestamp


def read_mailgun(headers: Headers, body: bytes) -> Iterator[Event]:
    data = json.loads(body)["event-data"]
    status = data.get("delivery-status") or {}
    words = f"{status.get('code') or ''} {text(status.get('message')) or text(status.get('description'))}".strip()
    if data["event"] == "complained":
        verdict = Verdict.COMPLAINT
    elif data["event"] == "failed" and str(data.get("reason", "")).startswith("suppress-"):
        # It was not sent at all: Mailgun remembers what the site was told before.
        verdict = Verdict.NOTHING
    elif data["event"] == "failed":
        verdict = failure(data.get("severity") == "permanent", text(status.get("enhanced-code")), words)
    else:
        return
    message_id = text(((data.get("message") or {}).get("headers") or {}).get("message-id"))
    yield Event(text(data["id"]), verdict, text(data["recipient"]), message_id, words)


# SendGrid: twilio.com/docs/sendgrid, "Getting Started with the Event Webhook Security Features", and its reference


def check_sendgrid(key: str, headers: Headers, body: bytes) -> tuple[str, str]:
    """ECDSA with P-256 and SHA-256 over timestamp and body; the key is the public one, DER in base64.

    What was signed stands for the signature, for there are two of ECDSA that are right for one content.
    """
    timestamp = headers["X-Twilio-Email-Event-Webhook-Timestamp"]
    signature = base64.b64decode(headers["X-Twilio-Email-Event-Webhook-Signature"], validate=True)
    try:
        public_key = load_der_public_key(base64.b64decode(key))
        if not isinstance(public_key, ec.EllipticCurvePublicKey):
            raise NotSigned
        public_key.verify(signature, timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, UnsupportedAlgorithm) as error:
        raise NotSigned from error
    return f"{timestamp}.{hashlib.sha256(body).hexdigest()}", timestamp


def read_sendgrid(headers: Headers, body: bytes) -> Iterator[Event]:
    for data in json.loads(body):
        words, status = text(data.get("reason")), text(data.get("status"))
        if data["event"] == "spamreport":
            verdict = Verdict.COMPLAINT
        elif data["event"] == "bounce":
            # `blocked` is how it calls a refusal that is not the address's.
            blocked = data.get("type") == "blocked"
            verdict = min(failure(True, status, words), Verdict.SOFT if blocked else Verdict.HARD)
        else:
            continue
        yield Event(text(data["sg_event_id"]), verdict, text(data["email"]), text(data.get("smtp-id")), words)


# Resend: resend.com/docs/webhooks; the signature is that of docs.svix.com, "Verifying Webhooks Manually"


def check_resend(key: str, headers: Headers, body: bytes) -> tuple[str, str]:
    """HMAC-SHA256 over id, timestamp and body; several signatures may stand there while a key is changed."""
    identifier, timestamp = headers["svix-id"], headers["svix-timestamp"]
    signed = f"{identifier}.{timestamp}.".encode() + body
    try:
        expected = hmac.digest(base64.b64decode(key.removeprefix("whsec_")), signed, "sha256")
    except binascii.Error as error:
        raise NotSigned from error
    wanted = f"v1,{base64.b64encode(expected).decode()}".encode()
    given = headers["svix-signature"].encode("utf-8", "replace").split()
    if not any(hmac.compare_digest(wanted, each) for each in given):
        raise NotSigned
    return f"{identifier}.{timestamp}.{hashlib.sha256(body).hexdigest()}", timestamp


# Amazon's words for a bounce, which Resend passes on: those that are nothing of the address.
OF_THE_MAIL = (
    "ContentRejected",
    "AttachmentRejected",
    "MessageTooLarge",
    "Suppressed",
    "OnAccountSuppressionList",
)


def read_resend(headers: Headers, body: bytes) -> Iterator[Event]:
    told = json.loads(body)
    data = told["data"]
    bounce = data.get("bounce") or {}
    words = text(bounce.get("message"))
    if told["type"] == "email.complained":
        verdict = Verdict.COMPLAINT
    elif told["type"] == "email.bounced":
        kind, detail = bounce.get("type"), bounce.get("subType")
        verdict = Verdict.HARD if kind == "Permanent" else Verdict.SOFT
        verdict = Verdict.NOTHING if detail in OF_THE_MAIL else verdict
    else:
        return
    # The same at each try to tell of it.
    identifier = headers["svix-id"]
    for address in data["to"]:
        yield Event(f"{identifier}:{text(address)}", verdict, text(address), text(data.get("message_id")), words)


PROVIDERS = {
    "mailgun": Provider(lambda settings: settings.mail_webhooks_mailgun_key, check_mailgun, read_mailgun),
    "sendgrid": Provider(lambda settings: settings.mail_webhooks_sendgrid_key, check_sendgrid, read_sendgrid),
    "resend": Provider(lambda settings: settings.mail_webhooks_resend_key, check_resend, read_resend),
}
