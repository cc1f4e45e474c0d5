"""Members who may not comment for a time: set and lifted by staff, with a reason that the member reads."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject import audit
from myproject.audit import Actor
from myproject.db import fetch, utc_now
from myproject.errors import Overtaken
from myproject.security.identity import Identity
from myproject.users import constants as USER
from myproject.users import errors
from myproject.users.models import RUNNING_BAN, CommentBan, User
from myproject.users.services import accounts

OF_MEMBER = sa.select(CommentBan).where(CommentBan.user_id == sa.bindparam("user_id"), RUNNING_BAN)
ALL_RUNNING: sa.Select[*tuple[Any, ...]] = (
    sa.select(CommentBan.id, CommentBan.ends_at, CommentBan.created_at, User.id.label("user_id"), User.name)
    .join(User, User.id == CommentBan.user_id)
    .where(RUNNING_BAN)
    .order_by(CommentBan.id.desc())
    .limit(USER.BANS_SHOWN)
)


def find_ban(db: Session, user_id: int) -> CommentBan | None:
    """Why and until when a member may not comment; None where they may."""
    values = {"user_id": user_id, "now": utc_now()}
    return db.scalars(OF_MEMBER.order_by(CommentBan.id.desc()).limit(1), values).first()


def find_ban_of(db: Session, identity: Identity | None) -> CommentBan | None:
    """The ban of who asks: what stands in place of the form for comments. It costs nobody else a query."""
    return find_ban(db, identity.id) if identity is not None and identity.is_banned else None


def list_bans(db: Session) -> Sequence[Any]:
    """The latest bans that run, as (id, ends_at, created_at, user_id, name)."""
    return fetch(db, ALL_RUNNING, {"now": utc_now()}).all()


def ban(db: Session, actor: Actor, user_id: int, ends_at: datetime | None, reason: str) -> CommentBan:
    """Bans a member from commenting up to a moment, or for good. Raises NotBannable for staff and admins, and
    AlreadyBanned.
    """
    user = accounts.lock_user(db, user_id)
    if user.role != USER.Role.USER:
        raise errors.NotBannable
    if find_ban(db, user_id) is not None:
        raise errors.AlreadyBanned
    made = CommentBan(user_id=user_id, ends_at=ends_at, reason=reason)
    db.add(made)
    # The audit names the row by its number.
    db.flush()
    after = {"user": user_id, "ends": ends_at.isoformat() if ends_at else ""}
    audit.record(db, "ban.set", made, actor=actor, reason=reason, after=after)
    return made


def lift(db: Session, actor: Actor, user_id: int, seen_id: int | None = None) -> None:
    """Lets a member comment again, who may be able to already. Raises Overtaken where they are banned by another
    ban than the actor has seen, by its number.
    """
    accounts.lock_user(db, user_id)
    running = find_ban(db, user_id)
    if running is not None and seen_id not in (None, running.id):
        raise Overtaken
    if running is not None:
        running.lifted_at = utc_now()
        audit.record(db, "ban.lift", running, actor=actor, before={"user": user_id})
