"""The first admin of a site that has none: made once, by a link that only who starts the site can read (OWASP ASVS
5.0: 6.3.2). From then on there is no such link.
"""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.audit import Actor
from myproject.users import constants as USER
from myproject.users import errors
from myproject.users.models import SignInStep, User
from myproject.users.services import registration, steps


def is_wanted(db: Session) -> bool:
    """Whether the site has no admin, not even one whose account is shut."""
    return not db.scalar(sa.select(sa.exists().where(User.role == USER.Role.ADMIN)))


def make_link(db: Session) -> str | None:
    """The token of a link that makes the first admin, good for `FIRST_ADMIN_HOURS`; None where there is one."""
    if not is_wanted(db):
        return None
    return steps.begin_step(db, USER.Step.FIRST_ADMIN, minutes=60 * USER.FIRST_ADMIN_HOURS)


def is_open(db: Session, token: str) -> bool:
    """Whether the link of `token` would make the first admin."""
    return steps.find_step(db, token, USER.Step.FIRST_ADMIN) is not None and is_wanted(db)


def make(db: Session, token: str, *, name: str, email: str, password_hash: str, address: str) -> User:
    """Makes the first admin, whose address counts as verified: who starts the site vouches for it. Every such link
    ends. Raises StepGone where this one is over or there is an admin, and as `registration.create_verified`.
    """
    steps.end_step(db, token, USER.Step.FIRST_ADMIN)
    # Each start of the site may have printed one. Who comes at the same time by another waits here for this one.
    db.execute(sa.delete(SignInStep).where(SignInStep.step == USER.Step.FIRST_ADMIN))
    if not is_wanted(db):
        raise errors.StepGone
    actor, role = Actor(None, "link to set up", address), USER.Role.ADMIN
    return registration.create_verified(db, actor, name=name, email=email, password_hash=password_hash, role=role)
