"""The outbox, emptied at once."""

from pyramid.registry import Registry

from myproject.db import sessions_of
from myproject.emails.services.delivery import close_hopeless
from myproject.emails.tasks import send_due


def deliver_due(registry: Registry) -> int:
    """Sends everything that is due, the most urgent first, here and now; gives how many were tried."""
    with sessions_of(registry).writing() as db:
        close_hopeless(db)
    return send_due(registry)
