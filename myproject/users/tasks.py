"""Background work of the users module."""

import sqlalchemy as sa
from pyramid.config import Configurator
from pyramid.registry import Registry

from myproject.db import sessions_of, utc_now
from myproject.tasks import crontab
from myproject.users.models import FormerName, Invitation, SignInStep, UserSession, UserToken
from myproject.users.services import passwords


def touch_session(registry: Registry, session_id: int) -> None:
    """Notes that a session is in use."""
    with sessions_of(registry).writing() as db:
        db.execute(sa.update(UserSession).where(UserSession.id == session_id).values(last_seen_at=utc_now()))


def ask_for_reset(registry: Registry, email: str) -> None:
    """Sends links to set a new password. Outside of the request, which so takes as long for any address."""
    with sessions_of(registry).writing() as db:
        passwords.ask_for_reset(db, email)


def purge(registry: Registry) -> None:
    """Deletes sessions, tokens, steps and invitations whose time is over."""
    with sessions_of(registry).writing() as db:
        now = utc_now()
        db.execute(sa.delete(UserSession).where(UserSession.expires_at < now))
        db.execute(sa.delete(UserToken).where(UserToken.expires_at < now))
        db.execute(sa.delete(SignInStep).where(SignInStep.expires_at < now))
        db.execute(sa.delete(FormerName).where(FormerName.parked_until < now))
        db.execute(sa.delete(Invitation).where(Invitation.expires_at < now))


def includeme(config: Configurator) -> None:
    config.add_task(touch_session)
    config.add_task(ask_for_reset)
    config.add_periodic_task(purge, crontab(hour="3", minute="20"))
