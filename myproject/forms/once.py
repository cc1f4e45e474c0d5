"""Forms that act once: sent again (by a double click, after going back, after a connection that broke), such a
form leads to where it led, and does nothing.

The form carries a random token that names the member it was made for, and when, signed; it is good for `GOOD_FOR`.
What was sent with it is a row, written in the transaction of what it did: of many that come at the same moment the
first writes it, the others wait for that.

Who goes back gets the page anew, with another token, and the browser fills in what was typed. With JavaScript
(drafts.js) it gets the old token too; without, what the member sent before is found by what it says (`list_same`).
"""

import hashlib
import hmac
import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.db import insert_for, utc_now
from myproject.errors import InputError
from myproject.forms.kept import DAYS
from myproject.forms.models import Submission
from myproject.i18n import _
from myproject.security.keys import keys_of
from myproject.security.tokens import hash_token, make_token
from myproject.web.request import Request

FIELD = "once"
# Without a sign-in it has a text kept for its member: for no longer than a text is.
GOOD_FOR = timedelta(days=DAYS)
# Who says the same again after that means to.
SAME_FOR = timedelta(hours=24)


class SentBefore(InputError):
    """The form was sent before, and said something else then."""

    message = _(
        "You have sent this form before, with another text, and that one was taken. If this is to stand beside "
        "it, send it once more."
    )

    def __init__(self, location: str) -> None:
        super().__init__()
        self.location = location


def make_once(registry: Any, user_id: int) -> str:
    """A token for one form of a member."""
    token = f"{user_id}.{int(utc_now().timestamp())}.{make_token()}"
    return f"{token}.{signature(keys_of(registry).derive(FIELD)[0], token)}"


def member_of(registry: Any, value: str) -> int | None:
    """For which member such a token was made; None where `value` is none, or an old one."""
    token, _dot, signed = value.rpartition(".")
    valid = any(
        hmac.compare_digest(signature(key, token).encode(), signed.encode("utf-8", "replace"))
        for key in keys_of(registry).derive(FIELD)
    )
    parts = token.split(".")
    if not valid or len(parts) != 3:
        return None
    user_id, made_at = map(int, parts[:2])
    return user_id if utc_now().timestamp() - made_at < GOOD_FOR.total_seconds() else None


def writer_of(request: Request) -> int | None:
    """The member for whom the form was made that was posted, as its token to act once says."""
    try:
        token = request.POST.get(FIELD, "")
    except (ValueError, OSError):
        # What can't be read as a form holds none.
        return None
    return member_of(request.registry, token) if isinstance(token, str) else None


def is_for_another(request: Request) -> bool:
    """Whether somebody is signed in by now, and is not who the form was made for that was posted."""
    writer_id, identity = writer_of(request), request.identity_if_known
    return identity is not None and writer_id not in (None, identity.id)


def signature(key: bytes, token: str) -> str:
    return hmac.digest(key, token.encode("utf-8", "replace"), "sha256").hex()


def content_hash(*content: Any) -> str:
    """SHA-256 of what a form says, given as JSON values, in hexadecimal."""
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def find_submission(db: Session, token: str) -> Submission | None:
    """What a form did that was sent with `token` before."""
    return db.get(Submission, hash_token(token), populate_existing=True) if token else None


def list_same(db: Session, user_id: int, content: str) -> Sequence[Submission]:
    """What forms of the member did that said just the same within `SAME_FOR`, latest first."""
    theirs = sa.select(Submission).where(
        Submission.user_id == user_id,
        Submission.content_hash == content,
        Submission.made_id.is_not(None),
        Submission.created_at > utc_now() - SAME_FOR,
    )
    return db.scalars(theirs.order_by(Submission.created_at.desc())).all()


def claim(db: Session, user_id: int, token: str, content: str) -> Submission | None:
    """Takes `token` for this transaction, which is about to do what the form says; the caller then says with
    `lead` where that led. Where the form was sent before: what it did.
    """
    values = {"token_hash": hash_token(token), "user_id": user_id, "content_hash": content, "location": ""}
    # Waits for another transaction that has taken the token and not ended yet.
    statement = insert_for(db, Submission).values(values).on_conflict_do_nothing().returning(Submission.token_hash)
    return None if db.execute(statement).first() else find_submission(db, token)


def lead(db: Session, token: str, content: str, location: str, made_id: int | None) -> None:
    """Notes what the form sent with `token` made, and where it leads."""
    values = {"content_hash": content, "location": location, "made_id": made_id}
    db.execute(sa.update(Submission).where(Submission.token_hash == hash_token(token)).values(values))
