"""Who holds a session token: what the security policy asks once a request."""

from collections.abc import Callable
from datetime import timedelta

import sqlalchemy as sa
from pyramid.config import Configurator
from pyramid.registry import Registry
from sqlalchemy.orm import Session

from myproject.cache import Cache
from myproject.db import fetch, utc_now
from myproject.forms.models import KeptText
from myproject.security.identity import Identity
from myproject.security.tokens import hash_token
from myproject.settings import settings_of
from myproject.tasks import enqueue_now
from myproject.users import constants as USER
from myproject.users import tasks
from myproject.users.models import User, UserSession, session_ends_at

SESSION_STATEMENT = (
    sa.select(
        UserSession.id,
        UserSession.user_id,
        UserSession.created_at,
        UserSession.last_seen_at,
        UserSession.expires_at,
        UserSession.authenticated_at,
        (UserSession.way == USER.Way.PASSKEY).label("by_passkey"),
        User.revision,
        # So that no page need ask for kept texts where there are none.
        sa.exists().where(KeptText.user_id == User.id).label("has_kept_text"),
    )
    .join(User, User.id == UserSession.user_id)
    .where(
        UserSession.token_hash == sa.bindparam("token_hash"),
        UserSession.expires_at > sa.bindparam("now"),
        User.status != USER.Status.INACTIVE,
    )
)

USER_STATEMENT = sa.select(
    User.id,
    User.name,
    User.display_name,
    User.email,
    User.email_verified_at.is_not(None).label("verified"),
    User.role,
    User.status,
    User.locale,
    User.time_zone,
    User.theme,
    User.avatar,
    User.second_factor_at.is_not(None).label("second_factor"),
    User.terms_version,
    (User.deletion != USER.Deletion.NONE).label("leaving"),
    User.revision,
).where(User.id == sa.bindparam("user_id"))


def make_identify(registry: Registry, cache: Cache, seconds: int) -> Callable[[Session, str], Identity | None]:
    """The function that finds who holds a session token; the security policy calls it once a request.

    One query finds the session and the user's revision. The rest comes from the cache, where it has that
    revision; so nobody has to be told of a change, and a copy older than the database is never used.
    """

    def identify(db: Session, token: str) -> Identity | None:
        now = utc_now()
        session = fetch(db, SESSION_STATEMENT, {"token_hash": hash_token(token), "now": now}).first()
        if session is None or session_ends_at(session.created_at, session.last_seen_at, session.expires_at) <= now:
            return None
        if now - session.last_seen_at > timedelta(minutes=USER.SESSION_TOUCH_MINUTES):
            note_seen(session.id)
        key = f"user:{session.user_id}"
        cached = cache.get(key, seconds)
        if cached is None or cached["revision"] != session.revision:
            row = fetch(db, USER_STATEMENT, {"user_id": session.user_id}).one()._asdict()
            cached = {"revision": row.pop("revision"), "user": row}
            cache.set(key, cached)
        of_the_session = {
            "session_id": session.id,
            "authenticated_at": session.authenticated_at,
            "by_passkey": session.by_passkey,
            "has_kept_text": session.has_kept_text,
        }
        return Identity.from_json(cached["user"] | of_the_session)

    def note_seen(session_id: int) -> None:
        # Reading writes nothing; a task does, asked for once a while.
        key = f"seen:{session_id}"
        if cache.get(key, 60 * USER.SESSION_TOUCH_MINUTES) is None:
            cache.set(key, True)
            enqueue_now(registry, tasks.touch_session, session_id=session_id)

    return identify


def includeme(config: Configurator) -> None:
    registry = config.registry
    registry["identify"] = make_identify(registry, registry["cache"], settings_of(registry).cache_user_seconds)
