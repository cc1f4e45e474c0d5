"""Changing a member's role or status, with a reason, in the audit."""

from enum import IntEnum

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.audit import Actor, record
from myproject.cache import touch
from myproject.emails.constants import Kind
from myproject.emails.services.outbox import queue_mail
from myproject.users import constants as USER
from myproject.users import errors
from myproject.users.models import User
from myproject.users.services import accounts, history, sign_ins, tokens


def change_role(db: Session, actor: Actor, user_id: int, role: USER.Role, reason: str) -> User:
    """Changes a member's role, with an audit row. Raises OwnAccount or LastAdmin."""
    user = lock_for_change(db, actor, user_id)
    if user.role == role:
        return user
    if user.role == USER.Role.ADMIN:
        check_not_last_admin(db, user)
    before, user.role = user.role, role
    sign_ins.renew_cookies(db, user.id)
    record_change(db, actor, user, "role", before, role, reason)
    return user


def change_status(db: Session, actor: Actor, user_id: int, status: USER.Status, reason: str) -> User:
    """Changes a member's status, with an audit row; INACTIVE ends the sessions, and its reason is told by mail.
    Raises OwnAccount, LastAdmin, or NotNewAgain for a verified member.
    """
    user = lock_for_change(db, actor, user_id)
    if user.status == status:
        return user
    if status == USER.Status.NEW and user.verified:
        raise errors.NotNewAgain
    if user.role == USER.Role.ADMIN and user.status == USER.Status.ACTIVE:
        check_not_last_admin(db, user)
    before, user.status = user.status, status
    if not accounts.can_sign_in(user):
        sign_ins.end_sessions(db, user.id)
        tokens.end_tokens(db, user.id, USER.TokenPurpose.RESET_PASSWORD)
    record_change(db, actor, user, "status", before, status, reason)
    if status == USER.Status.INACTIVE and user.verified:
        mail_reason(db, user, reason)
    return user


def mail_reason(db: Session, user: User, reason: str) -> None:
    """Tells the owner of an account why it was shut. Their address is verified: else it may be somebody else's."""
    queue_mail(db, accounts.mail_to(user, Kind.ACCOUNT_SHUT, {"message": reason}))


def record_change(
    db: Session, actor: Actor, user: User, what: str, before: IntEnum, after: IntEnum, reason: str
) -> None:
    """The audit row of a changed role or status; pages that show it end."""
    values = {"before": {what: before.name}, "after": {what: after.name}}
    record(db, f"user.{what}", user, actor=actor, reason=reason, **values)
    # The owner sees that it happened; who did it, and from where, is in the audit.
    event = USER.SecurityEvent.ROLE_CHANGED if what == "role" else USER.SecurityEvent.STATUS_CHANGED
    history.note(db, user, event, accounts.Client("", ""), after.name)
    touch(db, "site")


def lock_for_change(db: Session, actor: Actor, user_id: int) -> User:
    """The user's row, for an actor who may change it. Raises OwnAccount or NoLongerAdmin."""
    user = lock_with_admins(db, user_id)
    if actor.id == user.id:
        raise errors.OwnAccount
    if actor.id is not None:
        # The actor may have been demoted while waiting for the lock.
        acting = db.get_one(User, actor.id)
        if acting.role != USER.Role.ADMIN or acting.status != USER.Status.ACTIVE:
            raise errors.NoLongerAdmin
    return user


def lock_with_admins(db: Session, user_id: int) -> User:
    """The user's row, and all admins' rows, locked in one order: two admins who demote each other take turns. What
    only names them, such as a like, does not wait.
    """
    rows = db.scalars(
        sa.select(User)
        .where((User.role == USER.Role.ADMIN) | (User.id == user_id))
        .order_by(User.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return next(row for row in rows.all() if row.id == user_id)


def check_not_last_admin(db: Session, user: User) -> None:
    """Raises LastAdmin where no other admin is active and stays."""
    others = db.scalar(
        sa.select(User.id)
        .where(
            User.role == USER.Role.ADMIN,
            User.status == USER.Status.ACTIVE,
            User.deletion == USER.Deletion.NONE,
            User.id != user.id,
        )
        .limit(1)
    )
    if others is None:
        raise errors.LastAdmin
