"""Where providers tell of bounces: by their signature alone, once, and not long after."""

import base64
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
import webtest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.emails.constants import Reason
from myproject.emails.models import BounceReceipt, Suppression
from myproject.emails.services import suppression
from myproject.emails.services.outbox import queue_mail
from tests.conftest import Client
from tests.unit.emails.samples import sample

MAILGUN_KEY = "key-0123456789abcdef"
RESEND_KEY = "whsec_" + base64.b64encode(b"a secret of twenty-four b").decode()
SENDGRID = ec.generate_private_key(ec.SECP256R1())
SENDGRID_KEY = base64.b64encode(
    SENDGRID.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
).decode()

DAY = 24 * 60 * 60


@dataclass(frozen=True)
class Signed:
    """A request as a provider makes it."""

    provider: str
    body: bytes
    headers: dict[str, str]


def mailgun(data: Any, age: float = 0, key: str = MAILGUN_KEY, token: str = "t" * 50) -> Signed:
    timestamp = str(int(time.time() - age))
    signature = hmac.digest(key.encode(), f"{timestamp}{token}".encode(), "sha256").hex()
    signed = {"timestamp": timestamp, "token": token, "signature": signature}
    return Signed("mailgun", json.dumps({"signature": signed, "event-data": data}).encode(), {})


def sendgrid(data: Any, age: float = 0, key: ec.EllipticCurvePrivateKey = SENDGRID) -> Signed:
    timestamp, body = str(int(time.time() - age)), json.dumps(data).encode()
    signature = base64.b64encode(key.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))).decode()
    name = "X-Twilio-Email-Event-Webhook"
    return Signed("sendgrid", body, {f"{name}-Signature": signature, f"{name}-Timestamp": timestamp})


def resend(data: Any, age: float = 0, key: str = RESEND_KEY, identifier: str = "msg_1") -> Signed:
    timestamp, body = str(int(time.time() - age)), json.dumps(data).encode()
    secret = base64.b64decode(key.removeprefix("whsec_"))
    signature = hmac.digest(secret, f"{identifier}.{timestamp}.".encode() + body, "sha256")
    signatures = f"v1,{base64.b64encode(b'old').decode()} v1,{base64.b64encode(signature).decode()}"
    headers = {"svix-id": identifier, "svix-timestamp": timestamp, "svix-signature": signatures}
    return Signed("resend", body, headers)


UNKNOWN = "550 5.1.1 No such user"
MAILGUN_FAILED = {
    "event": "failed",
    "id": "G9Bn5sl1TC6nu79C8C0bwg",
    "severity": "permanent",
    "reason": "bounce",
    "recipient": "ann@example.org",
    "delivery-status": {"code": 550, "enhanced-code": "5.1.1", "message": "5.1.1 No such user"},
    "message": {"headers": {"message-id": "x@example.org"}},
}
SENDGRID_BOUNCE: dict[str, Any] = {
    "event": "bounce",
    "type": "bounce",
    "sg_event_id": "Ym91bmNlLTQtNTA0ODUxOTUt",
    "email": "ann@example.org",
    "status": "5.1.1",
    "reason": UNKNOWN,
    "smtp-id": "<x@example.org>",
}
RESEND_BOUNCED = {
    "type": "email.bounced",
    "data": {
        "to": ["ann@example.org"],
        "bounce": {"type": "Permanent", "subType": "General", "message": UNKNOWN},
    },
}
MADE: dict[str, tuple[Callable[..., Signed], Any]] = {
    "mailgun": (mailgun, MAILGUN_FAILED),
    "sendgrid": (sendgrid, [SENDGRID_BOUNCE]),
    "resend": (resend, RESEND_BOUNCED),
}
# Kinds of events by what they do: the reason, or None for nothing.
TOLD: list[tuple[Callable[..., Signed], Any, Reason | None]] = [
    (mailgun, MAILGUN_FAILED, Reason.HARD),
    (mailgun, MAILGUN_FAILED | {"event": "complained", "delivery-status": None}, Reason.COMPLAINT),
    (mailgun, MAILGUN_FAILED | {"severity": "temporary"}, None),
    (mailgun, MAILGUN_FAILED | {"reason": "suppress-bounce"}, None),
    (mailgun, MAILGUN_FAILED | {"delivery-status": {"code": 550, "message": "5.7.1 Blocked as spam"}}, None),
    (mailgun, MAILGUN_FAILED | {"event": "opened"}, None),
    (sendgrid, [SENDGRID_BOUNCE | {"event": "delivered"}, SENDGRID_BOUNCE], Reason.HARD),
    (sendgrid, [SENDGRID_BOUNCE | {"event": "spamreport"}], Reason.COMPLAINT),
    (sendgrid, [SENDGRID_BOUNCE | {"status": "5.2.2", "reason": "552 5.2.2 Mailbox full"}], Reason.SOFT),
    (sendgrid, [SENDGRID_BOUNCE | {"type": "blocked"}], Reason.SOFT),
    (sendgrid, [SENDGRID_BOUNCE | {"event": "dropped"}], None),
    (resend, RESEND_BOUNCED, Reason.HARD),
    (resend, {"type": "email.complained", "data": {"to": ["ann@example.org"]}}, Reason.COMPLAINT),
    (resend, {"type": "email.bounced", "data": {"to": ["ann@example.org"], "bounce": None}}, Reason.SOFT),
    (resend, {"type": "email.delivered", "data": {"to": ["ann@example.org"]}}, None),
]


@pytest.fixture
def app(make_app: Callable[..., Router]) -> Router:
    return make_app(
        mail_webhooks_mailgun_key=MAILGUN_KEY,
        mail_webhooks_sendgrid_key=SENDGRID_KEY,
        mail_webhooks_resend_key=RESEND_KEY,
    )


def send(client: Client, signed: Signed) -> webtest.TestResponse:
    path = f"/emails/webhooks/{signed.provider}/"
    return client.post(path, signed.body, signed.headers, content_type="application/json", status="*")


def known(db: Session) -> Suppression | None:
    db.expire_all()
    return suppression.find_record(db, "ann@example.org")


@pytest.mark.parametrize("provider", MADE)
def test_what_is_signed_counts_once_and_needs_no_cookie(client: Client, db: Session, provider: str) -> None:
    make, data = MADE[provider]
    signed = make(data)
    answer = send(client, signed)
    found = known(db)
    assert found is not None
    assert (answer.status_int, answer.body, found.reason, found.count) == (204, b"", Reason.HARD, 1)
    assert "No such user" in found.words
    assert "Set-Cookie" not in answer.headers
    # The same request again, which somebody may have seen on its way.
    assert send(client, signed).status_int == 403
    # The provider's next try, signed anew, tells of the same event.
    again = mailgun(data, token="u" * 50) if provider == "mailgun" else make(data, age=5)
    assert send(client, again).status_int == 204
    found = known(db)
    assert found is not None
    assert found.count == 1


@pytest.mark.parametrize("provider", MADE)
@pytest.mark.one_database
def test_what_is_not_signed_as_it_should_be_is_refused_and_leaves_nothing(
    client: Client, db: Session, provider: str
) -> None:
    make, data = MADE[provider]
    right = make(data)
    other_key = {
        "mailgun": "another key",
        "sendgrid": ec.generate_private_key(ec.SECP256R1()),
        "resend": "whsec_" + base64.b64encode(b"another secret").decode(),
    }[provider]
    changed = right.body.replace(b"ann@example.org", b"bob@example.org")
    refused = [
        make(data, key=other_key),
        make(data, age=2 * DAY),
        make(data, age=-DAY),
        Signed(provider, b"", right.headers),
        Signed(provider, b"\xff{", right.headers),
        Signed(provider, b'{"signature": 5}', right.headers),
        Signed(provider, b"[" * 100_000, right.headers),
        # Mailgun's covers no body.
        Signed(provider, changed if provider != "mailgun" else b"{}", right.headers),
        Signed(provider, right.body if provider != "mailgun" else b"[]", {}),
        Signed(provider, right.body, dict.fromkeys(right.headers, "ÿ="))
        if right.headers
        else mailgun(data, token="short"),
    ]
    assert [send(client, signed).status_int for signed in refused] == [403] * len(refused)
    large = Signed(provider, b"x" * (1024 * 1024 + 1), right.headers)
    assert send(client, large).status_int == 413
    assert client.get(f"/emails/webhooks/{provider}/", status=405)
    db.rollback()
    assert db.query(BounceReceipt).count() + db.query(Suppression).count() == 0
    assert send(client, right).status_int == 204


@pytest.mark.one_database
def test_each_event_does_what_it_says(client: Client, db: Session) -> None:
    for number, (make, data, reason) in enumerate(TOLD):
        fresh = {
            mailgun: partial(mailgun, token=f"{number:050}"),
            resend: partial(resend, identifier=f"m{number}"),
        }
        answer = send(client, fresh.get(make, make)(data))
        found = known(db)
        assert answer.status_int == 204, (number, answer.text)
        assert (found.reason if found else None) == reason, (number, data)
        db.query(Suppression).delete()
        db.query(BounceReceipt).delete()
        db.commit()


@pytest.mark.one_database
def test_what_is_signed_and_not_as_documented_is_an_error_of_who_sent_it(client: Client, db: Session) -> None:
    for signed in (
        mailgun({"event": "failed"}),
        mailgun([]),
        sendgrid([{"event": "bounce"}]),
        sendgrid([5]),
        sendgrid(None),
        resend({"type": "email.bounced", "data": {"to": 5}}),
        resend([]),
    ):
        assert send(client, signed).status_int == 400
    odd = [
        SENDGRID_BOUNCE | {"email": value, "sg_event_id": str(value)}
        for value in (None, 5, "nobody", "\ud800@\x00")
    ]
    assert send(client, sendgrid(odd)).status_int == 204


@pytest.mark.one_database
def test_an_event_leads_to_the_mail_that_came_back(client: Client, db: Session) -> None:
    email = queue_mail(db, sample())
    assert email is not None
    email.state, email.sent_at = email.state.SENT, email.created_at
    db.commit()
    send(client, sendgrid([SENDGRID_BOUNCE | {"smtp-id": email.message_id}]))
    db.expire_all()
    assert email.last_error == f"It came back: {UNKNOWN}"


@pytest.mark.one_database
def test_without_a_key_there_is_no_such_address(make_app: Callable[..., Router], db: Session) -> None:
    client = Client(make_app(mail_webhooks_mailgun_key=MAILGUN_KEY), db)
    statuses = [send(client, make(data)).status_int for make, data in MADE.values()]
    assert statuses == [204, 404, 404]
    assert send(client, Signed("postmark", b"{}", {})).status_int == 404
