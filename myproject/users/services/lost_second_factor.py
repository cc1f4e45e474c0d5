"""Turning off a second factor that its owner has lost: by a mailed link, and after days in which the owner is told
again and again, and can stop it. Two admins who know each other's reasons make it sooner (OWASP ASVS 5.0: 6.4.4).

Who asks has shown the password and reads the mails of the account. That may be a thief of both, whom the second
factor keeps out: hence the wait.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.db import utc_now
from myproject.emails.constants import Kind
from myproject.emails.services.outbox import queue_mail
from myproject.users import constants as USER
from myproject.users import errors
from myproject.users.models import SecondFactorReset, User
from myproject.users.services import accounts, history, tokens
from myproject.users.services.mailed_links import mail_link

REMINDER = timedelta(days=1)
LINK_LIFE = timedelta(minutes=USER.RESET_MINUTES)


def send_link(db: Session, user_id: int) -> None:
    """Mails the link that begins the wait, to the account's verified address; older ones end. Raises
    SecondFactorOff.
    """
    user = accounts.lock_user(db, user_id)
    if user.second_factor_at is None:
        raise errors.SecondFactorOff
    purpose, context = USER.TokenPurpose.RESET_SECOND_FACTOR, {"minutes": USER.RESET_MINUTES}
    mail_link(db, user, purpose, Kind.LOST_SECOND_FACTOR, context, LINK_LIFE)


def begin(db: Session, token: str, days: int, client: accounts.Client) -> None:
    """Begins the wait of `days` by the mailed link, which is spent; one that has begun goes on. The owner is told
    at once, with a link that ends it. Raises LinkInvalid.
    """
    row = tokens.take_token(db, token, USER.TokenPurpose.RESET_SECOND_FACTOR)
    user = accounts.lock_user(db, row.user_id)
    if user.email_canonical != row.email_canonical or not accounts.can_sign_in(user):
        raise errors.LinkInvalid
    if find(db, user.id) is not None:
        return
    waiting = SecondFactorReset(user_id=user.id, due_at=utc_now() + timedelta(days=days))
    db.add(waiting)
    history.note(db, user, USER.SecurityEvent.SECOND_FACTOR_RESET_ASKED, client)
    tell(db, user, waiting, client)


def find(db: Session, user_id: int) -> SecondFactorReset | None:
    """What waits for a member, if anything."""
    return db.get(SecondFactorReset, user_id)


def cancel(db: Session, user: User, client: accounts.Client) -> bool:
    """Ends the wait, for a member who is locked already; says whether there was one. The links that would
    begin one end either way.
    """
    if not end(db, user.id):
        return False
    history.note(db, user, USER.SecurityEvent.SECOND_FACTOR_RESET_CANCELLED, client)
    return True


def cancel_by_token(db: Session, token: str, client: accounts.Client) -> None:
    """`cancel` by the mailed link, which is spent. Raises LinkInvalid."""
    row = tokens.take_token(db, token, USER.TokenPurpose.KEEP_SECOND_FACTOR)
    cancel(db, accounts.lock_user(db, row.user_id), client)


def end(db: Session, user_id: int) -> bool:
    """Ends the wait without a word, and the links that begin and stop one; says whether there was one."""
    tokens.end_tokens(db, user_id, USER.TokenPurpose.RESET_SECOND_FACTOR, USER.TokenPurpose.KEEP_SECOND_FACTOR)
    gone = sa.delete(SecondFactorReset).where(SecondFactorReset.user_id == user_id)
    return db.execute(gone.returning(SecondFactorReset.user_id)).first() is not None


def list_due(db: Session) -> Sequence[int]:
    """The members whose wait is over."""
    due = SecondFactorReset.due_at <= utc_now()
    return db.scalars(sa.select(SecondFactorReset.user_id).where(due)).all()


def list_untold(db: Session) -> Sequence[int]:
    """The members who wait, and have not been told for a day."""
    untold = (SecondFactorReset.due_at > utc_now(), SecondFactorReset.told_at <= utc_now() - REMINDER)
    return db.scalars(sa.select(SecondFactorReset.user_id).where(*untold)).all()


def remind(db: Session, user_id: int) -> None:
    """Tells a member once more, unless somebody has done so meanwhile, or nothing waits any more."""
    user = accounts.lock_user(db, user_id)
    waiting = db.get(SecondFactorReset, user_id, with_for_update=True, populate_existing=True)
    if waiting is not None and utc_now() - waiting.told_at >= REMINDER:
        waiting.told_at = utc_now()
        tell(db, user, waiting, accounts.Client("", ""))


def tell(db: Session, user: User, waiting: SecondFactorReset, client: accounts.Client) -> None:
    """Mails when the second factor goes, with a link by which it stays."""
    life = max(waiting.due_at - utc_now(), REMINDER)
    token = tokens.add_token(db, user, USER.TokenPurpose.KEEP_SECOND_FACTOR, life)
    context = {"token": token, "zone": user.time_zone} | history.where(client)
    context |= {"due": iso_time(waiting.due_at), "when": iso_time(waiting.created_at)}
    queue_mail(db, accounts.mail_to(user, Kind.SECOND_FACTOR_RESET, context, expires_in=life))


def iso_time(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
