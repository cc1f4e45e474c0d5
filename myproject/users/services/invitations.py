"""Invitations: links that let people in where registration is by invitation."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.db import utc_now
from myproject.security.tokens import hash_token, make_token
from myproject.users import constants as USER
from myproject.users import errors
from myproject.users.models import Invitation, User
from myproject.users.services import accounts


@dataclass(frozen=True)
class InvitationRow:
    """A line of a member's list."""

    id: int
    note: str
    uses_left: int
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True)
class Person:
    """Somebody who invited or was invited."""

    id: int
    name: str
    display_name: str
    created_at: datetime


def make_invitation(db: Session, user_id: int | None, *, uses: int, days: int, note: str = "") -> str:
    """A new invitation by a member, None for the command line: `uses` people may register with it within `days`
    days. Gives the token for its link, which is stored nowhere. Raises TooManyInvitations.
    """
    if user_id is not None:
        # Locked, so that of many at once no more are made than one member may have.
        accounts.lock_user(db, user_id)
        open_ones = sa.select(sa.func.count(Invitation.id)).where(Invitation.user_id == user_id, *still_open())
        if (db.scalar(open_ones) or 0) >= USER.INVITATIONS_OPEN_MAX:
            raise errors.TooManyInvitations
    token = make_token()
    db.add(
        Invitation(
            token_hash=hash_token(token),
            user_id=user_id,
            note=note,
            uses_left=uses,
            expires_at=utc_now() + timedelta(days=days),
        )
    )
    return token


def still_open() -> tuple[sa.ColumnElement[bool], ...]:
    return (Invitation.uses_left > 0, Invitation.expires_at > utc_now())


def usable(token: str) -> tuple[sa.ColumnElement[bool], ...]:
    """What an invitation must be for somebody to register with it; that of a member who was shut, or leaves, is
    none.
    """
    members = sa.select(User.id).where(
        User.status == USER.Status.ACTIVE,
        User.approval.in_(USER.ADMITTED),
        User.deletion == USER.Deletion.NONE,
    )
    by_somebody = Invitation.user_id.is_(None) | Invitation.user_id.in_(members)
    return (Invitation.token_hash == hash_token(token), by_somebody, *still_open())


def check_invitation(db: Session, token: str) -> None:
    """Raises InvitationNeeded without a token, InvitationOver where `take_use` would. Looking spends nothing."""
    if not token:
        raise errors.InvitationNeeded
    if db.scalar(sa.select(Invitation.id).where(*usable(token))) is None:
        raise errors.InvitationOver


def take_use(db: Session, token: str) -> int | None:
    """Spends one use; gives the number of the member who invited, None for the command line. Of more at once than
    there are uses, the others get InvitationOver: the database counts down, and not below nothing.
    """
    row = db.execute(
        sa.update(Invitation)
        .where(*usable(token))
        .values(uses_left=Invitation.uses_left - 1)
        .returning(Invitation.user_id)
        .execution_options(synchronize_session=False)
    ).first()
    if row is None:
        raise errors.InvitationOver
    return row.user_id


def revoke_invitation(db: Session, user_id: int, invitation_id: int) -> bool:
    """Ends an invitation of the member's own; whether there was one."""
    found = sa.delete(Invitation).where(Invitation.id == invitation_id, Invitation.user_id == user_id)
    return db.execute(found.returning(Invitation.id)).first() is not None


def list_invitations(db: Session, user_id: int) -> Sequence[InvitationRow]:
    """The member's invitations whose time is not over, newest first; used up ones too."""
    columns = (
        Invitation.id,
        Invitation.note,
        Invitation.uses_left,
        Invitation.created_at,
        Invitation.expires_at,
    )
    mine = sa.select(*columns).where(Invitation.user_id == user_id, Invitation.expires_at > utc_now())
    return [InvitationRow(*row) for row in db.execute(mine.order_by(Invitation.id.desc()).limit(100))]


PERSON = (User.id, User.name, User.display_name, User.created_at)


def list_invited(db: Session, user_id: int, limit: int = 100) -> Sequence[Person]:
    """Who joined by a member's invitations, latest first."""
    joined = sa.select(*PERSON).where(User.invited_by_id == user_id)
    return [Person(*row) for row in db.execute(joined.order_by(User.id.desc()).limit(limit))]


def find_inviter(db: Session, user: User) -> Person | None:
    """Who invited a member."""
    row = db.execute(sa.select(*PERSON).where(User.id == user.invited_by_id)).first()
    return Person(*row) if row else None
