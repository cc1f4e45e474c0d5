"""What admins look up. Changes of roles and states are verbs of the users module."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.admin import constants as ADMIN
from myproject.text import canonical
from myproject.users import constants as USER
from myproject.users.models import User, UserSession


def list_users(
    db: Session,
    search: str = "",
    role: USER.Role | None = None,
    status: USER.Status | None = None,
    before_id: int | None = None,
) -> tuple[Sequence[Any], int | None]:
    """Members, newest first, whose name or address holds `search`; and the number after which the next page
    goes on.
    """
    statement = sa.select(
        User.id,
        User.name,
        User.display_name,
        User.email,
        User.email_verified_at,
        User.role,
        User.status,
        User.created_at,
    )
    if search:
        wanted = canonical(search)
        statement = statement.where(
            User.name_canonical.contains(wanted, autoescape=True)
            | User.email_canonical.contains(wanted, autoescape=True)
        )
    if role is not None:
        statement = statement.where(User.role == role)
    if status is not None:
        statement = statement.where(User.status == status)
    if before_id is not None:
        statement = statement.where(User.id < before_id)
    rows = db.execute(statement.order_by(User.id.desc()).limit(ADMIN.PAGE_SIZE + 1)).all()
    more = len(rows) > ADMIN.PAGE_SIZE
    return rows[: ADMIN.PAGE_SIZE], rows[ADMIN.PAGE_SIZE - 1].id if more else None


def list_sessions(db: Session, user_id: int) -> Sequence[Any]:
    """A member's sign-ins, latest first."""
    return db.execute(
        sa.select(
            UserSession.created_at,
            UserSession.last_seen_at,
            UserSession.expires_at,
            UserSession.user_agent,
            UserSession.address,
        )
        .where(UserSession.user_id == user_id)
        .order_by(UserSession.last_seen_at.desc())
        .limit(ADMIN.SESSIONS_SHOWN)
    ).all()
