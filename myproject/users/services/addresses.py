"""Changing a verified address: confirmed from the new one, told to the old one, which can undo it for a week."""

from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from myproject.db import utc_now
from myproject.emails.constants import Kind
from myproject.emails.services import suppression
from myproject.emails.services.outbox import queue_mail
from myproject.text import canonical
from myproject.users import constants as USER
from myproject.users import errors
from myproject.users.models import Connection, Passkey, SignInStep, User, UserToken
from myproject.users.services import (
    accounts,
    deletion,
    history,
    lost_second_factor,
    passwords,
    second_factor,
    sign_ins,
    tokens,
)
from myproject.users.services.mailed_links import mail_link


def ask_for_change(db: Session, user_id: int, email: str, client: accounts.Client) -> None:
    """Sends a link to `email` that makes it the account's address; older ones end. Until then nothing changes.

    An address that another member has verified changes nothing that the caller could see, but the mail tells its
    owner that they have an account already (OWASP ASVS 5.0: 6.3.8). Raises SameEmail, RateLimited, or NotVerified
    for an account whose first address waits to be verified: that one is mended instead.
    """
    user = accounts.lock_user(db, user_id)
    if not user.verified:
        raise errors.NotVerified
    wanted = canonical(email)[: USER.EMAIL_MAX_LENGTH]
    if email == user.email:
        raise errors.SameEmail
    owner = accounts.find_verified(db, wanted)
    mail_link(
        db,
        user,
        USER.TokenPurpose.CHANGE_EMAIL,
        Kind.CHANGE_EMAIL,
        {"minutes": USER.CHANGE_EMAIL_MINUTES},
        timedelta(minutes=USER.CHANGE_EMAIL_MINUTES),
        email=email,
        owner=None if owner is user else owner,
    )
    history.note(db, user, USER.SecurityEvent.EMAIL_CHANGE_ASKED, client, email)


def confirm_change(db: Session, token: str, client: accounts.Client) -> User:
    """Makes the address that the link was mailed to the account's own; the link is spent. The address before gets
    a notice with a link for `undo_change`.

    Raises LinkInvalid, or EmailTaken where another account has verified the address meanwhile.
    """
    row = tokens.take_token(db, token, USER.TokenPurpose.CHANGE_EMAIL)
    user = accounts.lock_user(db, row.user_id)
    if not accounts.can_sign_in(user):
        raise errors.LinkInvalid
    old = user.email
    set_address(db, user, row)
    # Those that went to the address before. A link to undo an earlier change stays: it is its owner's way back.
    tokens.end_tokens(
        db,
        user.id,
        USER.TokenPurpose.RESET_PASSWORD,
        USER.TokenPurpose.CHANGE_EMAIL,
        USER.TokenPurpose.RESET_SECOND_FACTOR,
    )
    life = timedelta(days=USER.UNDO_EMAIL_DAYS)
    undo = tokens.add_token(db, user, USER.TokenPurpose.UNDO_EMAIL, life, email=old)
    context = {
        "email": user.email,
        "token": undo,
        "days": USER.UNDO_EMAIL_DAYS,
        "when": utc_now().isoformat(timespec="seconds"),
        "zone": user.time_zone,
    } | history.where(client)
    more = {"to_address": old, "to_name": user.name, "expires_in": life}
    queue_mail(db, accounts.mail_to(user, Kind.EMAIL_CHANGED, context, **more))
    # To the new address goes the notice that every such event has.
    history.note(db, user, USER.SecurityEvent.EMAIL_CHANGED, client, user.email)
    return user


def undo_change(db: Session, token: str, client: accounts.Client) -> User:
    """Puts back the address that the link was mailed to, and locks the account until its owner has set a new
    password by a link mailed there: the password, every session, every other link, and every way in that was added
    since a week before the change are gone, for whoever changed the address may have them. Nor is the account
    deleted, should they have asked for that.

    Raises LinkInvalid, or EmailTaken where another account has verified the address meanwhile.
    """
    row = tokens.take_token(db, token, USER.TokenPurpose.UNDO_EMAIL)
    user = accounts.lock_user(db, row.user_id)
    set_address(db, user, row)
    user.password = None
    deletion.keep(db, user, client)
    sign_ins.end_sessions(db, user.id)
    since = row.created_at - timedelta(days=USER.UNDO_EMAIL_DAYS)
    for way in (Passkey, Connection):
        db.execute(sa.delete(way).where(way.user_id == user.id, way.created_at >= since))
    second_factor.forget_newer(db, user, since, client)
    lost_second_factor.cancel(db, user, client)
    db.execute(sa.delete(UserToken).where(UserToken.user_id == user.id))
    db.execute(sa.delete(SignInStep).where(SignInStep.user_id == user.id))
    history.note(db, user, USER.SecurityEvent.EMAIL_CHANGE_UNDONE, client, user.email)
    passwords.ask_for_reset(db, user.email)
    return user


def set_address(db: Session, user: User, row: Any) -> None:
    """Gives `user` the address of a spent token, verified: who has the link reads the mail there."""
    try:
        with db.begin_nested():
            user.email, user.email_canonical = row.email, row.email_canonical
            user.email_verified_at = utc_now()
    except IntegrityError:
        raise errors.EmailTaken from None
    suppression.lift_verified(db, user.email)
