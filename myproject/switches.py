"""Switches: what admins turn off and on while the site runs, in every process from the next request on."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from myproject.audit import Actor, record
from myproject.cache import remembered, touch
from myproject.db import Base, BigId, utc_now
from myproject.errors import InputError
from myproject.i18n import _


class Name(StrEnum):
    CAPTCHA = "captcha"
    WRITING = "writing"  # of posts and comments; staff write on


class ReadOnly(InputError):
    message = _(
        "The site takes no posts and comments for now, and none are changed. Yours is below, and is kept for a "
        "week: send it again when the site is open."
    )


class Position(StrEnum):
    ON = "on"
    OFF = "off"


class Switch(Base):
    """What was switched at least once; all else is on."""

    __tablename__ = "switches"

    id: Mapped[BigId] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(30), unique=True)
    is_on: Mapped[bool]
    changed_at: Mapped[datetime] = mapped_column(default=utc_now)


# A part of the one query for what a post's page says to one reader alone: a row where nobody but staff may write.
WRITING_IS_OFF: sa.Select[*tuple[Any, ...]] = sa.select(
    sa.literal_column("'read_only'"), Switch.id, Switch.changed_at
).where(Switch.name == Name.WRITING, ~Switch.is_on)


def is_on(db: Session, name: Name) -> bool:
    return db.scalar(sa.select(Switch.is_on).where(Switch.name == name)) is not False


def is_on_now(request: Any, name: Name) -> bool:
    """The same, for a request: costs no query where the cache knows."""
    return remembered(request, f"switch:{name}", ("switches",), lambda db: is_on(db, name))


def is_read_only(request: Any) -> bool:
    """Whether the one who asks can write no posts and comments for now. Costs no query where the cache knows."""
    identity = request.identity
    if identity is not None and identity.is_staff:
        return False
    return not is_on_now(request, Name.WRITING)


def refuse_while_read_only(request: Any) -> None:
    """Raises ReadOnly where the one who asks can write nothing for now."""
    if is_read_only(request):
        raise ReadOnly


def turn(db: Session, actor: Actor, name: Name, position: Position, reason: str) -> None:
    """Turns a switch, with a row in the audit. Does nothing where it stands so already."""
    on = position is Position.ON
    switch = db.scalar(sa.select(Switch).where(Switch.name == name).with_for_update())
    if (switch is None or switch.is_on) == on:
        return
    if switch is None:
        switch = Switch(name=name, is_on=on)
        db.add(switch)
        # The audit names the row by its number.
        db.flush()
    switch.is_on, switch.changed_at = on, utc_now()
    touch(db, "site", "switches")
    before = Position.OFF if on else Position.ON
    values = {"before": {name.value: before.name}, "after": {name.value: position.name}}
    record(db, "switch.turn", switch, actor=actor, reason=reason, **values)
