"""Whom members have blocked: of these they hear nothing. Nobody else is told of it."""

import contextlib
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from myproject.db import fetch
from myproject.pagination import BEYOND_ALL, Page, cut_by_number
from myproject.personal_data import File, Person, json_list
from myproject.users import constants as USER
from myproject.users.models import User, UserBlock
from myproject.users.services.profiles import SHOWN

# Those whom a member has blocked, in the order of the key: who came last to the site first.
LISTED = (
    sa.select(User.id, User.name, User.display_name, UserBlock.created_at, sa.and_(*SHOWN).label("has_profile"))
    .join(UserBlock, UserBlock.blocked_id == User.id)
    .where(UserBlock.user_id == sa.bindparam("user_id"), UserBlock.blocked_id < sa.bindparam("before_id"))
    .order_by(UserBlock.blocked_id.desc())
    .limit(USER.BLOCKS_PAGE_SIZE + 1)
)


def block(db: Session, user_id: int, blocked_id: int) -> None:
    """Tells a member nothing more of what somebody else writes or likes. Blocking twice is blocking once."""
    with contextlib.suppress(IntegrityError), db.begin_nested():
        db.add(UserBlock(user_id=user_id, blocked_id=blocked_id))


def unblock(db: Session, user_id: int, blocked_id: int) -> None:
    """Takes a block back, where there was one. What came in between is not told any more."""
    db.execute(sa.delete(UserBlock).where(UserBlock.user_id == user_id, UserBlock.blocked_id == blocked_id))


def list_blocked(db: Session, user_id: int, before_id: int | None = None) -> Page[Any]:
    """A page of those whom a member has blocked, as (id, name, display_name, created_at, has_profile); the cursor
    of the next page is the number of a member, which it begins behind (`before_id`).
    """
    rows = fetch(db, LISTED, {"user_id": user_id, "before_id": before_id or BEYOND_ALL}).all()
    return cut_by_number(rows, USER.BLOCKS_PAGE_SIZE)


def export_blocks(db: Session, person: Person) -> Iterator[File]:
    """Whom a member has blocked, to take along; not who has blocked them."""
    theirs = sa.select(User.name, UserBlock.created_at).join(UserBlock, UserBlock.blocked_id == User.id)
    rows = db.execute(theirs.where(UserBlock.user_id == person.id).order_by(UserBlock.created_at))
    yield "blocked.json", json_list(row._asdict() for row in rows)


def erase_blocks(db: Session, person: Person, removing: bool) -> None:
    """Deletes whom a member has blocked, and that others have blocked them: they will write nothing more."""
    is_theirs = (UserBlock.user_id == person.id) | (UserBlock.blocked_id == person.id)
    db.execute(sa.delete(UserBlock).where(is_theirs))
