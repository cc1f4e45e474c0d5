"""What staff decided of a member's text, as the audit has it: its author is told, with their words."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.audit import AuditEntry
from myproject.comments.models import Comment
from myproject.notifications import constants as NOTE
from myproject.notifications.constants import Decision
from myproject.notifications.services.telling import Happened, tell_one
from myproject.posts.models import Post

DECISIONS = {
    "approve": Decision.APPROVED,
    "remove": Decision.REMOVED,
    "merge": Decision.MOVED,
    "move": Decision.MOVED,
    "edit": Decision.EDITED,
    "restore": Decision.RESTORED,
}
WAITED = {"status": "WAITING"}


def tell_author(db: Session, text: Post | Comment, by: int | None, *verbs: str) -> None:
    """Tells the author of a text of the latest entry of the audit on it, where that is one of `verbs` (`remove`
    for `post.remove`) and somebody else's. Of the same entry they are told once.

    `by` is who has just done what is told of. What authors do themselves has no entry: the latest is an old one.
    """
    if by == text.author_id:
        return
    entry = db.execute(
        sa.select(AuditEntry.id, AuditEntry.action, AuditEntry.actor_id, AuditEntry.reason, AuditEntry.before)
        .where(AuditEntry.target_type == text.__tablename__, AuditEntry.target_id == text.id)
        .order_by(AuditEntry.id.desc())
        .limit(1)
    ).first()
    if entry is None or entry.actor_id == text.author_id:
        return
    verb = entry.action.rpartition(".")[2]
    if verb not in verbs:
        return
    decision = DECISIONS[verb]
    if decision is Decision.REMOVED and entry.before == WAITED:
        decision = Decision.REFUSED
    post_id, comment_id = (text.id, None) if isinstance(text, Post) else (text.post_id, text.id)
    tell_decision(
        db,
        text.author_id,
        decision,
        f"moderation:{entry.id}",
        note=entry.reason,
        post_id=post_id,
        comment_id=comment_id,
    )


def tell_decision(
    db: Session,
    user_id: int,
    decision: Decision,
    key: str,
    *,
    note: str = "",
    post_id: int | None = None,
    comment_id: int | None = None,
) -> None:
    """Tells a member what staff decided of their text, and in which words. Of one `key`, such as `moderation:17`
    with the number of the audit's entry, they are told once.
    """
    happened = Happened(key, post_id, comment_id, decision=decision, note=note)
    tell_one(db, user_id, NOTE.Kind.MODERATION, happened)
