"""Letting people in, where admins do: the queue, and the answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.audit import Actor
from myproject.cache import touch
from myproject.emails.constants import Kind
from myproject.emails.services.outbox import queue_mail
from myproject.users import constants as USER
from myproject.users import errors
from myproject.users.models import User
from myproject.users.services import accounts, roles

COUNTED_AT_MOST = 100


@dataclass(frozen=True)
class JoinRequest:
    """A line of the queue."""

    id: int
    name: str
    email: str
    email_verified_at: datetime | None
    reason: str
    created_at: datetime


def list_requests(db: Session, approval: USER.Approval, after_id: int | None, limit: int) -> Sequence[JoinRequest]:
    """People who wait, or were refused; who came first stands first. The next page goes on after `after_id`."""
    columns = (User.id, User.name, User.email, User.email_verified_at, User.approval_reason, User.created_at)
    found = sa.select(*columns).where(User.approval == approval, User.status != USER.Status.INACTIVE)
    if after_id is not None:
        found = found.where(User.id > after_id)
    return [JoinRequest(*row) for row in db.execute(found.order_by(User.id).limit(limit))]


def count_waiting(db: Session) -> int:
    """How many wait, counted up to `COUNTED_AT_MOST`."""
    waiting = sa.select(User.id).where(User.approval == USER.Approval.WAITING, User.status != USER.Status.INACTIVE)
    return db.scalar(sa.select(sa.func.count()).select_from(waiting.limit(COUNTED_AT_MOST).subquery())) or 0


def approve(db: Session, actor: Actor, user_id: int, message: str = "", seen: USER.Approval | None = None) -> User:
    """Lets somebody in who waits or was refused, with an audit row, and mails them, with `message` where there is
    one. Raises AlreadyDecided, also where what stands is not what the actor has `seen`, or NoLongerAdmin.
    """
    return decide(db, actor, user_id, USER.Approval.GIVEN, message, seen)


def refuse(db: Session, actor: Actor, user_id: int, message: str = "", seen: USER.Approval | None = None) -> User:
    """Does not let somebody in who waits; as `approve`."""
    return decide(db, actor, user_id, USER.Approval.REFUSED, message, seen)


def decide(
    db: Session, actor: Actor, user_id: int, approval: USER.Approval, message: str, seen: USER.Approval | None
) -> User:
    user = roles.lock_for_change(db, actor, user_id)
    # A refusal may be taken back. Who is in is shut by their status.
    undecided = (
        (USER.Approval.WAITING, USER.Approval.REFUSED)
        if approval is USER.Approval.GIVEN
        else (USER.Approval.WAITING,)
    )
    if user.approval not in undecided or seen not in (None, user.approval):
        raise errors.AlreadyDecided(user.approval)
    before, user.approval = user.approval, approval
    touch(db, "names")
    roles.record_change(db, actor, user, "approval", before, approval, message)
    owner = accounts.find_verified(db, user.email_canonical)
    if owner is None or owner.id == user.id:
        # Somebody else's verified address gets no mail about an account that only claims it.
        kind = Kind.ACCOUNT_APPROVED if approval is USER.Approval.GIVEN else Kind.ACCOUNT_REFUSED
        queue_mail(db, accounts.mail_to(user, kind, {"message": message}))
    return user
