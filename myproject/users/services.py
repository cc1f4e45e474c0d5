"""What members can do with accounts, and what is done with them. Passwords come hashed: hashing is slow, and
the caller does it with no transaction open.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from myproject.audit import Actor, record
from myproject.cache import touch
from myproject.db import publish, utc_now
from myproject.emails.constants import Kind
from myproject.emails.services import Mail, queue_mail
from myproject.i18n import ENGLISH
from myproject.security.tokens import hash_token, make_code, make_token, normalise_code
from myproject.text import RENDERER_VERSION, canonical, render_markdown
from myproject.users import constants as USER
from myproject.users import errors
from myproject.users.models import User, UserSession, UserToken

UNVERIFIED_ACCOUNTS_PER_RESET = 3


@dataclass(frozen=True)
class Client:
    """Where a request came from: the address and what the browser calls itself, as they stand in a session's
    row.
    """

    address: str
    user_agent: str


@dataclass(frozen=True)
class Credentials:
    """What a sign-in needs of an account, read before the slow check of the password."""

    id: int
    password: str | None
    status: USER.Status


@dataclass(frozen=True)
class UserRegistered:
    """Event: an account was made, in this transaction."""

    db: Session
    user: User


# Registration


def check_name(db: Session, name: str) -> None:
    """Raises NameReserved or NameTaken where `name` can't be had."""
    if canonical(name) in USER.RESERVED_NAMES or len(canonical(name)) > USER.NAME_MAX_LENGTH:
        raise errors.NameReserved
    if db.scalar(sa.select(User.id).where(User.name_canonical == canonical(name))) is not None:
        raise errors.NameTaken


def register(
    db: Session,
    *,
    name: str,
    email: str,
    password_hash: str,
    terms_version: str = "",
    address: str = "",
) -> User:
    """Makes a NEW account and sends its verification mail. Raises NameReserved or NameTaken.

    An address that a verified member holds changes nothing that the caller could see: the account is made all
    the same, but the mail tells the owner of the address that they have one already (OWASP ASVS 5.0: 6.3.8).
    """
    check_name(db, name)
    user = User(
        name=name,
        name_canonical=canonical(name),
        email=email,
        email_canonical=canonical(email)[: USER.EMAIL_MAX_LENGTH],
        password=password_hash,
        role=USER.Role.USER,
        status=USER.Status.NEW,
        terms_version=terms_version,
        terms_accepted_at=utc_now() if terms_version else None,
        terms_accepted_from=address,
    )
    try:
        with db.begin_nested():
            db.add(user)
    except IntegrityError:
        # Two took the same name at once: the index decides, and its word becomes the form's.
        raise errors.NameTaken from None
    start_verification(db, user)
    publish(db, UserRegistered(db, user))
    return user


def create_verified(
    db: Session, actor: Actor, *, name: str, email: str, password_hash: str, role: USER.Role
) -> User:
    """Makes an ACTIVE account whose address counts as verified, with an audit row: for who runs the site.

    Raises NameReserved, NameTaken or EmailTaken.
    """
    if canonical(name) not in USER.RESERVED_NAMES or role == USER.Role.USER:
        check_name(db, name)
    if find_verified(db, canonical(email)[: USER.EMAIL_MAX_LENGTH]) is not None:
        raise errors.EmailTaken
    user = User(
        name=name,
        name_canonical=canonical(name),
        email=email,
        email_canonical=canonical(email)[: USER.EMAIL_MAX_LENGTH],
        email_verified_at=utc_now(),
        password=password_hash,
        role=role,
        status=USER.Status.ACTIVE,
    )
    try:
        with db.begin_nested():
            db.add(user)
    except IntegrityError:
        raise errors.NameTaken from None
    record(db, "user.create", user, actor=actor, after={"role": role.name})
    publish(db, UserRegistered(db, user))
    return user


def start_verification(db: Session, user: User) -> None:
    """Sends a new link and code to the user's address; older ones end. Does nothing for a verified address."""
    if user.verified:
        return
    end_tokens(db, user.id, USER.TokenPurpose.VERIFY_EMAIL)
    owner = find_verified(db, user.email_canonical)
    if owner is not None:
        queue_mail(
            db,
            Mail(
                Kind.ALREADY_REGISTERED,
                to_address=owner.email,
                to_name=owner.title,
                user_id=owner.id,
                locale=owner.locale or ENGLISH,
                context={"name": owner.name},
            ),
        )
        return
    code = make_code()
    token = add_token(db, user, USER.TokenPurpose.VERIFY_EMAIL, timedelta(hours=USER.VERIFY_HOURS), code)
    queue_mail(
        db,
        Mail(
            Kind.VERIFY,
            to_address=user.email,
            to_name=user.title,
            user_id=user.id,
            locale=user.locale or ENGLISH,
            context={
                "name": user.name,
                "token": token,
                "code": code,
                "hours": USER.VERIFY_HOURS,
                "minutes": USER.CODE_MINUTES,
            },
            expires_in=timedelta(hours=USER.VERIFY_HOURS),
        ),
    )


def lock_user(db: Session, user_id: int) -> User:
    """The user as they are now, held until the transaction ends: what is decided on a row must still be true of it
    when it is written.
    """
    return db.get_one(User, user_id, with_for_update=True, populate_existing=True)


def resend_verification(db: Session, user_id: int) -> None:
    """Sends a new link and code; older ones end. Raises AlreadyVerified."""
    user = lock_user(db, user_id)
    if user.verified:
        raise errors.AlreadyVerified
    start_verification(db, user)


def correct_email(db: Session, user_id: int, email: str) -> None:
    """Mends the address of an account that never verified one, and sends the mail there. Raises
    AlreadyVerified.
    """
    user = lock_user(db, user_id)
    if user.verified:
        raise errors.AlreadyVerified
    user.email = email
    user.email_canonical = canonical(email)[: USER.EMAIL_MAX_LENGTH]
    start_verification(db, user)


def verify_by_token(db: Session, token: str) -> User:
    """Verifies the address that the link's mail went to; the link is spent. Raises LinkInvalid or EmailTaken."""
    row = take_token(db, token, USER.TokenPurpose.VERIFY_EMAIL)
    return mark_verified(db, row)


def count_code_try(db: Session, user_id: int) -> None:
    """Counts one try of the typed code. Call it in a transaction of its own: it must stand when the try
    fails.
    """
    db.execute(
        sa.update(UserToken)
        .where(UserToken.user_id == user_id, UserToken.purpose == USER.TokenPurpose.VERIFY_EMAIL)
        .values(tries=UserToken.tries + 1)
    )


def verify_by_code(db: Session, user_id: int, typed: str) -> User:
    """Verifies by the typed code, after `count_code_try`. Raises CodeWrong or EmailTaken."""
    row = db.execute(
        sa.delete(UserToken)
        .where(
            UserToken.user_id == user_id,
            UserToken.purpose == USER.TokenPurpose.VERIFY_EMAIL,
            UserToken.code_hash == hash_token(normalise_code(typed)),
            UserToken.code_expires_at > utc_now(),
            UserToken.tries <= USER.CODE_TRIES,
        )
        .returning(UserToken.user_id, UserToken.email_canonical)
    ).first()
    if row is None:
        raise errors.CodeWrong
    return mark_verified(db, row)


def mark_verified(db: Session, row: Any) -> User:
    """Makes the address of a spent token (`user_id`, `email_canonical`) the member's own, and a NEW member
    ACTIVE.
    """
    user = lock_user(db, row.user_id)
    if user.email_canonical != row.email_canonical:
        raise errors.LinkInvalid
    try:
        with db.begin_nested():
            user.email_verified_at = user.email_verified_at or utc_now()
            if user.status == USER.Status.NEW:
                user.status = USER.Status.ACTIVE
    except IntegrityError:
        raise errors.EmailTaken from None
    return user


# Tokens


def add_token(
    db: Session, user: User, purpose: USER.TokenPurpose, life: timedelta, code: str | None = None
) -> str:
    """A new token for a link to `user`'s present address, and a code to type where one is given."""
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
            email_canonical=user.email_canonical,
            expires_at=utc_now() + life,
        )
    )
    return token


def token_owner(db: Session, token: str, purpose: USER.TokenPurpose) -> Any:
    """Whose link it is, as (name, email), where it would work. Looking spends nothing: mail scanners may."""
    statement = sa.select(User.name, User.email).join(UserToken, UserToken.user_id == User.id)
    return db.execute(statement.where(*live_token(token, purpose))).first()


def take_token(db: Session, token: str, purpose: USER.TokenPurpose) -> Any:
    """Spends a token: its row as (user_id, email_canonical). One of many at once gets it, the others
    LinkInvalid.
    """
    row = db.execute(
        sa.delete(UserToken)
        .where(*live_token(token, purpose))
        .returning(UserToken.user_id, UserToken.email_canonical)
    ).first()
    if row is None:
        raise errors.LinkInvalid
    return row


def live_token(token: str, purpose: USER.TokenPurpose) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        UserToken.token_hash == hash_token(token),
        UserToken.purpose == purpose,
        UserToken.expires_at > utc_now(),
    )


def end_tokens(db: Session, user_id: int, purpose: USER.TokenPurpose) -> None:
    db.execute(sa.delete(UserToken).where(UserToken.user_id == user_id, UserToken.purpose == purpose))


# Signing in and out


def can_sign_in(status: USER.Status) -> bool:
    """The one decision of who may have a session, for every way in."""
    return status != USER.Status.INACTIVE


def find_verified(db: Session, email_canonical: str) -> User | None:
    """The member whose verified address this is."""
    return db.scalar(
        sa.select(User).where(User.email_canonical == email_canonical, User.email_verified_at.is_not(None))
    )


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
    client: Client,
    *,
    remember_days: int | None = None,
    new_hash: str | None = None,
) -> tuple[User, str]:
    """Begins a session for an account whose password has just been checked; the user and the session's token.

    `remember_days` is how long the session lives, None for `SESSION_HOURS`; `new_hash` replaces an outdated
    password hash. Raises AccountInactive, or WrongCredentials where the password changed since it was
    checked.
    """
    user = lock_user(db, credentials.id)
    if user.password != credentials.password:
        raise errors.WrongCredentials
    if new_hash:
        user.password = new_hash
    return user, begin_session(db, user, client, remember_days)


def begin_session(db: Session, user: User, client: Client, remember_days: int | None = None) -> str:
    """A new session row for `user`; gives the token that the cookie will hold. Raises AccountInactive."""
    if not can_sign_in(user.status):
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


# Passwords


def ask_for_reset(db: Session, email: str) -> None:
    """Sends a link that sets a new password. Says nothing of whether the address is known (OWASP ASVS 5.0:
    6.3.8).

    It goes to the stored address. One that nobody has verified may stand in several accounts: each gets its
    own mail, and to use one verifies the address.
    """
    wanted = canonical(email)
    owner = find_verified(db, wanted)
    users = (
        [owner]
        if owner
        else list(
            db.scalars(
                sa.select(User)
                .where(User.email_canonical == wanted)
                .order_by(User.id.desc())
                .limit(UNVERIFIED_ACCOUNTS_PER_RESET)
            )
        )
    )
    for user in users:
        if can_sign_in(user.status):
            end_tokens(db, user.id, USER.TokenPurpose.RESET_PASSWORD)
            life = timedelta(minutes=USER.RESET_MINUTES)
            token = add_token(db, user, USER.TokenPurpose.RESET_PASSWORD, life)
            queue_mail(
                db,
                Mail(
                    Kind.RESET_PASSWORD,
                    to_address=user.email,
                    to_name=user.title,
                    user_id=user.id,
                    locale=user.locale or ENGLISH,
                    context={"name": user.name, "token": token, "minutes": USER.RESET_MINUTES},
                    expires_in=life,
                ),
            )


def reset_password(db: Session, token: str, password_hash: str, client: Client) -> User:
    """Sets the password by a mailed link, verifies the address it went to, and ends all sessions. Signs
    nobody in.

    Raises LinkInvalid, or EmailTaken where another account has verified the address meanwhile.
    """
    row = take_token(db, token, USER.TokenPurpose.RESET_PASSWORD)
    user = mark_verified(db, row)
    if not can_sign_in(user.status):
        raise errors.LinkInvalid
    set_password(db, user, password_hash, client)
    return user


def change_password(db: Session, credentials: Credentials, password_hash: str, client: Client) -> User:
    """Sets a new password for an account whose old one has just been checked, and ends all sessions."""
    user = lock_user(db, credentials.id)
    if user.password != credentials.password:
        raise errors.WrongPassword
    set_password(db, user, password_hash, client)
    return user


def set_password(db: Session, user: User, password_hash: str, client: Client) -> None:
    """Sets the password; every session and reset link ends, and a mail tells the owner."""
    user.password = password_hash
    end_sessions(db, user.id)
    end_tokens(db, user.id, USER.TokenPurpose.RESET_PASSWORD)
    queue_mail(
        db,
        Mail(
            Kind.PASSWORD_CHANGED,
            to_address=user.email,
            to_name=user.title,
            user_id=user.id,
            locale=user.locale or ENGLISH,
            context={
                "name": user.name,
                "when": utc_now().isoformat(timespec="minutes"),
                "browser": client.user_agent[: USER.USER_AGENT_MAX_LENGTH],
                "address": client.address,
            },
        ),
    )


# Profiles


@dataclass(frozen=True)
class Profile:
    """What everybody may see of a member."""

    id: int
    name: str
    title: str
    bio_html: str
    website: str
    role: USER.Role
    created_at: datetime


PROFILE_STATEMENT = sa.select(
    User.id, User.name, User.display_name, User.bio_html, User.website, User.role, User.created_at
).where(User.name_canonical == sa.bindparam("name"), User.status != USER.Status.INACTIVE)


def find_profile(db: Session, name: str) -> Profile | None:
    """The public profile of a nickname, in any case; None where there is none, or the account is shut."""
    row = db.execute(PROFILE_STATEMENT, {"name": canonical(name)}).first()
    if row is None:
        return None
    return Profile(
        row.id, row.name, row.display_name or row.name, row.bio_html, row.website, row.role, row.created_at
    )


def update_profile(
    db: Session,
    user: User,
    *,
    display_name: str,
    bio: str,
    bio_html: str,
    website: str,
    time_zone: str,
    locale: str,
    theme: str,
) -> None:
    """Changes what a member says of themselves. `bio_html` is `render_bio(bio)`, made before the transaction."""
    user.display_name, user.website = display_name, website
    user.bio, user.bio_html, user.bio_renderer = bio, bio_html, RENDERER_VERSION
    user.time_zone, user.locale, user.theme = time_zone, locale, theme
    # Cached pages show names.
    touch(db, "site")


def render_bio(bio: str) -> str:
    return render_markdown(bio) if bio else ""


# Roles and states


def change_role(db: Session, actor: Actor, user_id: int, role: USER.Role, reason: str) -> User:
    """Changes a member's role, with an audit row. Raises OwnAccount or LastAdmin."""
    user = lock_for_change(db, actor, user_id)
    if user.role == role:
        return user
    if user.role == USER.Role.ADMIN:
        check_not_last_admin(db, user)
    before, user.role = user.role, role
    record_change(db, actor, user, "role", before, role, reason)
    return user


def change_status(db: Session, actor: Actor, user_id: int, status: USER.Status, reason: str) -> User:
    """Changes a member's status, with an audit row; INACTIVE ends the sessions. Raises OwnAccount,
    LastAdmin, or NotNewAgain for a verified member.
    """
    user = lock_for_change(db, actor, user_id)
    if user.status == status:
        return user
    if status == USER.Status.NEW and user.verified:
        raise errors.NotNewAgain
    if user.role == USER.Role.ADMIN and user.status == USER.Status.ACTIVE:
        check_not_last_admin(db, user)
    before, user.status = user.status, status
    if not can_sign_in(status):
        end_sessions(db, user.id)
        end_tokens(db, user.id, USER.TokenPurpose.RESET_PASSWORD)
    record_change(db, actor, user, "status", before, status, reason)
    return user


def record_change(
    db: Session, actor: Actor, user: User, what: str, before: IntEnum, after: IntEnum, reason: str
) -> None:
    """The audit row of a changed role or status; pages that show it end."""
    values = {"before": {what: before.name}, "after": {what: after.name}}
    record(db, f"user.{what}", user, actor=actor, reason=reason, **values)
    touch(db, "site")


def lock_for_change(db: Session, actor: Actor, user_id: int) -> User:
    """The user's row, and all admins' rows, locked in one order: two admins who demote each other take turns."""
    rows = db.scalars(
        sa.select(User)
        .where((User.role == USER.Role.ADMIN) | (User.id == user_id))
        .order_by(User.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    user = next(row for row in rows.all() if row.id == user_id)
    if actor.id == user.id:
        raise errors.OwnAccount
    if actor.id is not None:
        # The actor may have been demoted while waiting for the lock.
        acting = db.get_one(User, actor.id)
        if acting.role != USER.Role.ADMIN or acting.status != USER.Status.ACTIVE:
            raise errors.NoLongerAdmin
    return user


def check_not_last_admin(db: Session, user: User) -> None:
    others = db.scalar(
        sa.select(User.id)
        .where(User.role == USER.Role.ADMIN, User.status == USER.Status.ACTIVE, User.id != user.id)
        .limit(1)
    )
    if others is None:
        raise errors.LastAdmin
