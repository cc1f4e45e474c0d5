"""Who may not comment for a time, with what happens to their comments meanwhile."""

from datetime import timedelta

from sqlalchemy.orm import Session

from myproject.audit import Actor
from myproject.comments.services.hiding import hide_comments_of, show_comments_of
from myproject.db import utc_now
from myproject.users.services import bans


def ban_member(
    db: Session, actor: Actor, user_id: int, days: int | None, reason: str, *, hide_comments: bool
) -> None:
    """Bans a member from commenting for some days, or until staff lift it; may hide what they have said so far.
    Raises NotBannable, AlreadyBanned.
    """
    ends_at = utc_now() + timedelta(days=days) if days is not None else None
    bans.ban(db, actor, user_id, ends_at, reason)
    if hide_comments:
        hide_comments_of(db, user_id)


def lift_ban(db: Session, actor: Actor, user_id: int, *, show_comments: bool, seen_id: int | None = None) -> None:
    """Lets a member comment again; may put back what was hidden with the ban. Raises Overtaken where that is not
    the ban that the actor has seen.
    """
    bans.lift(db, actor, user_id, seen_id)
    if show_comments:
        show_comments_of(db, user_id)
