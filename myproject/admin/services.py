"""What admins look up. Changes of roles and states are verbs of the users module."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from myproject.admin import constants as ADMIN
from myproject.admin.models import Checkup
from myproject.audit import AuditEntry
from myproject.db import fetch, utc_now
from myproject.emails.doctor.findings import Finding
from myproject.emails.doctor.probe import Probe
from myproject.pagination import BEYOND_ALL, Page, cut_by_number
from myproject.text import canonical
from myproject.users import constants as USER
from myproject.users.models import User, UserSession


def list_users(
    db: Session,
    search: str = "",
    role: USER.Role | None = None,
    status: USER.Status | None = None,
    before_id: int | None = None,
) -> Page[Any]:
    """A page of the members whose name or address holds `search`, newest first; with numbers below `before_id`."""
    statement = sa.select(
        User.id,
        User.name,
        User.display_name,
        User.email,
        User.email_verified_at,
        User.role,
        User.status,
        User.created_at,
    )
    if search:
        wanted = canonical(search)
        statement = statement.where(
            User.name_canonical.contains(wanted, autoescape=True)
            | User.email_canonical.contains(wanted, autoescape=True)
        )
    if role is not None:
        statement = statement.where(User.role == role)
    if status is not None:
        statement = statement.where(User.status == status)
    if before_id is not None:
        statement = statement.where(User.id < before_id)
    rows = db.execute(statement.order_by(User.id.desc()).limit(ADMIN.PAGE_SIZE + 1)).all()
    return cut_by_number(rows, ADMIN.PAGE_SIZE)


def list_sessions(db: Session, user_id: int) -> Sequence[Any]:
    """A member's sign-ins, latest first."""
    return db.execute(
        sa.select(
            UserSession.created_at,
            UserSession.last_seen_at,
            UserSession.expires_at,
            UserSession.user_agent,
            UserSession.address,
        )
        .where(UserSession.user_id == user_id)
        .order_by(UserSession.last_seen_at.desc())
        .limit(ADMIN.SESSIONS_SHOWN)
    ).all()


# The audit


@dataclass(frozen=True)
class AuditFilter:
    """Which entries of the audit are asked for; what is empty restricts nothing. `actor` is the name that somebody
    has now, or had when they acted; `target_type` the name of a table.
    """

    action: str = ""
    actor: str = ""
    target_type: str = ""
    target_id: int | None = None


Acting = aliased(User)
ENTRIES = (
    sa.select(
        AuditEntry.id,
        AuditEntry.created_at,
        AuditEntry.actor_name,
        AuditEntry.address,
        AuditEntry.action,
        AuditEntry.target_type,
        AuditEntry.target_id,
        AuditEntry.reason,
        AuditEntry.before,
        AuditEntry.after,
        # None where there is no such row any more.
        Acting.id.label("actor_id"),
        User.id.label("about_id"),
        User.name.label("about_name"),
    )
    .outerjoin(Acting, Acting.id == AuditEntry.actor_id)
    .outerjoin(User, User.id == AuditEntry.about_id)
    .order_by(AuditEntry.id.desc())
    .limit(ADMIN.PAGE_SIZE + 1)
)


def list_audit(db: Session, wanted: AuditFilter, before_id: int | None = None) -> Page[Any]:
    """A page of the audit, newest first; of entries with numbers below `before_id`."""
    statement = ENTRIES.where(AuditEntry.id < (before_id or BEYOND_ALL))
    if wanted.action:
        statement = statement.where(AuditEntry.action == wanted.action)
    if wanted.actor:
        actor_id = sa.select(User.id).where(User.name_canonical == canonical(wanted.actor)).scalar_subquery()
        statement = statement.where((AuditEntry.actor_name == wanted.actor) | (AuditEntry.actor_id == actor_id))
    if wanted.target_type:
        statement = statement.where(AuditEntry.target_type == wanted.target_type)
    if wanted.target_id is not None:
        statement = statement.where(AuditEntry.target_id == wanted.target_id)
    return cut_by_number(fetch(db, statement).all(), ADMIN.PAGE_SIZE)


# The mail doctor


def find_checkups(db: Session) -> tuple[Checkup | None, datetime | None]:
    """The doctor's latest look, and when the one was asked for that is not over yet."""
    rows = db.scalars(sa.select(Checkup).order_by(Checkup.id.desc()).limit(ADMIN.CHECKUPS_KEPT)).all()
    latest = next((row for row in rows if row.finished_at is not None), None)
    running = rows and rows[0].finished_at is None
    return latest, rows[0].asked_at if running else None


def find_probe(db: Session) -> Probe | None:
    """What the headers of the latest probe told, None where no admin gave any."""
    statement = sa.select(Checkup.probe).where(Checkup.probe.is_not(None)).order_by(Checkup.id.desc()).limit(1)
    told = db.scalar(statement)
    return None if told is None else Probe.from_json(told)


def ask_for_checkup(db: Session, probe: Probe | None = None) -> Checkup:
    """A row for a new look, which a task has to take; of the older ones few are kept."""
    known = probe or find_probe(db)
    checkup = Checkup(probe=known.to_json() if known else None)
    db.add(checkup)
    # The task is told the number.
    db.flush()
    db.execute(sa.delete(Checkup).where(Checkup.id <= checkup.id - ADMIN.CHECKUPS_KEPT))
    return checkup


def finish_checkup(db: Session, checkup_id: int, findings: Iterable[Finding]) -> None:
    """Keeps what was found. Does nothing where the row is gone."""
    values = {"findings": [finding.to_json() for finding in findings], "finished_at": utc_now()}
    db.execute(sa.update(Checkup).where(Checkup.id == checkup_id).values(values))
