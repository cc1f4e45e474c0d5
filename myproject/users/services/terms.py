"""Accepting the terms of the site."""

from sqlalchemy.orm import Session

from myproject.db import utc_now
from myproject.users import constants as USER
from myproject.users.services import accounts, history


def accept_terms(db: Session, user_id: int, version: str, client: accounts.Client) -> None:
    """Notes which version a member accepted, when, and from which address. Again does nothing."""
    user = accounts.lock_user(db, user_id)
    if user.terms_version == version:
        return
    user.terms_version, user.terms_accepted_at, user.terms_accepted_from = version, utc_now(), client.address
    history.note(db, user, USER.SecurityEvent.TERMS_ACCEPTED, client, version)
