"""Which page of a post's comments: `?order=`, with `?from=` (from a thread on) or `?thread=` (the rest of one)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from myproject.comments import constants as COMMENT
from myproject.pagination import row_number


@dataclass(frozen=True)
class Place:
    """`from_id` is the top of the first thread, `thread_id` the comment with which the rest of a thread begins."""

    order: COMMENT.Order = COMMENT.Order.OLD
    from_id: int | None = None
    thread_id: int | None = None

    def fields(self) -> dict[str, str]:
        """As an address or a form writes it; nothing for the first page."""
        values = {
            "order": None if self.order is COMMENT.Order.OLD else self.order.value,
            "from": self.from_id,
            "thread": self.thread_id,
        }
        return {name: str(value) for name, value in values.items() if value is not None}

    def query(self) -> str:
        pairs = [f"{name}={value}" for name, value in self.fields().items()]
        return f"?{'&'.join(pairs)}" if pairs else ""


def read_place(values: Mapping[str, Any]) -> Place | None:
    """The place that an address or a form names; None where it names none."""
    numbers = []
    for name in ("from", "thread"):
        text = values.get(name, "")
        number = row_number(text) if isinstance(text, str) else None
        if text != "" and number is None:
            return None
        numbers.append(number)
    try:
        return Place(COMMENT.Order(values.get("order", COMMENT.Order.OLD)), *numbers)
    except ValueError:
        return None
