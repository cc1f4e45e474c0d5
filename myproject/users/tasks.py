"""Background work of the users module."""

import logging
from datetime import datetime, timedelta
from itertools import islice

import sqlalchemy as sa
from pyramid.config import Configurator
from pyramid.registry import Registry

from myproject.db import sessions_of, utc_now
from myproject.emails.models import Suppression
from myproject.emails.services import suppression
from myproject.security.ratelimit import limiter_of
from myproject.settings import settings_of
from myproject.storage import storage_of, used_files
from myproject.tasks import crontab
from myproject.users import constants as USER
from myproject.users.models import (
    Export,
    FormerName,
    Invitation,
    SecurityLogEntry,
    SignInStep,
    User,
    UserSession,
    UserToken,
)
from myproject.users.services import (
    deletion,
    export,
    history,
    lost_second_factor,
    passwords,
    second_factor,
    sign_ins,
)
from myproject.users.services.accounts import Client

log = logging.getLogger(__name__)

# A form that is being sent has written its picture, and not yet the row that names it.
ORPHAN_SECONDS = 24 * 3600
FILES_AT_ONCE = 500
SECONDS_BETWEEN_NOTES = 60


def touch_session(registry: Registry, session_id: int, at: str) -> None:
    """Notes that a session was in use at a moment (ISO 8601): what came since, its member has not seen."""
    moment = datetime.fromisoformat(at)
    with sessions_of(registry).writing() as db:
        sign_ins.note_seen(db, UserSession.id == session_id, moment)
        # Tasks may come out of order.
        earlier = (UserSession.id == session_id, UserSession.last_seen_at < moment)
        db.execute(sa.update(UserSession).where(*earlier).values(last_seen_at=moment))


def note_validator(registry: Registry, session_id: int, token_hash: str, number: int, mark: str) -> None:
    """Notes the validator that a browser has shown for the first time: from now on it is the session's, unless
    that has another token by now.
    """
    values = {"validator_number": number, "validator_mark": mark, "validator_since": utc_now()}
    same = (UserSession.id == session_id, UserSession.token_hash == token_hash)
    with sessions_of(registry).writing() as db:
        db.execute(sa.update(UserSession).where(*same, UserSession.validator_number < number).values(values))


def end_copied_session(registry: Registry, session_id: int, seen_at: str, address: str, user_agent: str) -> None:
    """Ends a session whose cookie turned out to be used by two, at `seen_at` (ISO 8601)."""
    log.warning("session %s: its cookie was copied; its member is signed out everywhere", session_id)
    with sessions_of(registry).writing() as db:
        sign_ins.end_copied_session(db, session_id, datetime.fromisoformat(seen_at), Client(address, user_agent))


def ask_for_reset(
    registry: Registry, email: str, address: str = "", user_agent: str = "", sparing: bool = False
) -> None:
    """Sends links to set a new password. Outside of the request, which so takes as long for any address."""
    with sessions_of(registry).writing() as db:
        passwords.ask_for_reset(db, email, Client(address, user_agent), sparing=sparing)


def note_failed_sign_in(registry: Registry, user_id: int | None, address: str, user_agent: str) -> None:
    """Adds a failed sign-in to the history of an account; to none where there was no such account."""
    # Once a minute, whichever of its names was tried: the request must not know that they are of one account.
    if user_id is None or not limiter_of(registry).once("failed_sign_in_of", str(user_id), SECONDS_BETWEEN_NOTES):
        return
    with sessions_of(registry).writing() as db:
        user = db.get(User, user_id)
        if user is not None:
            history.note(db, user, USER.SecurityEvent.SIGN_IN_FAILED, Client(address, user_agent))


def carry_out_resets(registry: Registry) -> None:
    """Turns off the second factors whose owners have waited for that, and tells those who wait once a day."""
    with sessions_of(registry).reading() as db:
        due, untold = lost_second_factor.list_due(db), lost_second_factor.list_untold(db)
    for do, waiting in ((second_factor.carry_out_reset, due), (lost_second_factor.remind, untold)):
        for user_id in waiting:
            try:
                with sessions_of(registry).writing() as db:
                    do(db, user_id)
            except Exception:
                # The others wait all the same, and this one's turn comes again.
                log.exception("second factor: what member %s waits for could not be done", user_id)


def purge(registry: Registry) -> None:
    """Deletes sessions, tokens, steps, invitations and lines of the history whose time is over, and with the lines
    what came back from addresses that no account has.

    Where an address is not verified, it keeps what says since when mail went there (`identify.COMES_BACK`), of
    which there is one for a member. It opens nothing any more.
    """
    with sessions_of(registry).writing() as db:
        now = utc_now()
        db.execute(sa.delete(UserSession).where(UserSession.expires_at < now))
        unverified = sa.exists().where(User.id == UserToken.user_id, User.email_verified_at.is_(None))
        kept = (UserToken.purpose == USER.TokenPurpose.VERIFY_EMAIL) & unverified
        db.execute(sa.delete(UserToken).where(UserToken.expires_at < now, ~kept))
        db.execute(sa.delete(SignInStep).where(SignInStep.expires_at < now))
        kept_from = now - timedelta(days=settings_of(registry).retention_security_log_days)
        db.execute(sa.delete(SecurityLogEntry).where(SecurityLogEntry.created_at < kept_from))
        nobodys = ~sa.exists().where(User.email_canonical == Suppression.address)
        suppression.forget(db, nobodys & (Suppression.last_at < kept_from))
        db.execute(sa.delete(FormerName).where(FormerName.parked_until < now))
        db.execute(sa.delete(Invitation).where(Invitation.expires_at < now))


def make_export(registry: Registry, export_id: int) -> None:
    """Writes an export that its owner has asked for."""
    export.write_export(registry, export_id)


def make_lost_exports(registry: Registry) -> None:
    """Writes exports whose task was lost."""
    with sessions_of(registry).reading() as db:
        waiting = export.waiting_exports(db, timedelta(minutes=USER.EXPORT_LOST_MINUTES))
    for export_id in waiting:
        export.write_export(registry, export_id)


def erase_leavers(registry: Registry) -> None:
    """Erases the members whose days to think better of it are over, each in a transaction of their own."""
    with sessions_of(registry).reading() as db:
        due = deletion.list_due(db)
    for user_id in due:
        try:
            with sessions_of(registry).writing() as db:
                deletion.erase(db, user_id)
        except Exception:
            # The others are due all the same, and this one is tried again.
            log.exception("deletion: member %s could not be erased", user_id)
    if due:
        sessions_of(registry).empty_log()


def purge_files(registry: Registry) -> None:
    """Deletes exports whose time is over, and files that no row names: left by a transaction that failed after
    they were written, or by a process that ended before it could delete them.
    """
    with sessions_of(registry).writing() as db:
        export.delete_exports(db, Export.expires_at < utc_now())
    storage = storage_of(registry)
    old = storage.names(older_than=ORPHAN_SECONDS)
    while names := list(islice(old, FILES_AT_ONCE)):
        with sessions_of(registry).reading() as db:
            used = used_files(registry, db, names)
        for name in names:
            if name not in used:
                storage.delete(name)


def includeme(config: Configurator) -> None:
    config.add_task(make_export)
    config.add_periodic_task(make_lost_exports, crontab(minute="*/10"))
    config.add_periodic_task(carry_out_resets, crontab(minute="*/10"))
    config.add_periodic_task(erase_leavers, crontab(minute="40"))
    config.add_periodic_task(purge_files, crontab(hour="3", minute="50"))
    config.add_task(touch_session)
    config.add_task(note_validator)
    config.add_task(end_copied_session)
    config.add_task(ask_for_reset)
    config.add_task(note_failed_sign_in)
    config.add_periodic_task(purge, crontab(hour="3", minute="20"))
