"""Keyset pages: a list goes on after the last row shown, found by an index, whatever came or went meanwhile."""

import base64
import binascii
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

import sqlalchemy as sa

Row = TypeVar("Row")

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ROW_NUMBER_DIGITS = 18
# What an INTEGER holds.
SCORES = 2**31
MICROSECOND = timedelta(microseconds=1)


# Behind the number of every row.
BEYOND_ALL = 2**62


class BadCursor(ValueError):
    """A cursor that we have not written."""


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Rows of a list, and the cursor after which the next page goes on; None on the last page."""

    rows: Sequence[Row]
    next_cursor: str | None


def row_number(text: str) -> int | None:
    """The number of a row as an address or a form writes it: ASCII digits that fit a BIGINT; else None."""
    fits = text.isascii() and text.isdigit() and len(text) <= ROW_NUMBER_DIGITS
    return int(text) if fits else None


def encode(key: datetime | int, row_id: int) -> str:
    """The place of a row in a list by time, or by a score, and number, as 22 characters for an address."""
    first = key if isinstance(key, int) else (key - EPOCH) // MICROSECOND
    return base64.urlsafe_b64encode(struct.pack(">qq", first, row_id)).decode().rstrip("=")


def decode(cursor: str) -> tuple[datetime, int]:
    """The inverse of `encode`. Raises BadCursor."""
    try:
        packed = base64.b64decode(cursor.encode("ascii") + b"==", altchars=b"-_", validate=True)
        microseconds, row_id = struct.unpack(">qq", packed)
        return EPOCH + microseconds * MICROSECOND, row_id
    except (UnicodeEncodeError, binascii.Error, struct.error, ValueError, OverflowError, OSError):
        raise BadCursor(cursor[:40]) from None


def decode_score(cursor: str) -> tuple[int, int]:
    """The inverse of `encode` for a list by a score, which is an INTEGER of the database. Raises BadCursor."""
    moment, row_id = decode(cursor)
    score = (moment - EPOCH) // MICROSECOND
    if abs(score) >= SCORES:
        raise BadCursor(cursor[:40])
    return score, row_id


def before(cursor: str | None, key: Any, row_id: Any) -> sa.ColumnElement[bool]:
    """The condition that a row stands after `cursor` in a list with the latest, or the highest score, first;
    always true without one. Raises BadCursor.
    """
    if cursor is None:
        return sa.true()
    first, number = decode_score(cursor) if isinstance(key.type, sa.Integer) else decode(cursor)
    return sa.tuple_(key, row_id) < sa.tuple_(sa.literal(first, key.type), sa.literal(number, row_id.type))


def cut(rows: Sequence[Row], size: int, moment: str) -> Page[Row]:
    """A page of `size` from rows that were asked for with one more; `moment` names their attribute of time or
    score.
    """
    if len(rows) <= size:
        return Page(rows, None)
    last: Any = rows[size - 1]
    return Page(rows[:size], encode(getattr(last, moment), last.id))


def cut_by_number(rows: Sequence[Row], size: int) -> Page[Row]:
    """A page of `size` from rows that were asked for with one more, in the order of their numbers; its cursor is
    the number of its last row, behind which the next page begins.
    """
    shown = rows[:size]
    last: Any = shown[-1] if len(rows) > size else None
    return Page(shown, str(last.id) if last is not None else None)
