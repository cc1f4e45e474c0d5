"""Whether a mail in the outbox is still to go, asked right before it does: of the rows that it is about."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.emails.constants import Topic
from myproject.emails.models import Email
from myproject.notifications.constants import Outcome
from myproject.notifications.models import Notification
from myproject.notifications.services.deciding import what_stops
from myproject.notifications.services.facts import CLOSED, OF_NOTIFICATIONS, facts_of_notification
from myproject.users.models import User

UNWANTED = "Its reader gets it no longer: {}"


def why_unwanted(db: Session, email: Email) -> str | None:
    """Why an optional mail is not to go, in words for admins: its member is shut out or leaves, has another
    address, or wants nothing of what it tells. None where anything of it is still wanted.
    """
    stopped = what_stops_all(db, email) or next(iter(what_stops_each(db, email).values()), None)
    return UNWANTED.format(stopped.name) if stopped else None


def find_stopped(db: Session, email: Email) -> dict[int, Outcome]:
    """What keeps back each of the notifications in an optional mail, by their numbers; empty where anything of it
    is still wanted.
    """
    of_all = what_stops_all(db, email)
    if of_all is None:
        return what_stops_each(db, email)
    return dict.fromkeys(db.scalars(sa.select(Notification.id).where(Notification.email_id == email.id)), of_all)


def what_stops_all(db: Session, email: Email) -> Outcome | None:
    """What keeps back a mail whatever it tells."""
    member = db.execute(sa.select(User.email, CLOSED.label("closed")).where(User.id == email.user_id)).first()
    if member is None or member.closed:
        return Outcome.CLOSED
    return Outcome.OTHER_ADDRESS if member.email != email.to_address else None


def what_stops_each(db: Session, email: Email) -> dict[int, Outcome]:
    """As `find_stopped`, of what the notifications are about."""
    stopped = {}
    for row in db.execute(OF_NOTIFICATIONS.where(Notification.email_id == email.id)):
        outcome = what_stops(facts_of_notification(row), in_digest=email.topic == Topic.DIGEST)
        if outcome is None:
            return {}
        stopped[row.id] = outcome
    return stopped
