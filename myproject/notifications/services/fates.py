"""What became of notifications, written down; also after their mail was in the outbox, where that is read off the
mail for as long as there is one.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.db import IN_DATABASE_ONLY, among, utc_now
from myproject.emails.constants import State
from myproject.emails.models import Email
from myproject.notifications.constants import Mail, Outcome
from myproject.notifications.models import Notification
from myproject.notifications.services.asking import find_stopped

IN_A_MAIL = frozenset({Mail.MAILED, Mail.FOLDED, Mail.DIGESTED})
# The state of the mail of a notification: of one that is sent once more, the first copy's.
MAIL_STATE = sa.case((Email.sent_at.is_not(None), State.SENT), else_=Email.state).label("state")
ENDS = {
    State.DEAD: Outcome.UNDELIVERED,
    State.CANCELLED: Outcome.CANCELLED,
    State.EXPIRED: Outcome.TOO_OLD,
    State.SUPPRESSED: Outcome.BOUNCED,
}


def fate_of(mail: Mail, outcome: Outcome, state: State | None) -> tuple[Mail, Outcome]:
    """What became of a notification, of which `mail` and `outcome` are written down, and whose mail has a `state`
    in the outbox (`MAIL_STATE`); None where it is there no longer, or never was.
    """
    if mail in IN_A_MAIL and state in ENDS:
        return Mail.SKIPPED, ENDS[state]
    return mail, outcome


def change(db: Session, ids: Sequence[int], **values: Any) -> None:
    """Writes values into some notifications."""
    changed = sa.update(Notification).where(Notification.id.in_(ids)).values(values | {"decided_at": utc_now()})
    db.execute(changed, execution_options=IN_DATABASE_ONLY)


def note_all(db: Session, decided: Mapping[tuple[Mail, Outcome], Sequence[int]]) -> None:
    """Writes down what became of rows."""
    for (mail, outcome), ids in decided.items():
        change(db, ids, mail=mail, outcome=outcome)


def note_unwanted(db: Session, email: Email) -> None:
    """Writes down what kept back each of the notifications in a mail that has just been given up for it,
    unless they have it already and it was to go once more.
    """
    if email.sent_at is not None:
        return
    stopped: dict[tuple[Mail, Outcome], list[int]] = defaultdict(list)
    for number, outcome in find_stopped(db, email).items():
        stopped[Mail.SKIPPED, outcome].append(number)
    note_all(db, stopped)


def note_forgotten(db: Session, email_ids: Sequence[int | None]) -> None:
    """Writes down what became of the notifications in mails that are about to be deleted, where these never went:
    nothing else will tell it.
    """
    unsent: dict[State, list[int]] = defaultdict(list)
    ended = sa.select(Email.id, Email.state).where(
        among(Email.id, "ids"), Email.state.in_(ENDS), Email.sent_at.is_(None)
    )
    for row in db.execute(ended, {"ids": email_ids}):
        unsent[row.state].append(row.id)
    for state, ids in unsent.items():
        theirs = among(Notification.email_id, "ids") & Notification.mail.in_(IN_A_MAIL)
        ending = sa.update(Notification).where(theirs).values(mail=Mail.SKIPPED, outcome=ENDS[state])
        db.execute(ending, {"ids": ids}, execution_options=IN_DATABASE_ONLY)
