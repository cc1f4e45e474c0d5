"""What moderation holds of a member, to take along or to erase. Their reports and vouches go with their row."""

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.moderation import constants as MODERATION
from myproject.moderation.models import Case, Flag, Vouch
from myproject.personal_data import File, Person, json_list
from myproject.posts import constants as POST
from myproject.users.models import CommentBan

# Of a case: the reports that count and that nobody has answered, and those who vouch for its text.
OPEN_FLAGS = (Flag.case_id == Case.id) & (Flag.outcome == MODERATION.Outcome.OPEN) & Flag.counts
FLAGS = sa.select(sa.func.count(Flag.id)).where(OPEN_FLAGS).correlate(Case).scalar_subquery()
VOUCHES = sa.select(sa.func.count(Vouch.user_id)).where(Vouch.case_id == Case.id).correlate(Case).scalar_subquery()


def export_flags(db: Session, person: Person) -> Iterator[File]:
    """The texts that a member has reported or vouched for, and what became of that; and what staff decided of
    theirs.
    """
    texts = (Case.post_id, Case.comment_id)
    flags = sa.select(*texts, Flag.reason, Flag.note, Flag.outcome, Flag.created_at).join(
        Case, Case.id == Flag.case_id
    )
    theirs = db.execute(flags.where(Flag.user_id == person.id).order_by(Flag.id))
    yield (
        "reports.json",
        json_list(row._asdict() | {"reason": row.reason.name, "outcome": row.outcome.name} for row in theirs),
    )
    vouches = sa.select(*texts, Vouch.created_at).join(Case, Case.id == Vouch.case_id)
    vouched = db.execute(vouches.where(Vouch.user_id == person.id).order_by(Vouch.case_id))
    yield "vouches.json", json_list(row._asdict() for row in vouched)
    decided = sa.select(*texts, Case.decision, Case.decided_at, Case.reason).where(
        Case.author_id == person.id, Case.decision.is_not(None)
    )
    decisions = db.execute(decided.order_by(Case.id))
    yield "decisions.json", json_list(row._asdict() | {"decision": row.decision.name} for row in decisions)
    bans = sa.select(CommentBan.reason, CommentBan.created_at, CommentBan.ends_at, CommentBan.lifted_at)
    rows = db.execute(bans.where(CommentBan.user_id == person.id).order_by(CommentBan.id))
    yield "comment-bans.json", json_list(row._asdict() for row in rows)


def hide_in_words(db: Session, person: Person) -> None:
    """Hides what names a member in the reports of their texts, and in what staff said of those."""
    of_theirs = Case.author_id == person.id
    for row in db.execute(sa.select(Case.id, Case.reason).where(of_theirs, Case.reason != "")).all():
        reason = person.hide(row.reason)[: POST.REASON_MAX_LENGTH]
        db.execute(sa.update(Case).where(Case.id == row.id).values(reason=reason))
    notes = sa.select(Flag.id, Flag.note).join(Case, Case.id == Flag.case_id).where(of_theirs, Flag.note != "")
    for row in db.execute(notes).all():
        note = person.hide(row.note)[: MODERATION.NOTE_MAX_LENGTH]
        db.execute(sa.update(Flag).where(Flag.id == row.id).values(note=note))


def erase_flags(db: Session, person: Person, removing: bool) -> None:
    """Takes a member's reports and vouches back; hides what names them in what was
    said of their texts; and where these go, they are nothing to staff any more.
    """
    of_person = sa.union_all(*(sa.select(mark.case_id).where(mark.user_id == person.id) for mark in (Flag, Vouch)))
    concerned = db.scalars(of_person).all()
    for mark in (Flag, Vouch):
        db.execute(sa.delete(mark).where(mark.user_id == person.id))
    db.execute(sa.update(Case).where(Case.id.in_(concerned)).values(flag_count=FLAGS, vouch_count=VOUCHES))
    hide_in_words(db, person)
    if removing:
        theirs = (Case.author_id == person.id) & (Case.state != MODERATION.State.CLOSED)
        db.execute(sa.update(Case).where(theirs).values(state=MODERATION.State.CLOSED))
