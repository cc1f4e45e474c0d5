"""Passkeys: credentials of Web Authentication (level 3), which sign their owner in without a name or a password.

Asking and answering are two requests. Between them a step remembers the challenge, so that each is answered once,
by the browser that asked. A passkey is two factors in one: something its owner has, and what unlocks it there;
hence verification of the user is required every time.
"""

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from webauthn import (
    base64url_to_bytes,
    generate_authentication_options,
    generate_registration_options,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import (
    bytes_to_base64url,
    generate_challenge,
    generate_user_handle,
    options_to_json_dict,
    parse_authentication_credential_json,
    parse_registration_credential_json,
)
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from myproject.db import utc_now
from myproject.users import constants as USER
from myproject.users import errors
from myproject.users.models import Connection, Passkey, SecurityLogEntry, User, UserSession
from myproject.users.services import accounts, history, steps

log = logging.getLogger(__name__)

T = TypeVar("T")

TIMEOUT_MILLISECONDS = USER.STEP_MINUTES * 60 * 1000
# Characters of the JSON that a browser answers with; an honest one needs some 3,000.
ANSWER_MAX_LENGTH = 20_000


class Use(StrEnum):
    """What a passkey is asked for. A challenge of one use is nothing for another."""

    SIGN_IN = "sign-in"
    REAUTH = "reauth"
    SECOND_FACTOR = "second-factor"


@dataclass(frozen=True)
class RelyingParty:
    """The site as authenticators know it, all of it from `site.url`: the host name, the title, the origin."""

    id: str
    name: str
    origin: str


@dataclass(frozen=True)
class Row:
    """A passkey as its owner sees it."""

    id: int
    name: str
    created_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True)
class NewPasskey:
    """What an authenticator has made, checked."""

    credential_id: bytes
    handle: bytes
    public_key: bytes
    sign_count: int
    transports: list[str]
    name: str


@dataclass(frozen=True)
class Proof:
    """That whoever answered holds this passkey. `sign_count` is what its authenticator counts by now."""

    passkey_id: int
    user_id: int
    name: str
    sign_count: int


# What a member has


def list_passkeys(db: Session, user_id: int) -> Sequence[Row]:
    """A member's passkeys, oldest first."""
    columns = (Passkey.id, Passkey.name, Passkey.created_at, Passkey.last_used_at)
    return [
        Row(*row) for row in db.execute(sa.select(*columns).where(Passkey.user_id == user_id).order_by(Passkey.id))
    ]


def find_passkey(db: Session, user_id: int, passkey_id: int) -> Row | None:
    """One passkey of a member; None also where it is somebody else's."""
    return next((row for row in list_passkeys(db, user_id) if row.id == passkey_id), None)


def has_passkey(db: Session, user_id: int) -> bool:
    return bool(db.scalar(sa.select(sa.exists().where(Passkey.user_id == user_id))))


def rename_passkey(db: Session, user_id: int, passkey_id: int, name: str) -> None:
    db.execute(sa.update(Passkey).where(Passkey.id == passkey_id, Passkey.user_id == user_id).values(name=name))


def remove_passkey(
    db: Session,
    user_id: int,
    passkey_id: int,
    providers: Collection[str],
    client: accounts.Client,
    *,
    keep_session_id: int,
) -> None:
    """Removes a passkey, and ends the sessions that began with any but for the one at hand: whoever holds the lost
    device is out as well. The one at hand is no longer one that a passkey was used in.

    `providers` are the names of those in the settings: only these are ways in. Raises LastWayIn where the account
    could not be entered any more.
    """
    user = accounts.lock_user(db, user_id)
    others = [row for row in list_passkeys(db, user_id) if row.id != passkey_id]
    connected = db.scalar(
        sa.select(sa.exists().where(Connection.user_id == user_id, Connection.provider.in_(providers)))
    )
    if not others and user.password is None and not connected:
        raise errors.LastWayIn
    name = db.scalar(
        sa.delete(Passkey).where(Passkey.id == passkey_id, Passkey.user_id == user_id).returning(Passkey.name)
    )
    if name is None:
        return
    db.execute(
        sa.delete(UserSession).where(
            UserSession.user_id == user_id,
            UserSession.way == USER.Way.PASSKEY,
            UserSession.id != keep_session_id,
        )
    )
    kept = sa.update(UserSession).where(UserSession.id == keep_session_id, UserSession.way == USER.Way.PASSKEY)
    db.execute(kept.values(way=USER.Way.PASSWORD))
    history.note(db, user, USER.SecurityEvent.PASSKEY_REMOVED, client, name)


# Adding


def ask_to_add(db: Session, party: RelyingParty, user_id: int, name: str) -> tuple[str, dict[str, Any]]:
    """Begins to add a passkey called `name`: the step's token for the browser, and the options for its
    `navigator.credentials.create` (5.4 of the standard, as JSON).

    Raises AddressUnverified: who registers with somebody else's address must leave nothing behind by which to
    come back once its owner has taken the account over. Raises TooManyPasskeys.
    """
    user = db.get_one(User, user_id)
    if not user.verified:
        raise errors.AddressUnverified
    known = db.execute(descriptors(user_id)).all()
    if len(known) >= USER.PASSKEYS_MAX:
        raise errors.TooManyPasskeys
    handle = known[0].handle if known else generate_user_handle()
    challenge = generate_challenge()
    options = generate_registration_options(
        rp_id=party.id,
        rp_name=party.name,
        user_id=handle,
        user_name=user.name,
        user_display_name=user.title,
        challenge=challenge,
        timeout=TIMEOUT_MILLISECONDS,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[described(row) for row in known],
    )
    data = {"challenge": bytes_to_base64url(challenge), "handle": bytes_to_base64url(handle), "name": name}
    return steps.begin_step(db, USER.Step.PASSKEY_ADDING, data, user_id=user_id), options_to_json_dict(options)


def take_adding(db: Session, token: str, user_id: int) -> dict[str, Any]:
    """Spends the step of `ask_to_add`, whatever comes of it: call it in a transaction of its own. Raises
    StepGone.
    """
    step = steps.end_step(db, token, USER.Step.PASSKEY_ADDING)
    if step.user_id != user_id:
        raise errors.StepGone
    return dict(step.data)


def check_new(party: RelyingParty, data: dict[str, Any], answer: str) -> NewPasskey:
    """Checks what the browser has sent of a new passkey, JSON, against the step's `data` (7.1 of the standard).
    Raises PasskeyRefused.
    """
    credential = attempt(lambda: parse_registration_credential_json(answer), answer)
    verified = attempt(
        lambda: verify_registration_response(
            credential=credential,
            expected_challenge=base64url_to_bytes(data["challenge"]),
            expected_rp_id=party.id,
            expected_origin=party.origin,
            require_user_verification=True,
        )
    )
    if len(verified.credential_id) > USER.CREDENTIAL_ID_MAX_BYTES:
        raise errors.PasskeyRefused
    return NewPasskey(
        credential_id=verified.credential_id,
        handle=base64url_to_bytes(data["handle"]),
        public_key=verified.credential_public_key,
        sign_count=verified.sign_count,
        transports=[transport.value for transport in credential.response.transports or ()],
        name=data["name"],
    )


def add_passkey(db: Session, user_id: int, new: NewPasskey, client: accounts.Client) -> None:
    """Stores a checked passkey. Raises TooManyPasskeys; PasskeyRefused where the credential is known already, or
    another browser has added the member's first meanwhile, under another handle.
    """
    user = accounts.lock_user(db, user_id)
    known = db.execute(descriptors(user_id)).all()
    if len(known) >= USER.PASSKEYS_MAX:
        raise errors.TooManyPasskeys
    if any(row.handle != new.handle for row in known):
        raise errors.PasskeyRefused
    try:
        with db.begin_nested():
            db.add(
                Passkey(
                    user_id=user_id,
                    credential_id=new.credential_id,
                    handle=new.handle,
                    public_key=new.public_key,
                    sign_count=new.sign_count,
                    transports=new.transports,
                    name=new.name,
                )
            )
    except IntegrityError:
        raise errors.PasskeyRefused from None
    history.note(db, user, USER.SecurityEvent.PASSKEY_ADDED, client, new.name)


# Asking for one


def ask_for_passkey(
    db: Session, party: RelyingParty, use: Use, user_id: int | None = None
) -> tuple[str, dict[str, Any]]:
    """Begins to ask for a passkey: the step's token for the browser, and the options for its
    `navigator.credentials.get` (5.5 of the standard, as JSON).

    Without `user_id` any passkey of this site will do, and the options tell nothing of any member; with it only
    that member's. Raises NoPasskey where they have none.
    """
    known = db.execute(descriptors(user_id)).all() if user_id is not None else []
    if user_id is not None and not known:
        raise errors.NoPasskey
    challenge = generate_challenge()
    options = generate_authentication_options(
        rp_id=party.id,
        challenge=challenge,
        timeout=TIMEOUT_MILLISECONDS,
        allow_credentials=[described(row) for row in known],
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    data = {"challenge": bytes_to_base64url(challenge), "use": use.value}
    return steps.begin_step(db, USER.Step.PASSKEY_SIGN_IN, data, user_id=user_id), options_to_json_dict(options)


def take_challenge(db: Session, token: str, use: Use, user_id: int | None = None) -> bytes:
    """Spends the step of `ask_for_passkey`, whatever comes of it: call it in a transaction of its own. Raises
    StepGone, also for a challenge of another use or member.
    """
    step = steps.end_step(db, token, USER.Step.PASSKEY_SIGN_IN)
    if step.user_id != user_id or step.data["use"] != use.value:
        raise errors.StepGone
    return base64url_to_bytes(step.data["challenge"])


def check_answer(
    db: Session, party: RelyingParty, challenge: bytes, answer: str, user_id: int | None = None
) -> Proof:
    """Checks the browser's answer, JSON, to a challenge that was spent on it (7.2 of the standard). With `user_id`
    only a passkey of that member will do. Reads only. Raises PasskeyRefused.
    """
    credential = attempt(lambda: parse_authentication_credential_json(answer), answer)
    passkey = db.scalar(sa.select(Passkey).where(Passkey.credential_id == credential.raw_id))
    handle = credential.response.user_handle
    if passkey is None or user_id not in (None, passkey.user_id):
        raise errors.PasskeyRefused
    # Nobody has said who they are but the passkey itself; where the member is known, it need not repeat it.
    if handle != passkey.handle and not (handle is None and user_id is not None):
        raise errors.PasskeyRefused
    verified = attempt(
        lambda: verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            credential_public_key=passkey.public_key,
            # Judged by `count_use`, at the moment of writing.
            credential_current_sign_count=0,
            require_user_verification=True,
        )
    )
    return Proof(passkey.id, passkey.user_id, passkey.name, verified.new_sign_count)


def count_use(db: Session, proof: Proof, client: accounts.Client) -> bool:
    """Notes that a passkey was used; False where its authenticator has not counted on since the last time.

    There may be a copy of it then (6.1.1 of the standard): a mail, the owner's history and the log tell it. One
    statement judges and writes. Call it in a transaction of its own, and commit either way.
    """
    # An authenticator that does not count says 0 for ever.
    counted_on = sa.or_(
        Passkey.sign_count < proof.sign_count,
        sa.and_(Passkey.sign_count == 0, sa.literal(proof.sign_count) == 0),
    )
    used = db.scalar(
        sa.update(Passkey)
        .where(Passkey.id == proof.passkey_id, counted_on)
        .values(sign_count=proof.sign_count, last_used_at=utc_now())
        .returning(Passkey.id)
        .execution_options(synchronize_session=False)
    )
    if used is None:
        log.warning("passkey %s of member %s: its count did not go on", proof.passkey_id, proof.user_id)
        note_copy(db, proof, client)
    return used is not None


def note_copy(db: Session, proof: Proof, client: accounts.Client) -> None:
    """Has the owner of a passkey hear that there may be a copy of it: by mail once in a while, and each time by a
    line of their history.
    """
    # Held, so that of many at once one is told.
    user = accounts.lock_user(db, proof.user_id)
    if find_passkey(db, user.id, proof.passkey_id) is None:
        # Its owner has removed it in this very moment.
        return
    told = sa.exists().where(
        SecurityLogEntry.user_id == user.id,
        SecurityLogEntry.event == USER.SecurityEvent.PASSKEY_COPIED,
        SecurityLogEntry.created_at > utc_now() - timedelta(hours=USER.PASSKEY_COPIED_HOURS),
    )
    event = USER.SecurityEvent.PASSKEY_COPIED
    if db.scalar(sa.select(told)):
        event = USER.SecurityEvent.SIGN_IN_FAILED
    history.note(db, user, event, client, proof.name)


# Pieces


def descriptors(user_id: int) -> sa.Select[bytes, list[str], bytes]:
    """What options say of a member's passkeys."""
    columns = (Passkey.credential_id, Passkey.transports, Passkey.handle)
    return sa.select(*columns).where(Passkey.user_id == user_id).order_by(Passkey.id)


def described(row: Any) -> PublicKeyCredentialDescriptor:
    transports = [AuthenticatorTransport(name) for name in row.transports]
    return PublicKeyCredentialDescriptor(id=row.credential_id, transports=transports)


def attempt(check: Callable[[], T], answer: str = "") -> T:
    """What `check` gives. Raises PasskeyRefused where it raises, or the answer is too long to be looked at."""
    if len(answer) > ANSWER_MAX_LENGTH:
        raise errors.PasskeyRefused
    try:
        return check()
    # The library's parsers let through whatever broken bytes make Python raise: KeyError, IndexError, TypeError.
    except Exception as error:
        log.info("a passkey was refused: %r", error)
        raise errors.PasskeyRefused from None
