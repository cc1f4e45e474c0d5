"""Who holds a session's cookie: what the security policy asks once a request."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa
from pyramid.config import Configurator
from pyramid.registry import Registry
from sqlalchemy.orm import Session

from myproject.cache import BoundedDict, Cache
from myproject.db import fetch, utc_now
from myproject.emails import constants as EMAIL
from myproject.emails.models import STOPPED, Suppression
from myproject.forms.models import KeptText
from myproject.security.identity import Identity
from myproject.security.tokens import hash_token
from myproject.security.validators import AT_ONCE, Validator, Validators, Verdict, judge, token_in, validators_of
from myproject.settings import settings_of
from myproject.tasks import enqueue_once
from myproject.users import constants as USER
from myproject.users import tasks
from myproject.users.models import RUNNING_BAN, CommentBan, User, UserSession, UserToken, is_long, session_ends_at

SESSION_STATEMENT = (
    sa.select(
        UserSession.id,
        UserSession.user_id,
        UserSession.created_at,
        UserSession.last_seen_at,
        UserSession.expires_at,
        UserSession.authenticated_at,
        UserSession.validator_number,
        UserSession.validator_mark,
        UserSession.validator_since,
        (UserSession.way == USER.Way.PASSKEY).label("by_passkey"),
        User.revision,
        # So that no page need ask for kept texts where there are none.
        sa.exists().where(KeptText.user_id == User.id).label("has_kept_text"),
        # Not kept with the rest: it ends by itself.
        sa.exists().where(CommentBan.user_id == User.id, RUNNING_BAN).label("is_banned"),
    )
    .join(User, User.id == UserSession.user_id)
    .where(
        UserSession.token_hash == sa.bindparam("token_hash"),
        UserSession.expires_at > sa.bindparam("now"),
        User.status != USER.Status.INACTIVE,
    )
)

IS_VERIFIED = User.email_verified_at.is_not(None)
# What comes back for good since a member was mailed to an address that is not proved to be theirs. That mail goes
# to its owner, where it has one, and comes back as well: so this tells nobody that it has.
COMES_BACK = (Suppression.reason != EMAIL.Reason.SOFT) & sa.exists().where(
    UserToken.user_id == User.id,
    UserToken.purpose == USER.TokenPurpose.VERIFY_EMAIL,
    UserToken.created_at <= Suppression.last_at,
).correlate(User, Suppression)
# What the cache holds of a member, but for their number.
MEMBER_COLUMNS = (
    User.name,
    User.display_name,
    User.email,
    IS_VERIFIED.label("verified"),
    User.role,
    User.status,
    User.locale,
    User.time_zone,
    User.theme,
    User.avatar,
    User.second_factor_at.is_not(None).label("second_factor"),
    User.terms_version,
    (User.deletion != USER.Deletion.NONE).label("leaving"),
    # When this changes, `accounts.renew_cached` counts it as a change of the member's row.
    sa.case((IS_VERIFIED, Suppression.suppressed_at), else_=Suppression.last_at).label("mail_stopped_at"),
    sa.func.coalesce(IS_VERIFIED & (Suppression.reason == EMAIL.Reason.COMPLAINT), sa.false()).label(
        "mail_complained"
    ),
)
MEMBER_FIELDS = tuple(str(column.key) for column in MEMBER_COLUMNS)
# The session and its member at once, for who is not in the cache.
WHOLE_STATEMENT = SESSION_STATEMENT.add_columns(*MEMBER_COLUMNS).outerjoin(
    Suppression,
    # Of an address that they have not verified members see only what they brought about: more would tell
    # whether somebody has an account here.
    (Suppression.address == User.email_canonical) & STOPPED & (IS_VERIFIED | COMES_BACK),
)

# Seconds in which a task is not asked for again that would do the same.
ASKED_SECONDS = 30
# Of the names that `Sightings` keeps, in characters: those of some five thousand sessions.
SIGHTINGS_SIZE = 50_000


class Sightings:
    """Finds the session of a token and its member, by one query.

    Whose session it is never changes: a process remembers that of those it has seen, and so knows before the query
    whether the cache has the member.
    """

    def __init__(self, cache: Cache, seconds: int) -> None:
        self.cache = cache
        self.seconds = seconds
        # Under which name the cache has the member, by the hash of the token.
        self.names: BoundedDict[str] = BoundedDict(SIGHTINGS_SIZE)

    def find(self, db: Session, token_hash: str, now: datetime) -> tuple[Any, dict[str, Any]] | None:
        """The row of the session and what identities hold of its member; None where there is none that runs."""
        values = {"token_hash": token_hash, "now": now}
        name = self.names.get(token_hash)
        cached = self.cache.get(name, self.seconds) if name else None
        if isinstance(cached, dict):
            session = fetch(db, SESSION_STATEMENT, values).first()
            if session is None:
                return None
            if cached.get("revision") == session.revision:
                return session, cached["user"]
        session = fetch(db, WHOLE_STATEMENT, values).first()
        if session is None:
            return None
        member = {"id": session.user_id} | {field: getattr(session, field) for field in MEMBER_FIELDS}
        stopped_at = session.mail_stopped_at
        member["mail_stopped_at"] = stopped_at.isoformat() if stopped_at else ""
        self.names[token_hash] = name = f"user:{session.user_id}"
        self.cache.set(name, {"revision": session.revision, "user": member})
        return session, member


def make_identify(
    registry: Registry, cache: Cache, validators: Validators, seconds: int
) -> Callable[..., Identity | None]:
    """The function that finds who holds a session's cookie; the security policy calls it once a request.

    One query finds the session and the member's revision. The rest comes from the cache, where it has that
    revision; so nobody has to be told of a change, and a copy older than the database is never used.
    """
    sightings = Sightings(cache, seconds)

    def identify(db: Session, cookie: str, address: str = "", user_agent: str = "") -> Identity | None:
        now = utc_now()
        shown = validators.read(cookie)
        if shown is None:
            return None
        token_hash = hash_token(token_in(cookie))
        found = sightings.find(db, token_hash, now)
        if found is None:
            return None
        session, member = found
        if session_ends_at(session.created_at, session.last_seen_at, session.expires_at) <= now:
            return None
        # Looking writes nothing; a task does.
        ask = partial(enqueue_once, registry, session_id=session.id)
        known = Validator(session.validator_number, session.validator_mark)
        remembered = is_long(session.created_at, session.expires_at)
        changing = remembered or session.validator_since == AT_ONCE
        verdict = judge(shown, known, session.validator_since, now, changing=changing)
        if verdict is Verdict.COPIED:
            client = {"address": address, "user_agent": user_agent[: USER.USER_AGENT_MAX_LENGTH]}
            ask(f"{session.id}", ASKED_SECONDS, tasks.end_copied_session, seen_at=now.isoformat(), **client)
            return None
        if verdict is Verdict.NEW:
            noted = {"token_hash": token_hash, "number": shown.number, "mark": shown.mark}
            ask(f"{session.id}:{shown.number}", ASKED_SECONDS, tasks.note_validator, **noted)
        if now - session.last_seen_at > timedelta(minutes=USER.SESSION_TOUCH_MINUTES):
            ask(f"{session.id}", 60 * USER.SESSION_TOUCH_MINUTES, tasks.touch_session, at=now.isoformat())
        of_the_session = {
            "session_id": session.id,
            "authenticated_at": session.authenticated_at,
            "by_passkey": session.by_passkey,
            "has_kept_text": session.has_kept_text,
            "is_banned": session.is_banned,
        }
        if verdict is Verdict.DUE:
            of_the_session["next_validator"] = known.number + 1
            of_the_session["seconds_left"] = int((session.expires_at - now).total_seconds()) if remembered else 0
        return Identity.from_json(member | of_the_session)

    return identify


def includeme(config: Configurator) -> None:
    registry = config.registry
    seconds = settings_of(registry).cache_user_seconds
    registry["identify"] = make_identify(registry, registry["cache"], validators_of(registry), seconds)
