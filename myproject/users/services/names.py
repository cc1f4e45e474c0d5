"""Nicknames: who can have which, and changing one's own.

Two members never have the same one, nor two that look the same: indexes over `name_canonical` and
`name_skeleton` see to it. What was given up stays parked: it leads to its owner, and nobody else gets it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from myproject.cache import touch
from myproject.db import utc_now
from myproject.i18n import _
from myproject.text import canonical
from myproject.users import constants as USER
from myproject.users import errors
from myproject.users.models import FormerName, User
from myproject.users.services import accounts, history, lookalikes, profiles, traces


def check_name(db: Session, name: str, user_id: int | None = None) -> None:
    """Raises NameTooLong, NameReserved, NameMixesScripts, NameTaken or NameTooAlike where `name` can't be had by
    the member `user_id`, None for a newcomer.
    """
    if len(canonical(name)) > USER.NAME_MAX_LENGTH:
        raise errors.NameTooLong
    if canonical(name) in USER.RESERVED_NAMES:
        raise errors.NameReserved
    if lookalikes.mixes_scripts(name):
        raise errors.NameMixesScripts
    if lookalikes.is_like_reserved(name):
        raise errors.NameLikeReserved
    check_unlike_others(db, name, user_id)


def check_unlike_others(db: Session, name: str, user_id: int | None = None) -> None:
    """Raises NameTaken or NameTooAlike where somebody else has `name`, or one that looks the same."""
    others = sa.select(User.name, User.name_canonical).where(
        User.name_canonical.in_({canonical(name), lookalikes.undotted(canonical(name))})
        | User.name_skeleton.in_(lookalikes.skeletons(name)),
        User.id != (user_id or 0),
    )
    found = db.execute(others).all()
    if any(row.name_canonical == canonical(name) for row in found):
        raise errors.NameTaken
    if found:
        raise too_alike(found[0].name)
    check_not_parked(db, name, user_id)


def check_not_parked(db: Session, name: str, user_id: int | None) -> None:
    """Raises NameTaken where somebody else has given up `name`, or one that looks the same, not long ago."""
    skeletons = lookalikes.skeletons(name)
    traces_of_skeletons = [trace for each in skeletons for trace in traces.possible_traces(db, each)]
    parked = sa.select(FormerName.id).where(
        # Of a member who is gone there is but a trace.
        FormerName.name_canonical.in_([canonical(name), *traces.possible_traces(db, canonical(name))])
        | FormerName.name_skeleton.in_([*skeletons, *traces_of_skeletons]),
        # Nobody's, where the account is gone, is somebody else's too.
        FormerName.user_id.is_distinct_from(user_id or 0),
        FormerName.parked_until > utc_now(),
    )
    if db.execute(parked).first() is not None:
        raise errors.NameTaken


def too_alike(name: str) -> errors.NameTooAlike:
    return errors.NameTooAlike(
        _("This nickname is too much like ${name}, which somebody else has", mapping={"name": name})
    )


def give_name(db: Session, user: User, name: str) -> None:
    """Gives `user`, who may be new and is added then, a nickname that `check_name` has let through. Raises
    NameTaken or NameTooAlike where somebody was faster.
    """
    try:
        with db.begin_nested():
            user.name, user.name_canonical = name, canonical(name)
            user.name_skeleton = lookalikes.skeleton(name)
            db.add(user)
            # Who waited here for a member that gives this name up must see it parked: look after the write.
            db.flush()
            check_not_parked(db, name, user.id)
            free = (FormerName.user_id == user.id) | (FormerName.parked_until <= utc_now())
            db.execute(sa.delete(FormerName).where(FormerName.name_canonical == user.name_canonical, free))
    except IntegrityError:
        # Two took it at once: the index decides, and its word becomes the form's.
        check_unlike_others(db, name, user.id)
        raise errors.NameTaken from None
    # Where nobody of that name was, guests were told so.
    touch(db, "names")


def rename(db: Session, user_id: int, name: str, client: accounts.Client) -> User:
    """Changes a member's nickname and parks the old one for them. Raises NameUnchanged, RenamedLately, or as
    `check_name`.
    """
    user = accounts.lock_user(db, user_id)
    if name == user.name:
        raise errors.NameUnchanged
    if may_rename_at(user) > utc_now():
        raise errors.RenamedLately
    check_name(db, name, user.id)
    former = FormerName(
        user_id=user.id,
        name_canonical=user.name_canonical,
        name_skeleton=user.name_skeleton,
        parked_until=utc_now() + timedelta(days=USER.FORMER_NAME_DAYS),
    )
    old = user.name
    give_name(db, user, name)
    # Another spelling of the same name leaves nothing to park.
    if former.name_canonical != user.name_canonical:
        db.add(former)
    user.name_changed_at = utc_now()
    history.note(db, user, USER.SecurityEvent.NAME_CHANGED, client, old)
    # Cached pages show names.
    touch(db, "site")
    return user


def may_rename_at(user: User) -> datetime:
    """From when on a member may change their nickname (again)."""
    if user.name_changed_at is None:
        return user.created_at
    return user.name_changed_at + timedelta(days=USER.RENAME_DAYS)


def find_moved(db: Session, name: str) -> profiles.Profile | None:
    """The public profile of who gave up the nickname `name`, as long as it is parked."""
    owner = (
        sa.select(User.name_canonical)
        .join(FormerName, FormerName.user_id == User.id)
        .where(FormerName.name_canonical == canonical(name), FormerName.parked_until > utc_now())
    )
    now = db.scalar(owner)
    return None if now is None else profiles.find_profile(db, now)


def list_former(db: Session, user_id: int) -> Sequence[Any]:
    """The nicknames that a member gave up, as (name_canonical, created_at, parked_until), newest first."""
    columns = (FormerName.name_canonical, FormerName.created_at, FormerName.parked_until)
    former = sa.select(*columns).where(FormerName.user_id == user_id)
    return db.execute(former.order_by(FormerName.id.desc())).all()
