"""What callers put into mails, one sample a kind: `myproject.emails.services.samples`, which admins see too."""

from typing import Any

from aiosmtpd.smtp import Envelope

from myproject.emails.constants import Kind
from myproject.emails.services.outbox import Mail
from myproject.emails.services.samples import SAMPLES

CONTEXTS: dict[Kind, dict[str, Any]] = {kind: mail.context for kind, mail in SAMPLES.items()}


def sample(kind: Kind = Kind.REPLY, **values: Any) -> Mail:
    """A mail of that kind to Ann, whom the database need not know; `values` are fields of `Mail`."""
    mail = SAMPLES[kind]
    return Mail(kind, **{"to_address": mail.to_address, "to_name": mail.to_name, "context": mail.context} | values)


def content(envelope: Envelope) -> bytes:
    """The message that an SMTP server took."""
    assert isinstance(envelope.content, bytes)
    return envelope.content
