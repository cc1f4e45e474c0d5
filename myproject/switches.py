"""Switches: what admins turn off and on while the site runs, in every process from the next request on."""

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from myproject.audit import Actor, record
from myproject.db import Base, BigId, utc_now


class Name(StrEnum):
    CAPTCHA = "captcha"


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


def is_on(db: Session, name: Name) -> bool:
    return db.scalar(sa.select(Switch.is_on).where(Switch.name == name)) is not False


def find_switch(db: Session, name: Name) -> Switch | None:
    """The row of a switch; None where it was never turned."""
    return db.scalar(sa.select(Switch).where(Switch.name == name))


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
    before = Position.OFF if on else Position.ON
    values = {"before": {name.value: before.name}, "after": {name.value: position.name}}
    record(db, "switch.turn", switch, actor=actor, reason=reason, **values)
