"""Whether a mail in the outbox is still to go, asked right before it does: of the rows that it is about."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.emails.constants import Topic
from myproject.emails.models import Email
from myproject.notifications import constants as NOTE
from myproject.notifications.models import Notification
from myproject.notifications.services.deciding import what_stops
from myproject.notifications.services.facts import CLOSED, OF_NOTIFICATIONS, facts_of_notification
from myproject.users.models import User

UNWANTED = "Its reader gets it no longer: {}"


def why_unwanted(db: Session, email: Email) -> str | None:
    """Why an optional mail is not to go, in words for admins: its member is shut out or leaves, has another
    address, or wants nothing of what it tells. None where anything of it is still wanted.
    """
    member = db.execute(sa.select(User.email, CLOSED.label("closed")).where(User.id == email.user_id)).first()
    if member is None or member.closed:
        return UNWANTED.format(NOTE.Outcome.CLOSED.name)
    if member.email != email.to_address:
        return UNWANTED.format("another address")
    in_digest = email.topic == Topic.DIGEST
    first = None
    for row in db.execute(OF_NOTIFICATIONS.where(Notification.email_id == email.id)):
        stopped = what_stops(facts_of_notification(row), in_digest=in_digest)
        if stopped is None:
            return None
        first = first or stopped
    return None if first is None else UNWANTED.format(first.name)
