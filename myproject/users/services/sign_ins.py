"""Sign-ins: how a session begins and ends, and the account behind what somebody typed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.audit import Actor, AuditEntry, record
from myproject.db import IN_DATABASE_ONLY, utc_now
from myproject.security.tokens import hash_token, make_token
from myproject.security.validators import AT_ONCE
from myproject.text import canonical
from myproject.users import constants as USER
from myproject.users import errors
from myproject.users.models import User, UserSession, is_long, session_ends_at
from myproject.users.services import accounts, history, lost_second_factor, steps

LATEST_FIRST = (UserSession.last_seen_at.desc(), UserSession.id.desc())


@dataclass(frozen=True)
class Credentials:
    """What a sign-in needs of an account, read before the slow check of the password."""

    id: int
    password: str | None
    status: USER.Status
    second_factor_at: datetime | None


# As `Credentials` has them.
CREDENTIALS = (User.id, User.password, User.status, User.second_factor_at)


def find_credentials(db: Session, login: str) -> tuple[Credentials | None, ...]:
    """The accounts that may be meant by a nickname (one) or a mail address (two: whose verified address it is, and
    the newest that only claims it), in the order in which they come in; None in the place of one that isn't there.

    Who registers with an address gets in by it, whether or not somebody else has verified it, so that this tells
    nobody whether there is an account; and to check every place costs the same for any (OWASP ASVS 5.0: 6.3.8).
    Older claims get in by nickname: with places for more of them, a verified one would show by taking one away.
    """
    wanted, columns = canonical(login), sa.select(*CREDENTIALS)
    if "@" in wanted:
        claims = columns.where(User.email_canonical == wanted).order_by(User.id.desc()).limit(1)
        verified = User.email_verified_at.is_not(None)
        statements = [claims.where(verified), claims.where(~verified)]
    else:
        statements = [columns.where(User.name_canonical == wanted)]
    rows = [db.execute(statement).first() for statement in statements]
    return tuple(row and Credentials(*row) for row in rows)


def credentials_of(db: Session, user_id: int) -> Credentials:
    """Those of a member who is signed in."""
    return Credentials(*db.execute(sa.select(*CREDENTIALS).where(User.id == user_id)).one())


@dataclass(frozen=True)
class Opened:
    """What a browser gets for its cookie: a session's token, or, with `needs_second_factor`, that of a step which
    grants nothing yet.
    """

    user: User
    token: str
    needs_second_factor: bool = False
    # Known where a second factor was shown: the first one had asked for it.
    remember_days: int | None = None
    # When the account was last signed in to before this.
    last_signed_in_at: datetime | None = None


def sign_in(
    db: Session,
    credentials: Credentials,
    client: accounts.Client,
    *,
    remember_days: int | None = None,
    new_hash: str | None = None,
) -> Opened:
    """`open_session` for an account whose password has just been checked. `new_hash` replaces an outdated hash.
    Raises also WrongCredentials where the password changed since it was checked.
    """
    user = accounts.lock_user(db, credentials.id)
    if user.password != credentials.password:
        raise errors.WrongCredentials
    if new_hash:
        user.password = new_hash
    return open_session(db, user, client, USER.Way.PASSWORD, remember_days)


def open_session(
    db: Session, user: User, client: accounts.Client, way: USER.Way, remember_days: int | None = None
) -> Opened:
    """The one end of every way in: begins a session for `user`, who has just proved who they are by `way`; or,
    where the account asks for a second factor and `way` is but one, the step that waits for it.

    `remember_days` is how long the session lives, None for `SESSION_HOURS`. Raises AccountInactive or
    WaitsForApproval.
    """
    check_can_sign_in(db, user)
    # A passkey is two factors in one: something they have, and what unlocks it.
    if user.second_factor_at is not None and way in (USER.Way.PASSWORD, USER.Way.PROVIDER):
        data = {"way": int(way), "remember_days": remember_days}
        step = steps.begin_step(db, USER.Step.SECOND_FACTOR, data, user_id=user.id)
        return Opened(user, step, needs_second_factor=True)
    history.note(db, user, USER.SecurityEvent.SIGNED_IN, client)
    if way == USER.Way.PASSKEY:
        lost_second_factor.cancel(db, user, client)
    before = user.signed_in_at
    session = begin_session(db, user, client, remember_days, way)
    return Opened(user, session, last_signed_in_at=before)


def end_second_factor(db: Session, token: str, user: User, client: accounts.Client) -> Opened:
    """Begins the session that the step of `token` waits for: `user`, locked by `lock_user`, has just shown their
    second factor. It is of the way and the length that the first factor asked for. Raises StepGone,
    AccountInactive or WaitsForApproval.
    """
    step = steps.end_step(db, token, USER.Step.SECOND_FACTOR)
    if step.user_id != user.id:
        raise errors.StepGone
    way, days = USER.Way(step.data["way"]), step.data["remember_days"]
    before = user.signed_in_at
    session = begin_session(db, user, client, days, way)
    # Whoever waits for it to be turned off is not its owner, or has found it.
    lost_second_factor.cancel(db, user, client)
    history.note(db, user, USER.SecurityEvent.SIGNED_IN, client)
    return Opened(user, session, remember_days=days, last_signed_in_at=before)


def check_can_sign_in(db: Session, user: User) -> None:
    """Raises AccountInactive, WaitsForApproval or AccountRefused where `can_sign_in` says no."""
    if accounts.can_sign_in(user):
        return
    if user.status != USER.Status.INACTIVE and user.approval == USER.Approval.WAITING:
        raise errors.WaitsForApproval
    if user.status != USER.Status.INACTIVE and user.approval == USER.Approval.REFUSED:
        raise errors.AccountRefused
    raise errors.AccountInactive(find_why_shut(db, user.id))


def find_why_shut(db: Session, user_id: int) -> str:
    """The reason that was given when an account that is shut was shut; empty where none was."""
    of_member = (AuditEntry.target_type == User.__tablename__) & (AuditEntry.target_id == user_id)
    changes = sa.select(AuditEntry.reason).where(of_member, AuditEntry.action == "user.status")
    return db.scalar(changes.order_by(AuditEntry.id.desc()).limit(1)) or ""


def begin_session(
    db: Session,
    user: User,
    client: accounts.Client,
    remember_days: int | None = None,
    way: USER.Way = USER.Way.PASSWORD,
) -> str:
    """A new session row for `user`; gives the token that the cookie will hold. Raises as `check_can_sign_in`."""
    check_can_sign_in(db, user)
    token = make_token()
    user.signed_in_at = user.last_seen_at = utc_now()
    life = timedelta(days=remember_days) if remember_days else timedelta(hours=USER.SESSION_HOURS)
    # A user made in this transaction gets its number with the flush.
    db.flush()
    theirs = sa.select(UserSession.id).where(UserSession.user_id == user.id).order_by(*LATEST_FIRST)
    oldest = db.scalars(theirs.offset(USER.SESSIONS_MAX - 1)).all()
    if oldest:
        db.execute(sa.delete(UserSession).where(UserSession.id.in_(oldest)))
    db.add(
        UserSession(
            token_hash=hash_token(token),
            user_id=user.id,
            way=way,
            expires_at=utc_now() + life,
            user_agent=client.user_agent[: USER.USER_AGENT_MAX_LENGTH],
            address=client.address,
        )
    )
    return token


def renew_session(db: Session, session_id: int, way: USER.Way | None = None) -> tuple[str, int | None]:
    """Makes a sign-in fresh, whose owner has just proved once more who they are: a new token, and for how many
    seconds the cookie holds it, None until the browser closes. The old token is worth nothing from now on (OWASP
    ASVS 5.0: 7.2.4). With `way` the sign-in is as good from now on as if it had begun that way.
    Raises StepGone where it was ended meanwhile.
    """
    token, now = make_token(), utc_now()
    row = db.get(UserSession, session_id, with_for_update=True)
    if row is None:
        raise errors.StepGone
    row.token_hash, row.authenticated_at, row.way = hash_token(token), now, way or row.way
    row.validator_number, row.validator_mark, row.validator_since = 0, "", now
    return token, int((row.expires_at - now).total_seconds()) if is_remembered(db, session_id) else None


def is_remembered(db: Session, session_id: int) -> bool:
    """Whether a session was begun with "keep me signed in"."""
    row = db.get(UserSession, session_id)
    return row is not None and is_long(row.created_at, row.expires_at)


def list_sessions(db: Session, user_id: int) -> Sequence[Any]:
    """A member's sign-ins that last, those seen last first, as (id, user_agent, address, created_at,
    last_seen_at, expires_at).
    """
    columns = (
        UserSession.id,
        UserSession.user_agent,
        UserSession.address,
        UserSession.created_at,
        UserSession.last_seen_at,
        UserSession.expires_at,
    )
    statement = sa.select(*columns).where(UserSession.user_id == user_id, UserSession.expires_at > utc_now())
    rows = db.execute(statement.order_by(*LATEST_FIRST)).all()
    return [row for row in rows if session_ends_at(row.created_at, row.last_seen_at, row.expires_at) > utc_now()]


def end_session(db: Session, user_id: int, session_id: int, client: accounts.Client) -> bool:
    """Ends one session of a member; says whether there was such a one."""
    own = sa.delete(UserSession).where(UserSession.id == session_id, UserSession.user_id == user_id)
    ended = db.execute(own.returning(UserSession.id)).first()
    if ended is not None:
        history.note(db, accounts.lock_user(db, user_id), USER.SecurityEvent.SESSIONS_ENDED, client)
    return ended is not None


def end_other_sessions(db: Session, user_id: int, session_id: int, client: accounts.Client) -> None:
    """Ends every session of a member but one."""
    end_sessions(db, user_id, but=session_id)
    history.note(db, accounts.lock_user(db, user_id), USER.SecurityEvent.SESSIONS_ENDED, client)


def shut_sessions(db: Session, actor: Actor, user_id: int) -> None:
    """Signs a member out everywhere as an admin asks, with a row in the audit."""
    user = accounts.lock_user(db, user_id)
    end_sessions(db, user_id)
    history.note(db, user, USER.SecurityEvent.SESSIONS_SHUT, accounts.Client("", ""))
    record(db, "user.sessions", user, actor=actor)


def end_copied_session(db: Session, session_id: int, seen_at: datetime, client: accounts.Client) -> None:
    """Ends a session whose cookie two browsers have used, as seen at `seen_at`, and every other that the member
    had by then: who took one cookie may have taken more. Its owner is told by mail. Does nothing where the session
    is over already.

    Nobody can tell the copy from the original, so both are out; `client` is the one that gave it away.
    """
    user_id = db.scalar(sa.select(UserSession.user_id).where(UserSession.id == session_id))
    if user_id is None:
        return
    user = accounts.lock_user(db, user_id)
    # Who has seen the sign-in page meanwhile, and signed in again, stays.
    ended = sa.delete(UserSession).where(UserSession.user_id == user_id, UserSession.created_at <= seen_at)
    if session_id in db.scalars(ended.returning(UserSession.id)).all():
        history.note(db, user, USER.SecurityEvent.SESSION_COPIED, client)


def sign_out(db: Session, token: str) -> None:
    """Ends the session of `token`: whoever holds a copy of the cookie is a guest from now on."""
    session = UserSession.token_hash == hash_token(token)
    note_seen(db, session, utc_now())
    db.execute(sa.delete(UserSession).where(session))


def note_seen(db: Session, session: sa.ColumnElement[bool], at: datetime) -> None:
    """Notes that the member of a session was here at a moment."""
    owner = sa.select(UserSession.user_id).where(session).scalar_subquery()
    # Nothing that is kept of them in the cache changes.
    is_later = sa.func.coalesce(User.last_seen_at < at, sa.true())
    seen = sa.update(User).where(User.id == owner, is_later).values(last_seen_at=at, revision=User.revision)
    db.execute(seen, execution_options=IN_DATABASE_ONLY)


def end_sessions(db: Session, user_id: int, *, but: int | None = None) -> None:
    """Ends every session of a member, but that of the row `but`, and every sign-in that waits for its second
    factor.
    """
    ended = sa.delete(UserSession).where(UserSession.user_id == user_id)
    db.execute(ended if but is None else ended.where(UserSession.id != but))
    steps.end_waiting_sign_ins(db, user_id)


def renew_cookies(db: Session, user_id: int) -> None:
    """Gives each browser of a member another cookie with its next request; the one before gives itself away then
    (`security.validators`). For who may do other things from now on.
    """
    theirs = UserSession.user_id == user_id
    db.execute(sa.update(UserSession).where(theirs).values(validator_since=AT_ONCE))
