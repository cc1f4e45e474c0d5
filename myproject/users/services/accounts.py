"""What every other service needs of an account."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.emails.constants import Kind
from myproject.emails.services.outbox import Mail
from myproject.i18n import ENGLISH
from myproject.users import constants as USER
from myproject.users.models import User


@dataclass(frozen=True)
class Client:
    """Where a request came from: the address and what the browser calls itself, as they stand in a session's
    row.
    """

    address: str
    user_agent: str


def lock_user(db: Session, user_id: int) -> User:
    """The user as they are now, held until the transaction ends: what is decided on a row must still be true of it
    when it is written.
    """
    return db.get_one(User, user_id, with_for_update=True, populate_existing=True)


def renew_cached(db: Session, email_canonical: str) -> None:
    """Has every process look again at the members of an address: what is cached of them has changed elsewhere."""
    statement = sa.update(User).where(User.email_canonical == email_canonical)
    db.execute(statement.values(revision=User.revision + 1), execution_options={"synchronize_session": False})


def can_sign_in(user: User) -> bool:
    """The one decision of who may have a session, for every way in."""
    return user.status != USER.Status.INACTIVE and user.approval in USER.ADMITTED


def mail_name(user: User) -> str:
    """What mail about the account calls its reader in To: the nickname where nobody has proved the address. Who
    reads there may have asked for nothing: no free text of somebody else for them.
    """
    return user.title if user.verified else user.name


def mail_to(user: User, kind: Kind, context: Mapping[str, Any], **more: Any) -> Mail:
    """A mail to the owner of an account at its address, in their language; `more` are other fields of `Mail`, also
    in place of these. Templates get the nickname beside the `context`.
    """
    reader = {"to_address": user.email, "to_name": mail_name(user)} | more
    return Mail(
        kind,
        user_id=user.id,
        locale=user.locale or ENGLISH,
        context={"name": user.name, **context},
        **reader,
    )


def find_verified(db: Session, email_canonical: str) -> User | None:
    """The member whose verified address this is."""
    return db.scalar(
        sa.select(User).where(User.email_canonical == email_canonical, User.email_verified_at.is_not(None))
    )
