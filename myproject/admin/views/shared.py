"""What several of the admins' screens need."""

from typing import Any

from pyramid.httpexceptions import HTTPNotFound
from sqlalchemy.orm import Session

from myproject import audit
from myproject.admin import schemas
from myproject.db import Base
from myproject.pagination import row_number


def number_of(text: str | None) -> int | None:
    """A number in an address, None where there is none. Raises HTTPNotFound for anything else."""
    if not text:
        return None
    number = row_number(text)
    if number is None:
        raise HTTPNotFound
    return number


def changes(db: Session, target: Base | type[Base] | None) -> dict[str, Any]:
    """What `changes` of `admin/pieces.html` shows: the audit of one row, of a table, or of a row that is not there
    yet.
    """
    return {
        "entries": [] if target is None else audit.list_entries(db, target),
        "action_titles": schemas.ACTION_TITLES,
        "value_titles": schemas.value_titles,
    }
