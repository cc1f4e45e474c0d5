"""What is left of somebody who has gone: hashes with a key that is not in the database.

They answer one question, "was it this one?", to who has the text in hand already, and tell nothing to who has not.
"""

import hmac
from typing import Any

from sqlalchemy.orm import Session

from myproject.security.keys import keys_of

PURPOSE = "traces of erased members"
# No nickname begins so; with it a trace fits where a nickname stands.
MARK = "#"
LENGTH = 28


def trace_of(registry: Any, text: str) -> str:
    """The trace of a text in its canonical form: `MARK` and 112 bits of an HMAC with SHA-256, as 29 characters."""
    return traces_of(registry, text)[0]


def traces_of(registry: Any, text: str) -> list[str]:
    """The traces that a text may have left, by each of the site's keys, the newest first."""
    return [
        MARK + hmac.digest(key, text.encode(), "sha256").hex()[:LENGTH]
        for key in keys_of(registry).derive(PURPOSE)
    ]


def possible_traces(db: Session, text: str) -> list[str]:
    """`traces_of` for a session; none without a site, as in tools."""
    registry = db.info.get("registry")
    return [] if registry is None else traces_of(registry, text)
