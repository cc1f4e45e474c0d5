"""What callers put into mails, one sample a kind."""

from typing import Any

from aiosmtpd.smtp import Envelope

from myproject.emails.constants import Kind
from myproject.emails.services.outbox import Mail

CONTEXTS: dict[Kind, dict[str, Any]] = {
    Kind.VERIFY: {"name": "ann", "token": "t0ken", "code": "123456", "hours": 24, "minutes": 15},
    Kind.ALREADY_REGISTERED: {"name": "ann"},
    Kind.RESET_PASSWORD: {"name": "ann", "token": "t0ken", "minutes": 60},
    Kind.PASSWORD_CHANGED: {
        "name": "ann",
        "when": "2026-11-22T10:00+00:00",
        "browser": "Firefox/128.0",
        "address": "192.0.2.7",
    },
    Kind.SECURITY_NOTICE: {
        "name": "ann",
        "event": "PASSKEY_ADDED",
        "detail": "A telephone",
        "when": "2026-11-22T10:00+00:00",
        "browser": "Firefox/128.0",
        "address": "192.0.2.7",
    },
    Kind.ACCOUNT_APPROVED: {"name": "ann", "message": "Glad to have you.\nSay hello in the first topic."},
    Kind.ACCOUNT_REFUSED: {"name": "ann", "message": "We only take people from the valley."},
    Kind.CHANGE_EMAIL: {"name": "ann", "token": "t0ken", "minutes": 60},
    Kind.EMAIL_CHANGED: {
        "name": "ann",
        "email": "bob@example.org",
        "token": "t0ken",
        "days": 7,
        "when": "2026-11-22T10:00+00:00",
        "browser": "Firefox/128.0",
        "address": "192.0.2.7",
    },
    Kind.EXPORT_READY: {"name": "ann", "days": 7},
    Kind.DELETION_ASKED: {"name": "ann", "token": "t0ken", "when": "2026-11-29T10:00+00:00"},
    Kind.TEXT_APPROVED: {"name": "ann", "what": "post", "title": "Tea", "number": 4, "message": "Welcome!"},
    Kind.TEXT_REFUSED: {"name": "ann", "what": "comment", "title": "Tea", "number": 7, "message": "Be kind."},
    Kind.REPLY: {
        "name": "ann",
        "author": "bob",
        "what": "comment",
        "post_title": "Tea",
        "post_id": 4,
        "slug": "tea",
        "comment_id": 7,
        "excerpt": "I agree.\n\nSo does my cat.",
        "quote": "Tea is good.\nEven cold.",
    },
}


def sample(kind: Kind = Kind.REPLY, **values: Any) -> Mail:
    """A mail of that kind to Ann; `values` are fields of `Mail`."""
    fields: dict[str, Any] = {"to_address": "ann@example.org", "to_name": "Ann", "context": CONTEXTS[kind]}
    return Mail(kind, **fields | values)


def content(envelope: Envelope) -> bytes:
    """The message that an SMTP server took."""
    assert isinstance(envelope.content, bytes)
    return envelope.content
