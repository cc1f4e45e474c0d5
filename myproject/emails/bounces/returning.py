"""The address that a mail returns to: a different one for each, signed (variable envelope return path, VERP).

`bounces+ID.SIGNATURE@example.org` names the mail. The signature covers the address that the mail went to as well,
so that nobody can have mail to somebody else stopped by writing to it.
"""

import hmac
import re
from dataclasses import dataclass

from pyramid.registry import Registry

from myproject.emails.models import Email
from myproject.emails.services import suppression
from myproject.security.keys import keys_of
from myproject.settings import settings_of

PURPOSE = "bounces"
# 96 bits, as many as go well within the 64 characters of a local part (RFC 5321, 4.5.3.1.1).
SIGNATURE_BYTES = 12
TICKET = re.compile(rf"([0-9]{{1,18}})\.([0-9a-f]{{{2 * SIGNATURE_BYTES}}})")


@dataclass(frozen=True)
class Ticket:
    """What stands in such an address: the number of the mail, and a signature that nobody has checked yet."""

    email_id: int
    signature: str

    def is_for(self, registry: Registry, address: str) -> bool:
        """Whether this was made here for a mail to `address`. Older keys count too."""
        keys = keys_of(registry).derive(PURPOSE)
        return any(hmac.compare_digest(sign(key, self.email_id, address), self.signature) for key in keys)


def sign(key: bytes, email_id: int, address: str) -> str:
    message = f"{email_id}:{suppression.key(address)}".encode("utf-8", "surrogatepass")
    return hmac.digest(key, message, "sha256")[:SIGNATURE_BYTES].hex()


def return_address(registry: Registry, email: Email) -> str:
    """The envelope sender of a mail: the address above, or "" where `mail.bounce_address` names none.

    It is made for the address that the mail goes to: with `mail.redirect_all_to`, what comes back says nothing of
    the one that it was for.
    """
    settings = settings_of(registry)
    if not settings.mail_bounce_address:
        return ""
    local, _at, domain = settings.mail_bounce_address.rpartition("@")
    signature = sign(
        keys_of(registry).derive(PURPOSE)[0], email.id, settings.mail_redirect_all_to or email.to_address
    )
    return f"{local}+{email.id}.{signature}@{domain}"


def read_ticket(registry: Registry, address: str) -> Ticket | None:
    """The ticket in an address that something was returned to; servers on the way may have changed its case."""
    base = settings_of(registry).mail_bounce_address.lower()
    local, _at, domain = address.strip().lower().rpartition("@")
    before, _plus, ticket = local.rpartition("+")
    found = TICKET.fullmatch(ticket)
    if not base or found is None or f"{before}@{domain}" != base:
        return None
    return Ticket(int(found[1]), found[2])
