"""Proving that an address is the member's own, by a mailed link or a typed code."""

from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from myproject.db import utc_now
from myproject.emails.constants import Kind
from myproject.emails.services import suppression
from myproject.security.tokens import hash_token, make_code, normalise_code
from myproject.text import canonical
from myproject.users import constants as USER
from myproject.users import errors
from myproject.users.models import User, UserToken
from myproject.users.services import accounts, history, tokens
from myproject.users.services.mailed_links import mail_link


def start_verification(db: Session, user: User) -> None:
    """Sends a new link and code to the user's address; older ones end. Does nothing for a verified address. Raises
    RateLimited where the address was sent so many.
    """
    if not user.verified:
        send_proof(db, user, owner=accounts.find_verified(db, user.email_canonical))


def send_proof(db: Session, user: User, *, again: bool = False, owner: User | None = None) -> None:
    """Mails a link and a code that prove the address to be the member's; `again` where it was proved before. For
    `owner` see `mail_link`.
    """
    code, life = make_code(), timedelta(hours=USER.VERIFY_HOURS)
    context = {"code": code, "hours": USER.VERIFY_HOURS, "minutes": USER.CODE_MINUTES, "again": again}
    purpose = USER.TokenPurpose.VERIFY_EMAIL
    mail_link(db, user, purpose, Kind.VERIFY, context, life, code=code, owner=owner)


def resend_verification(db: Session, user_id: int) -> None:
    """Sends a new link and code; older ones end. Raises RateLimited, or AlreadyVerified, but where mail to the
    address came back: that it arrives again is proved in the same way.
    """
    user = accounts.lock_user(db, user_id)
    if not user.verified:
        start_verification(db, user)
    elif suppression.find(db, user.email) is not None:
        send_proof(db, user, again=True)
    else:
        raise errors.AlreadyVerified


def correct_email(db: Session, user_id: int, email: str, client: accounts.Client) -> None:
    """Mends the address of an account that never verified one, and sends the mail there. Raises
    AlreadyVerified or RateLimited.
    """
    user = accounts.lock_user(db, user_id)
    if user.verified:
        raise errors.AlreadyVerified
    user.email = email
    user.email_canonical = canonical(email)[: USER.EMAIL_MAX_LENGTH]
    history.note(db, user, USER.SecurityEvent.ADDRESS_CORRECTED, client, email)
    start_verification(db, user)


def verify_by_token(db: Session, token: str, client: accounts.Client) -> User:
    """Verifies the address that the link's mail went to; the link is spent. Raises LinkInvalid or EmailTaken."""
    row = spend(db, *tokens.live_token(token, USER.TokenPurpose.VERIFY_EMAIL))
    if row is None:
        raise errors.LinkInvalid
    return mark_verified(db, row, client)


def spend(db: Session, *wanted: sa.ColumnElement[bool]) -> Any:
    """Spends the token that is wanted, whose row is kept (`tokens.spent`): its (user_id, email_canonical), for one
    of many at once, and None for the others.
    """
    spent = sa.update(UserToken).where(*wanted).values(tokens.spent())
    return db.execute(spent.returning(UserToken.user_id, UserToken.email_canonical)).first()


def count_code_try(db: Session, user_id: int) -> None:
    """Counts one try of the typed code. Call it in a transaction of its own: it must stand when the try
    fails.
    """
    db.execute(
        sa.update(UserToken)
        .where(UserToken.user_id == user_id, UserToken.purpose == USER.TokenPurpose.VERIFY_EMAIL)
        .values(tries=UserToken.tries + 1)
    )


def verify_by_code(db: Session, user_id: int, typed: str, client: accounts.Client) -> User:
    """Verifies by the typed code, after `count_code_try`. Raises CodeWrong or EmailTaken."""
    row = spend(
        db,
        UserToken.user_id == user_id,
        UserToken.purpose == USER.TokenPurpose.VERIFY_EMAIL,
        UserToken.code_hash == hash_token(normalise_code(typed)),
        UserToken.code_expires_at > utc_now(),
        UserToken.tries <= USER.CODE_TRIES,
    )
    if row is None:
        raise errors.CodeWrong
    return mark_verified(db, row, client)


def mark_verified(db: Session, row: Any, client: accounts.Client) -> User:
    """Makes the address of a spent token (`user_id`, `email_canonical`) the member's own, and a NEW member
    ACTIVE.
    """
    user = accounts.lock_user(db, row.user_id)
    if user.email_canonical != row.email_canonical:
        raise errors.LinkInvalid
    claim_address(db, user, client)
    suppression.lift_verified(db, user.email)
    return user


def claim_address(db: Session, user: User, client: accounts.Client) -> None:
    """Makes the address of `user`, who has just proved that it is theirs, verified, and a NEW member ACTIVE; their
    history tells so.

    Raises EmailTaken.
    """
    verified_before = user.verified
    try:
        with db.begin_nested():
            user.email_verified_at = user.email_verified_at or utc_now()
            if user.status == USER.Status.NEW:
                user.status = USER.Status.ACTIVE
    except IntegrityError:
        raise errors.EmailTaken from None
    if not verified_before:
        history.note(db, user, USER.SecurityEvent.ADDRESS_VERIFIED, client, user.email)
