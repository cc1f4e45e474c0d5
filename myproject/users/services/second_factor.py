"""The second factor: an authenticator app's codes, and recovery codes for the day that it is lost.

A secret is stored encrypted, a recovery code as an HMAC: whoever has the database without the site's key has
neither.
"""

import hmac
import logging
from datetime import datetime

import sqlalchemy as sa
from cryptography.fernet import InvalidToken
from sqlalchemy.orm import Session

from myproject.audit import Actor, record
from myproject.db import utc_now
from myproject.security import totp
from myproject.security.identity import Identity
from myproject.security.keys import KeyRing
from myproject.security.tokens import make_code, normalise_code
from myproject.users import constants as USER
from myproject.users import errors
from myproject.users.models import Authenticator, RecoveryCode, User
from myproject.users.services import accounts, history, lost_second_factor, roles, sign_ins, steps

log = logging.getLogger(__name__)

SECRETS = "authenticator secrets"
CODES = "recovery codes"
# Who acts where time has.
SITE = Actor(None, "site")


# Setting up


def begin_adding(db: Session, keys: KeyRing, user_id: int) -> str:
    """Begins to add an authenticator: a secret waits, encrypted, for its first code. Gives the step's token."""
    secret = keys.box(SECRETS).encrypt(totp.make_secret().encode()).decode()
    return steps.begin_step(db, USER.Step.AUTHENTICATOR_ADDING, {"secret": secret}, user_id=user_id)


def find_adding(db: Session, keys: KeyRing, token: str, user_id: int) -> str | None:
    """The secret that waits for its first code, or None where this member began nothing, or too long ago."""
    step = steps.find_step(db, token, USER.Step.AUTHENTICATOR_ADDING)
    return decrypt(keys, step.data["secret"]) if step is not None and step.user_id == user_id else None


def turn_on(
    db: Session, keys: KeyRing, token: str, typed: str, *, user_id: int, session_id: int, client: accounts.Client
) -> list[str]:
    """Ends the adding: stores the secret, ends every session but `session_id`, and gives new recovery codes.

    An authenticator that the account had is replaced. Raises StepGone, and CodeWrong where `typed` is no code of
    the secret; then the caller rolls back, and the step can be tried again.
    """
    user = accounts.lock_user(db, user_id)
    step = steps.end_step(db, token, USER.Step.AUTHENTICATOR_ADDING)
    secret = decrypt(keys, step.data["secret"])
    if step.user_id != user_id or secret is None:
        raise errors.StepGone
    at = totp.matching_step(secret, totp.normalise(typed), utc_now())
    if at is None:
        raise errors.AppCodeWrong
    # The code that proved it is used up with that.
    secret_kept = {"secret": step.data["secret"], "last_step": at, "created_at": utc_now()}
    db.merge(Authenticator(user_id=user_id, **secret_kept))
    user.second_factor_at = user.second_factor_at or utc_now()
    lost_second_factor.cancel(db, user, client)
    # They began without what now guards the account.
    sign_ins.end_sessions(db, user_id, but=session_id)
    history.note(db, user, USER.SecurityEvent.SECOND_FACTOR_ON, client)
    return make_recovery_codes(db, keys, user_id)


def renew_recovery_codes(db: Session, keys: KeyRing, user_id: int, client: accounts.Client) -> list[str]:
    """New recovery codes in place of those before. Raises SecondFactorOff."""
    user = accounts.lock_user(db, user_id)
    if user.second_factor_at is None:
        raise errors.SecondFactorOff
    history.note(db, user, USER.SecurityEvent.RECOVERY_CODES_MADE, client)
    return make_recovery_codes(db, keys, user_id)


def make_recovery_codes(db: Session, keys: KeyRing, user_id: int) -> list[str]:
    db.execute(sa.delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    codes: set[str] = set()
    while len(codes) < USER.RECOVERY_CODES:
        codes.add(make_code())
    db.add_all(RecoveryCode(user_id=user_id, code_hash=code_hashes(keys, user_id, code)[0]) for code in codes)
    return list(codes)


def count_recovery_codes(db: Session, user_id: int) -> int:
    """How many recovery codes are left."""
    return db.scalar(sa.select(sa.func.count(RecoveryCode.id)).where(RecoveryCode.user_id == user_id)) or 0


def few_recovery_codes(db: Session, member: Identity) -> int | None:
    """How many recovery codes are left where a member should make new ones, else None."""
    left = count_recovery_codes(db, member.id) if member.second_factor else None
    return left if left is not None and left <= USER.RECOVERY_CODES_FEW else None


# Turning off


def turn_off(db: Session, user_id: int, session_id: int, client: accounts.Client) -> None:
    """Turns the second factor off as its owner asks; ends every session but `session_id`. Does nothing where it is
    off.
    """
    user = accounts.lock_user(db, user_id)
    if user.second_factor_at is not None:
        forget(db, user, client, session_id)


def reset(db: Session, actor: Actor, user_id: int, reason: str) -> None:
    """Turns the second factor off for an owner who has lost it: all their sessions end, a mail tells them, and the
    audit who did it and why. Raises SecondFactorOff.
    """
    user = accounts.lock_user(db, user_id)
    if user.second_factor_at is None:
        raise errors.SecondFactorOff
    forget(db, user, accounts.Client(actor.address, ""))
    values = {"before": {"second_factor": "ON"}, "after": {"second_factor": "OFF"}}
    record(db, "user.second_factor", user, actor=actor, reason=reason, **values)


def hasten_reset(db: Session, actor: Actor, user_id: int, reason: str) -> bool:
    """An admin's word that a member who waits is who they say. The first is noted; the second, of another admin,
    turns the second factor off at once, and gives True. Raises NothingWaits, OwnAccount or AskAnotherAdmin.
    """
    user = roles.lock_for_change(db, actor, user_id)
    waiting = lost_second_factor.find(db, user_id)
    if waiting is None:
        raise errors.NothingWaits
    first = None if waiting.hastened_by_id is None else db.get_one(User, waiting.hastened_by_id)
    if first is None or first.role != USER.Role.ADMIN or first.status != USER.Status.ACTIVE:
        waiting.hastened_by_id = actor.id
        record(db, "user.second_factor_hasten", user, actor=actor, reason=reason)
        return False
    if first.id == actor.id:
        raise errors.AskAnotherAdmin
    reset(db, actor, user_id, reason)
    return True


def carry_out_reset(db: Session, user_id: int) -> None:
    """Turns the second factor off for a member whose days of waiting are over. Does nothing where they are not, or
    nobody waits any more.
    """
    user = accounts.lock_user(db, user_id)
    waiting = lost_second_factor.find(db, user_id)
    if waiting is None or waiting.due_at > utc_now():
        return
    if accounts.can_sign_in(user):
        reset(db, SITE, user_id, f"asked for on {waiting.created_at:%Y-%m-%d}, and nobody stopped it")
    else:
        lost_second_factor.cancel(db, user, accounts.Client("", ""))


def forget_newer(db: Session, user: User, since: datetime, client: accounts.Client) -> None:
    """Turns the second factor off where its app was set up, or replaced, at or after `since`."""
    authenticator = db.get(Authenticator, user.id)
    if authenticator is not None and authenticator.created_at >= since:
        forget(db, user, client)


def forget(db: Session, user: User, client: accounts.Client, session_id: int | None = None) -> None:
    db.execute(sa.delete(Authenticator).where(Authenticator.user_id == user.id))
    db.execute(sa.delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
    user.second_factor_at = None
    lost_second_factor.end(db, user.id)
    sign_ins.end_sessions(db, user.id, but=session_id)
    history.note(db, user, USER.SecurityEvent.SECOND_FACTOR_OFF, client)


# Signing in


def try_code(
    db: Session, keys: KeyRing, token: str, typed: str, client: accounts.Client
) -> sign_ins.Opened | None:
    """One try at a sign-in that waits for its second factor: what it opened, or None where `typed` is no code.

    Call it in a transaction of its own, and commit either way: the try counts. Raises StepGone, AccountInactive
    or WaitsForApproval.
    """
    step = steps.find_step(db, token, USER.Step.SECOND_FACTOR)
    if step is None:
        raise errors.StepGone
    # The account first, as everywhere, so that nobody waits in a circle.
    user = accounts.lock_user(db, step.user_id)
    steps.count_try(db, token, USER.Step.SECOND_FACTOR)
    if not take_code(db, keys, user, typed, client):
        # Somebody who knows the password: the owner shall see it.
        history.note(db, user, USER.SecurityEvent.SIGN_IN_FAILED, client)
        return None
    return sign_ins.end_second_factor(db, token, user, client)


def tell_of_failures(db: Session, user_id: int, number: int, client: accounts.Client) -> None:
    """Mails the owner that so many wrong codes were typed in a row, where it begins to be many, and now and then
    as it goes on: somebody knows the password.
    """
    if number == USER.WRONG_CODES_TOLD or (number and number % USER.WRONG_CODES_TOLD_AGAIN == 0):
        user = db.get_one(User, user_id)
        history.mail_notice(db, user, USER.SecurityEvent.SIGN_IN_FAILED, client, str(number))


def take_code(db: Session, keys: KeyRing, user: User, typed: str, client: accounts.Client) -> bool:
    """Whether `typed` is a code of the account, of its app or for recovery, that was not used yet; now it is."""
    code = totp.normalise(typed)
    if totp.CODE.fullmatch(code):
        return take_app_code(db, keys, user.id, code)
    return take_recovery_code(db, keys, user, typed, client)


def take_app_code(db: Session, keys: KeyRing, user_id: int, code: str) -> bool:
    stored = db.scalar(sa.select(Authenticator.secret).where(Authenticator.user_id == user_id))
    secret = decrypt(keys, stored) if stored else None
    at = totp.matching_step(secret, code, utc_now()) if secret else None
    if stored is None or at is None:
        return False
    # RFC 6238, 5.2: no code is taken twice, nor one from before the last; of many at once one gets the row. The
    # secret moves to the site's newest key.
    taken = db.scalar(
        sa.update(Authenticator)
        .where(Authenticator.user_id == user_id, Authenticator.last_step < at)
        .values(last_step=at, secret=keys.box(SECRETS).rotate(stored).decode())
        .returning(Authenticator.user_id)
        .execution_options(synchronize_session=False)
    )
    return taken is not None


def take_recovery_code(db: Session, keys: KeyRing, user: User, typed: str, client: accounts.Client) -> bool:
    taken = db.scalar(
        sa.delete(RecoveryCode)
        .where(
            RecoveryCode.user_id == user.id,
            RecoveryCode.code_hash.in_(code_hashes(keys, user.id, normalise_code(typed))),
        )
        .returning(RecoveryCode.id)
        .execution_options(synchronize_session=False)
    )
    if taken is None:
        return False
    left = count_recovery_codes(db, user.id)
    history.note(db, user, USER.SecurityEvent.RECOVERY_CODE_USED, client, str(left))
    return True


def code_hashes(keys: KeyRing, user_id: int, code: str) -> list[str]:
    """The hash of a recovery code by each of the site's keys, newest first.

    A code is short enough to be guessed from a plain hash, and slow hashing of ten at each try would cost seconds:
    so the hash is keyed, and salted with the member's number.
    """
    message = f"{user_id}:{code}".encode("utf-8", "surrogatepass")
    return [hmac.digest(key, message, "sha256").hex() for key in keys.derive(CODES)]


def decrypt(keys: KeyRing, secret: str) -> str | None:
    """The secret, or None where the site's key is not among those that it was encrypted with."""
    try:
        return keys.box(SECRETS).decrypt(secret).decode()
    except InvalidToken:
        log.error("second factor: a secret was encrypted with a key that is no longer in secret_key.file")
        return None
