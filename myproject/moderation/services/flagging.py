"""Members' reports of texts. So many of them hide a text until staff have looked at it."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.moderation import constants as MODERATION
from myproject.moderation import errors
from myproject.moderation.models import Case, Flag
from myproject.moderation.services import cases, texts


def find_flag(
    db: Session, user_id: int, *, post_id: int | None = None, comment_id: int | None = None
) -> Flag | None:
    """A member's report of a post or a comment."""
    which = Case.post_id == post_id if post_id is not None else Case.comment_id == comment_id
    statement = sa.select(Flag).join(Case, Case.id == Flag.case_id).where(which, Flag.user_id == user_id)
    return db.scalars(statement).first()


def flag_text(
    db: Session,
    user_id: int,
    reason: MODERATION.Reason,
    note: str,
    *,
    post_id: int | None = None,
    comment_id: int | None = None,
    flags_to_hide: int,
    flagger_texts: int,
) -> bool:
    """Reports a text for a member, or changes their report. It is hidden with the report number `flags_to_hide`
    (0: with none) of members who have `flagger_texts` texts in the open. The caller has checked that it is not
    their own. Gives whether the text is hidden now. Raises NotInTheOpen and, where their report of the same words
    was answered, LookedAtBefore.
    """
    text = texts.lock_text(db, post_id=post_id, comment_id=comment_id)
    if not (texts.is_open(text) or texts.is_hidden(text)):
        raise errors.NotInTheOpen
    flag = find_flag(db, user_id, post_id=post_id, comment_id=comment_id)
    if flag is not None and flag.outcome != MODERATION.Outcome.OPEN and flag.version == text.version:
        raise errors.LookedAtBefore
    counts = texts.count_open(db, user_id, flagger_texts) >= flagger_texts
    case = cases.find_or_open(db, text)
    if flag is None:
        flag = Flag(case_id=case.id, user_id=user_id)
        db.add(flag)
    flag.reason, flag.note, flag.version = reason, note, text.version
    flag.outcome = MODERATION.Outcome.OPEN
    flag.counts = counts
    db.flush()
    case.flag_count = count_flags(db, case.id)
    if flags_to_hide and case.flag_count >= flags_to_hide and texts.is_open(text):
        texts.hide(db, text)
    return texts.is_hidden(text)


def count_flags(db: Session, case_id: int) -> int:
    """The reports of a case that count and that nobody has answered."""
    theirs = (Flag.case_id == case_id) & (Flag.outcome == MODERATION.Outcome.OPEN) & Flag.counts
    return db.scalars(sa.select(sa.func.count()).select_from(Flag).where(theirs)).one()
