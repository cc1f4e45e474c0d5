"""Cases: opened by a report, in the queue until staff have decided, and told to those whom it concerns."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject import audit
from myproject.audit import Actor
from myproject.db import publish as tell
from myproject.db import utc_now
from myproject.errors import Overtaken
from myproject.moderation import constants as MODERATION
from myproject.moderation import errors
from myproject.moderation.models import Case, Flag, Vouch
from myproject.moderation.services import texts
from myproject.posts.models import Post

IN_HAND = (MODERATION.State.OPEN, MODERATION.State.ASKED)


@dataclass(frozen=True)
class FlagsAnswered:
    """Event: the reports of a text by these members were answered, in this transaction."""

    db: Session
    text: texts.Text
    user_ids: Sequence[int]
    upheld: bool


@dataclass(frozen=True)
class ChangeAsked:
    """Event: a text stays hidden, and its author is asked to change it, for `reason`, in this transaction."""

    db: Session
    text: texts.Text
    reason: str


def find_or_open(db: Session, text: texts.Text) -> Case:
    """The case of a text that the caller has locked, in the queue of staff."""
    case = texts.case_of(db, text)
    if case is None:
        case = Case(author_id=text.author_id)
        case.post_id, case.comment_id = (text.id, None) if isinstance(text, Post) else (None, text.id)
        reopen(case)
        db.add(case)
        # Reports and vouches name it by its number.
        db.flush()
    elif case.state not in IN_HAND:
        reopen(case)
    return case


def reopen(case: Case) -> None:
    """Puts a case at the end of the queue, as if nobody had decided yet."""
    case.state, case.queued_at = MODERATION.State.OPEN, utc_now()
    case.decision = case.decided_at = case.decided_by_id = case.changed_at = None
    case.reason = ""


def decide(
    db: Session,
    actor: Actor,
    case_id: int,
    decision: MODERATION.Decision,
    reason: str = "",
    *,
    own_too: bool = False,
    seen: str | None = None,
) -> None:
    """Leaves a text in the open, or puts it there again; or removes it, with a reason that everybody may read.
    `own_too`: also one of the actor's own, who may be alone in running the site. Raises AlreadyAnswered, OwnText,
    and Overtaken where it is no longer as the actor has `seen` it (`shown_of`).
    """
    case, text = lock_case(db, actor, case_id, own_too, seen)
    if decision is MODERATION.Decision.REMOVED:
        # Closes the case too, unless its author did it: see `close_removed`.
        texts.remove(db, actor, text, reason)
        if case.state is not MODERATION.State.CLOSED:
            close(db, case, text, decision, actor.id, reason)
        return
    what = "post" if isinstance(text, Post) else "comment"
    action = "show" if texts.is_hidden(text) else "keep"
    texts.show(db, text)
    audit.record(db, f"{what}.{action}", text, actor=actor, reason=reason)
    close(db, case, text, decision, actor.id, reason)


def ask_for_change(db: Session, actor: Actor, case_id: int, reason: str, seen: str | None = None) -> None:
    """Leaves a text hidden until its author has changed it, which they may do once; that puts it back into the
    queue. Raises AlreadyAnswered, OwnText, NotHidden, Overtaken and, where they have changed it, ChangedBefore.
    """
    case, text = lock_case(db, actor, case_id, False, seen)
    if not texts.is_hidden(text):
        raise errors.NotHidden
    if case.changed_at is not None or case.state == MODERATION.State.ASKED:
        raise errors.AlreadyAnswered
    case.state, case.reason, case.decided_by_id = MODERATION.State.ASKED, reason, actor.id
    what = "post" if isinstance(text, Post) else "comment"
    audit.record(db, f"{what}.ask", text, actor=actor, reason=reason)
    tell(db, ChangeAsked(db, text, reason))


def shown_of(version: int, state: MODERATION.State, queued_at: datetime) -> str:
    """What changes whenever a case or its text is no longer what staff have looked at: its author writes it
    anew, or somebody else has decided.
    """
    return f"{version}.{state:d}.{queued_at.isoformat()}"


def lock_case(db: Session, actor: Actor, case_id: int, own_too: bool, seen: str | None) -> tuple[Case, texts.Text]:
    """A case to be decided, and its text, both held. Raises AlreadyAnswered, OwnText, Overtaken."""
    named = db.get_one(Case, case_id)
    text = texts.lock_text(db, post_id=named.post_id, comment_id=named.comment_id)
    case = db.get_one(Case, case_id, with_for_update=True, populate_existing=True)
    if case.state not in IN_HAND:
        raise errors.AlreadyAnswered
    if text.author_id == actor.id and not own_too:
        raise errors.OwnText
    if seen not in (None, shown_of(text.version, case.state, case.queued_at)):
        raise Overtaken
    return case, text


def close(
    db: Session, case: Case, text: texts.Text, decision: MODERATION.Decision, actor_id: int | None, reason: str
) -> None:
    """Takes a case out of the queue, and answers the reports that are open."""
    upheld = decision is MODERATION.Decision.REMOVED
    case.state, case.decision, case.reason = MODERATION.State.CLOSED, decision, reason
    case.decided_at, case.decided_by_id = utc_now(), actor_id
    case.flag_count = case.vouch_count = 0
    outcome = MODERATION.Outcome.UPHELD if upheld else MODERATION.Outcome.DISMISSED
    answered = (
        sa.update(Flag)
        .where(Flag.case_id == case.id, Flag.outcome == MODERATION.Outcome.OPEN)
        .values(outcome=outcome)
        .returning(Flag.user_id)
    )
    user_ids = sorted(db.scalars(answered, execution_options={"synchronize_session": False}))
    db.execute(sa.delete(Vouch).where(Vouch.case_id == case.id))
    if user_ids:
        tell(db, FlagsAnswered(db, text, user_ids, upheld))


def close_removed(db: Session, text: texts.Text) -> None:
    """What a removal is to the text's case: by staff it is the answer, also after its author; where its author
    removed it, the case waits for whether they put it back. A post that was merged into another is no longer
    there to be judged.
    """
    case = texts.case_of(db, text)
    if case is None or case.state not in (*IN_HAND, MODERATION.State.WITHDRAWN):
        return
    if isinstance(text, Post) and text.merged_into_id is not None:
        case.state = MODERATION.State.CLOSED
    elif text.removed_by_id == text.author_id:
        case.state = MODERATION.State.WITHDRAWN
    else:
        close(db, case, text, MODERATION.Decision.REMOVED, text.removed_by_id, text.removal_reason)


def reopen_restored(db: Session, text: texts.Text) -> None:
    """What it is to the text's case that it is back: where its author had removed it, and staff had not decided
    yet, they decide now; what staff had removed after reports, they have thought better of.
    """
    case = texts.case_of(db, text)
    if case is None:
        return
    if case.state == MODERATION.State.WITHDRAWN:
        changed_at = case.changed_at
        reopen(case)
        # Once is once.
        case.changed_at = changed_at
    elif case.decision == MODERATION.Decision.REMOVED:
        case.decision, case.decided_at, case.decided_by_id = MODERATION.Decision.KEPT, utc_now(), None
        case.reason = ""
