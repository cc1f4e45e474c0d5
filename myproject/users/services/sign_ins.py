"""Sign-ins: how a session begins and ends, and the account behind what somebody typed."""

from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.db import utc_now
from myproject.security.tokens import hash_token, make_token
from myproject.text import canonical
from myproject.users import constants as USER
from myproject.users import errors
from myproject.users.models import User, UserSession
from myproject.users.services import accounts


@dataclass(frozen=True)
class Credentials:
    """What a sign-in needs of an account, read before the slow check of the password."""

    id: int
    password: str | None
    status: USER.Status


def find_credentials(db: Session, login: str) -> Credentials | None:
    """The account of a nickname or mail address. Of several that claim one address, the verified, else the
    newest.
    """
    wanted = canonical(login)
    row = db.execute(
        sa.select(User.id, User.password, User.status)
        .where(User.email_canonical == wanted if "@" in wanted else User.name_canonical == wanted)
        .order_by(User.email_verified_at.is_(None), User.id.desc())
        .limit(1)
    ).first()
    return None if row is None else Credentials(row.id, row.password, row.status)


def sign_in(
    db: Session,
    credentials: Credentials,
    client: accounts.Client,
    *,
    remember_days: int | None = None,
    new_hash: str | None = None,
) -> tuple[User, str]:
    """Begins a session for an account whose password has just been checked; the user and the session's token.

    `remember_days` is how long the session lives, None for `SESSION_HOURS`; `new_hash` replaces an outdated
    password hash. Raises AccountInactive, or WrongCredentials where the password changed since it was
    checked.
    """
    user = accounts.lock_user(db, credentials.id)
    if user.password != credentials.password:
        raise errors.WrongCredentials
    if new_hash:
        user.password = new_hash
    return user, begin_session(db, user, client, remember_days)


def begin_session(db: Session, user: User, client: accounts.Client, remember_days: int | None = None) -> str:
    """A new session row for `user`; gives the token that the cookie will hold. Raises AccountInactive."""
    if not accounts.can_sign_in(user.status):
        raise errors.AccountInactive
    token = make_token()
    life = timedelta(days=remember_days) if remember_days else timedelta(hours=USER.SESSION_HOURS)
    # A user made in this transaction gets its number with the flush.
    db.flush()
    db.add(
        UserSession(
            token_hash=hash_token(token),
            user_id=user.id,
            expires_at=utc_now() + life,
            user_agent=client.user_agent[: USER.USER_AGENT_MAX_LENGTH],
            address=client.address,
        )
    )
    return token


def is_remembered(db: Session, session_id: int) -> bool:
    """Whether a session was begun with "keep me signed in"."""
    row = db.get(UserSession, session_id)
    return row is not None and row.expires_at - row.created_at > timedelta(hours=USER.SESSION_HOURS)


def sign_out(db: Session, token: str) -> None:
    """Ends the session of `token`: whoever holds a copy of the cookie is a guest from now on."""
    db.execute(sa.delete(UserSession).where(UserSession.token_hash == hash_token(token)))


def end_sessions(db: Session, user_id: int) -> None:
    """Ends every session of a member."""
    db.execute(sa.delete(UserSession).where(UserSession.user_id == user_id))
