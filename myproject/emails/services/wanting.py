"""Whether a mail that its reader can stop is still wanted: asked before it goes, and when its reader chooses."""

from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.emails.constants import State
from myproject.emails.models import Email
from myproject.emails.services.delivery import give_up

# Why a mail is wanted no longer, in words for admins; None where it is.
MailCheck = Callable[[Session, Email], str | None]


def why_unwanted(db: Session, email: Email) -> str | None:
    """Why a mail is not to go, in words for admins; None where it is still wanted, or can't be stopped."""
    if email.topic is None or email.user_id is None:
        return None
    answers = (check(db, email) for check in db.info["registry"]["mail_checks"])
    return next((words for words in answers if words is not None), None)


def give_up_unwanted(db: Session, user_id: int) -> None:
    """Gives up what waits for a member who has just chosen, as far as nothing in it is wanted any more. Of a mail
    about several things something may be: whatever its topic, it goes.
    """
    # What the caller has chosen must be in the database before it is asked.
    db.flush()
    waiting = sa.select(Email).where(
        Email.user_id == user_id, Email.topic.is_not(None), Email.state == State.QUEUED
    )
    for email in db.scalars(waiting.order_by(Email.id)).all():
        words = why_unwanted(db, email)
        if words is not None:
            give_up(db, words, Email.id == email.id, Email.state == State.QUEUED)
