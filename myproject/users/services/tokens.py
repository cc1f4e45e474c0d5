"""Tokens in the links of mails: each for one purpose and one address, good for a time, spent once."""

from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.db import utc_now
from myproject.security.tokens import hash_token, make_token
from myproject.text import canonical
from myproject.users import constants as USER
from myproject.users import errors
from myproject.users.models import User, UserToken


def add_token(
    db: Session,
    user: User,
    purpose: USER.TokenPurpose,
    life: timedelta,
    code: str | None = None,
    email: str = "",
) -> str:
    """A new token for a link to `user`'s present address, and a code to type where one is given; with `email`, for
    a link to that address, which the account is to have with it.
    """
    token = make_token()
    # The user's number must be known, which a new row gets with the flush.
    db.flush()
    db.add(
        UserToken(
            token_hash=hash_token(token),
            code_hash=hash_token(code) if code else None,
            code_expires_at=utc_now() + timedelta(minutes=USER.CODE_MINUTES) if code else None,
            purpose=purpose,
            user_id=user.id,
            email_canonical=canonical(email)[: USER.EMAIL_MAX_LENGTH] if email else user.email_canonical,
            email=email,
            expires_at=utc_now() + life,
        )
    )
    return token


def spent() -> dict[str, Any]:
    """The values of a token that opens nothing any more, and that is kept for a day or less, so that who opens its
    link once more can be told that it has done its work.
    """
    # Of many at once, some asked what time it is before the first was done.
    return {"expires_at": UserToken.created_at, "code_hash": None, "code_expires_at": None}


def token_owner(db: Session, token: str, purpose: USER.TokenPurpose) -> Any:
    """Whose link it is, as (name, email, role, new_email), where it would work. Looking spends nothing: mail
    scanners may.
    """
    columns = (User.name, User.email, User.role, UserToken.email.label("new_email"))
    statement = sa.select(*columns).join(UserToken, UserToken.user_id == User.id)
    return db.execute(statement.where(*live_token(token, purpose))).first()


def take_token(db: Session, token: str, purpose: USER.TokenPurpose) -> Any:
    """Spends a token: its row as (user_id, email_canonical, email, created_at). One of many at once gets
    it, the others LinkInvalid.
    """
    row = db.execute(
        sa.delete(UserToken)
        .where(*live_token(token, purpose))
        .returning(UserToken.user_id, UserToken.email_canonical, UserToken.email, UserToken.created_at)
    ).first()
    if row is None:
        raise errors.LinkInvalid
    return row


def is_spent(db: Session, token: str, purpose: USER.TokenPurpose, user_id: int) -> bool:
    """Whether it is a member's own token for their present address, and is no longer good for anything; for as
    long as it is kept (`spent`).
    """
    statement = sa.select(sa.literal(True)).where(
        UserToken.token_hash == hash_token(token),
        UserToken.purpose == purpose,
        UserToken.user_id == user_id,
        UserToken.email_canonical == User.email_canonical,
        User.id == user_id,
        UserToken.expires_at <= utc_now(),
    )
    return db.scalar(statement) is True


def live_token(token: str, purpose: USER.TokenPurpose) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        UserToken.token_hash == hash_token(token),
        UserToken.purpose == purpose,
        UserToken.expires_at > utc_now(),
    )


def has_token(db: Session, user_id: int, purpose: USER.TokenPurpose) -> bool:
    """Whether a member was mailed a link of this purpose that is good still."""
    theirs = (UserToken.user_id == user_id, UserToken.purpose == purpose, UserToken.expires_at > utc_now())
    return db.scalar(sa.select(sa.literal(True)).where(*theirs).limit(1)) is True


def end_tokens(db: Session, user_id: int, *purposes: USER.TokenPurpose) -> None:
    """Ends every link of these purposes that a member has been mailed."""
    db.execute(sa.delete(UserToken).where(UserToken.user_id == user_id, UserToken.purpose.in_(purposes)))
