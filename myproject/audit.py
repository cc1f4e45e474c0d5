"""The audit: one row for each privileged change, in the same transaction as the change. No code deletes one."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from myproject.cache import touch
from myproject.db import BIG_INTEGER, Base, BigId, utc_now

REASON_MAX_LENGTH = 500
# Of what members write, and who may: everybody may read what staff did there (`moderation.services.log`).
PUBLIC = sa.text("target_type IN ('posts', 'comments', 'comment_bans')")


class AuditEntry(Base):
    """Who did what to which thing, why, and what it was before and after. Secrets never stand in it."""

    __tablename__ = "audit_entries"
    __table_args__ = (
        sa.Index("ix_audit_entries_target", "target_type", "target_id", "id"),
        sa.Index("ix_audit_entries_public", "id", sqlite_where=PUBLIC, postgresql_where=PUBLIC),
        sa.CheckConstraint(f"length(reason) <= {REASON_MAX_LENGTH}", name="reason_length"),
    )

    id: Mapped[BigId] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    # Names stay readable when the row they name is gone, so neither is a foreign key.
    actor_id: Mapped[int | None] = mapped_column(BIG_INTEGER)
    actor_name: Mapped[str] = mapped_column(sa.String(60))
    action: Mapped[str] = mapped_column(sa.String(60))
    target_type: Mapped[str] = mapped_column(sa.String(30))
    target_id: Mapped[int] = mapped_column(BIG_INTEGER)
    # The member whom that row is of: it may be gone before they are, and the reason name them.
    about_id: Mapped[int | None] = mapped_column(BIG_INTEGER)
    reason: Mapped[str] = mapped_column(sa.String(REASON_MAX_LENGTH), default="")
    before: Mapped[dict[str, Any]] = mapped_column(sa.JSON, default=dict)
    after: Mapped[dict[str, Any]] = mapped_column(sa.JSON, default=dict)
    address: Mapped[str] = mapped_column(sa.String(45), default="")
    request_id: Mapped[str] = mapped_column(sa.String(64), default="")


def record(
    db: Session,
    action: str,
    target: Base,
    *,
    actor: "Actor",
    reason: str = "",
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """Adds the row for `action` (such as `user.role`) on `target`, a row with an `id`."""
    db.add(
        AuditEntry(
            actor_id=actor.id,
            actor_name=actor.name,
            action=action,
            target_type=target.__tablename__,
            target_id=target.id,  # type: ignore[attr-defined]
            about_id=member_of(target),
            reason=reason,
            before=before or {},
            after=after or {},
            address=actor.address,
            request_id=actor.request_id,
        )
    )
    touch(db, "log")


def member_of(row: Any) -> int | None:
    """The member whom a row is of: who wrote it or has it, or themselves; None where that is nobody."""
    if row.__tablename__ == "users":
        return int(row.id)
    found: int | None = getattr(row, "author_id", None) or getattr(row, "user_id", None)
    return found


def hide_in_entries(db: Session, which: sa.ColumnElement[bool], hide: Callable[[str], str]) -> None:
    """Puts what `hide` gives in the place of each text of the entries: reasons, and what was before and after."""
    for entry in db.scalars(sa.select(AuditEntry).where(which)):
        entry.reason = hide(entry.reason)[:REASON_MAX_LENGTH]
        entry.before, entry.after = replaced(entry.before, hide), replaced(entry.after, hide)
    touch(db, "log")


def on_rows(table: type[Base], ids: sa.Select[int]) -> sa.ColumnElement[bool]:
    """Which entries are on those rows of a table."""
    return (AuditEntry.target_type == table.__tablename__) & AuditEntry.target_id.in_(ids)


def replaced(value: Any, hide: Callable[[str], str]) -> Any:
    """A JSON value with `hide` of each text in it."""
    if isinstance(value, dict):
        return {key: replaced(item, hide) for key, item in value.items()}
    if isinstance(value, list):
        return [replaced(item, hide) for item in value]
    return hide(value) if isinstance(value, str) else value


class Actor:
    """Who acts: a member by a request, or the command line."""

    def __init__(self, id: int | None, name: str, address: str = "", request_id: str = "") -> None:
        self.id = id
        self.name = name
        self.address = address
        self.request_id = request_id


COMMAND_LINE = Actor(None, "command line")


def actor_of(request: Any) -> Actor:
    """The member who makes the request, as the audit names them."""
    return Actor(request.member.id, request.member.name, request.client_addr, request.id)


def list_entries(db: Session, target: Base | type[Base], limit: int = 50) -> list[AuditEntry]:
    """The latest entries on one row, or on any of a table, newest first."""
    concerned = AuditEntry.target_type == target.__tablename__
    if isinstance(target, Base):
        concerned &= AuditEntry.target_id == target.id  # type: ignore[attr-defined]
    return list(db.scalars(sa.select(AuditEntry).where(concerned).order_by(AuditEntry.id.desc()).limit(limit)))
