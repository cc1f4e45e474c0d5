"""Accounts at third parties that sign in to one here. A connection is a pair of issuer and subject: what the third
party says of a name or an address never leads to an account (OWASP ASVS 5.0: 6.8.1, 10.5.2).
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from myproject.db import utc_now
from myproject.errors import InputError
from myproject.security.oidc import Person
from myproject.security.tokens import hash_token
from myproject.settings_oidc import Kind, Provider
from myproject.text import canonical, is_name
from myproject.users import constants as USER
from myproject.users import errors
from myproject.users.models import Connection, Passkey, User, UserSession
from myproject.users.services import accounts, history, names, registration, sign_ins

NAME_PARTS = re.compile(r"[^\W_]+(?:_[^\W_]+)*")


@dataclass(frozen=True)
class Row:
    """A line of a member's list. `provider` is its name in the settings."""

    id: int
    provider: str
    label: str
    created_at: datetime
    last_used_at: datetime | None


def list_connections(db: Session, user_id: int) -> Sequence[Row]:
    """A member's connections, oldest first."""
    columns = (
        Connection.id,
        Connection.provider,
        Connection.label,
        Connection.created_at,
        Connection.last_used_at,
    )
    statement = sa.select(*columns).where(Connection.user_id == user_id).order_by(Connection.id)
    return [Row(*row) for row in db.execute(statement)]


def provable(db: Session, user_id: int, providers: Collection[Provider]) -> list[Provider]:
    """The providers at which a member can prove once more who they are: connected ones that tell when somebody
    signed in, which GitHub does not.
    """
    connected = {row.provider for row in list_connections(db, user_id)}
    return [each for each in providers if each.name in connected and each.kind is Kind.OIDC]


def find_owner(db: Session, person: Person) -> int | None:
    """The number of the member whom somebody at a third party signs in as."""
    return db.scalar(
        sa.select(Connection.user_id).where(
            Connection.issuer == person.issuer, Connection.subject == person.subject
        )
    )


def sign_in(db: Session, person: Person, client: accounts.Client) -> sign_ins.Opened | None:
    """Opens a session of the member that `person` is connected to; None where there is none. Raises as
    `sign_ins.open_session`.
    """
    user_id = find_owner(db, person)
    if user_id is None:
        return None
    user = accounts.lock_user(db, user_id)
    used = db.execute(
        sa.update(Connection)
        .where(
            Connection.issuer == person.issuer,
            Connection.subject == person.subject,
            # It may have been taken away while we waited for the account.
            Connection.user_id == user_id,
        )
        .values(last_used_at=utc_now(), label=person.label)
        .returning(Connection.id)
    ).first()
    if used is None:
        return None
    opened = sign_ins.open_session(db, user, client, USER.Way.PROVIDER)
    if not opened.needs_second_factor:
        # Who was signed in there for long has proved nothing now, and where nobody tells, that is taken for long
        # (OWASP ASVS 5.0: 7.5.3).
        then = datetime.fromtimestamp(max(person.authenticated_at or 0, 0), UTC)
        db.execute(
            sa.update(UserSession)
            .where(UserSession.token_hash == hash_token(opened.token), UserSession.authenticated_at > then)
            .values(authenticated_at=then)
            .execution_options(synchronize_session=False)
        )
    return opened


def connect(db: Session, user_id: int, provider: Provider, person: Person, client: accounts.Client) -> None:
    """Lets `person` sign in as this member from now on, who has asked for it while signed in. Connecting once more
    changes nothing.

    Raises ConnectedElsewhere, ConnectedAlready or AddressUnverified: who registers with somebody else's address
    must leave nothing behind by which to come back once its owner has taken the account over.
    """
    user = accounts.lock_user(db, user_id)
    if not user.verified:
        raise errors.AddressUnverified
    owner = find_owner(db, person)
    if owner == user_id:
        return
    if owner is not None:
        raise errors.ConnectedElsewhere
    if any(row.provider == provider.name for row in list_connections(db, user_id)):
        raise errors.ConnectedAlready
    add_connection(db, user, provider, person)
    history.note(db, user, USER.SecurityEvent.PROVIDER_CONNECTED, client, detail_of(provider, person.label))


def add_connection(db: Session, user: User, provider: Provider, person: Person) -> None:
    made = Connection(
        user_id=user.id,
        provider=provider.name,
        issuer=person.issuer,
        subject=person.subject,
        label=person.label,
        last_used_at=utc_now(),
    )
    try:
        with db.begin_nested():
            db.add(made)
    except IntegrityError:
        # Two browsers at once: the index decides.
        raise errors.ConnectedElsewhere from None


def detail_of(provider: Provider, label: str) -> str:
    return f"{provider.title}, {label}" if label else provider.title


def disconnect(
    db: Session,
    user_id: int,
    connection_id: int,
    providers: Collection[Provider],
    client: accounts.Client,
    *,
    keep_session_id: int,
) -> None:
    """Takes a connection away, and ends the sessions that began by any but for the one at hand: whoever has the
    account elsewhere is out.

    `providers` are those of the settings: only these are ways in. Raises LastWayToDisconnect where the account
    could not be entered any more.
    """
    user = accounts.lock_user(db, user_id)
    rows = list_connections(db, user_id)
    gone = next((row for row in rows if row.id == connection_id), None)
    if gone is None:
        return
    titles = {provider.name: provider.title for provider in providers}
    others = [row for row in rows if row.id != connection_id and row.provider in titles]
    has_passkey = db.scalar(sa.select(sa.exists().where(Passkey.user_id == user_id)))
    if user.password is None and not others and not has_passkey:
        raise errors.LastWayToDisconnect
    db.execute(sa.delete(Connection).where(Connection.id == connection_id))
    db.execute(
        sa.delete(UserSession).where(
            UserSession.user_id == user_id,
            UserSession.way == USER.Way.PROVIDER,
            UserSession.id != keep_session_id,
        )
    )
    title = titles.get(gone.provider, gone.provider)
    detail = f"{title}, {gone.label}" if gone.label else title
    history.note(db, user, USER.SecurityEvent.PROVIDER_REMOVED, client, detail)


def disconnect_all(db: Session, user_id: int) -> None:
    """Takes all connections of an account away whose address somebody has just proved to be theirs: they were made
    by whoever had registered with it before.
    """
    db.execute(sa.delete(Connection).where(Connection.user_id == user_id))


def suggest_name(db: Session, text: str) -> str:
    """A nickname out of what somebody is called elsewhere; empty where none can be had of it."""
    joined = "-".join(NAME_PARTS.findall(text))[: USER.NAME_MAX_LENGTH].rstrip(USER.NAME_JOINERS)
    if len(joined) < USER.NAME_MIN_LENGTH or not is_name(joined, USER.NAME_JOINERS):
        return ""
    try:
        names.check_name(db, joined)
    except InputError:
        return ""
    return joined


def has_owner(db: Session, person: Person) -> bool:
    """Whether a member has verified the address that the third party vouches for: that member connects it, from
    inside, and nobody else gets it.
    """
    return (
        person.email_verified
        and accounts.find_verified(db, canonical(person.email)[: USER.EMAIL_MAX_LENGTH]) is not None
    )


def register(
    db: Session,
    provider: Provider,
    person: Person,
    *,
    name: str,
    email: str,
    client: accounts.Client,
    admission: registration.Admission,
    terms_version: str,
) -> User:
    """Makes an account without a password, with its connection. `email` counts as verified only where it is the
    address that the third party vouches for.

    Raises EmailTaken, ConnectedElsewhere, or what `names.check_name` does.
    """
    vouched = person.email_verified and canonical(email) == canonical(person.email)
    if vouched and has_owner(db, person):
        raise errors.EmailTaken
    user = registration.register(
        db,
        name=name,
        email=email,
        password_hash=None,
        client=client,
        admission=admission,
        terms_version=terms_version,
        verified=vouched,
    )
    add_connection(db, user, provider, person)
    return user
