"""What is to be mailed once its window has ended: decided anew, and what is about one post in one mail.

Whether a window has ended is read off the database's clock: machines need not agree.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence, Set
from dataclasses import replace
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from myproject.comments.models import Comment
from myproject.db import IN_DATABASE_ONLY, among, clock, publish, utc_now
from myproject.emails.models import Email
from myproject.emails.services import suppression
from myproject.emails.services.delivery import withdraw
from myproject.notifications import constants as NOTE
from myproject.notifications.models import MAIL_WAITS, WAS_MAILED, Notification
from myproject.notifications.services.deciding import decide
from myproject.notifications.services.facts import TEXT, WITH_TEXTS, facts_of_notification
from myproject.notifications.services.fates import ENDS, MAIL_STATE, change, note_all
from myproject.notifications.services.telling import MailWaits, window_of
from myproject.posts.models import Post
from myproject.settings import settings_of

DAY = timedelta(days=1)

WAITS = sa.text(MAIL_WAITS)
DUE = (
    sa.select(Notification.id, Notification.user_id, Notification.post_id)
    .where(WAITS, Notification.mail_at <= clock())
    .order_by(Notification.mail_at, Notification.id)
    .limit(NOTE.MAIL_BATCH)
)
# Another worker's are passed over.
CLAIMED = DUE.with_for_update(skip_locked=True)
# What else waits for the same member about the same post: it comes along.
BESIDE = (
    sa.select(Notification.id, Notification.user_id, Notification.post_id)
    .where(WAITS)
    .with_for_update(skip_locked=True)
)
# By mails that went, or may still go.
MAILED_TODAY = (
    sa.select(Notification.user_id, sa.func.count())
    .outerjoin(Email, Email.id == Notification.email_id)
    .where(sa.text(WAS_MAILED), sa.or_(Email.id.is_(None), MAIL_STATE.element.not_in(ENDS)))
)

WAITS_AGAIN: dict[str, Any] = {"mail": NOTE.Mail.WAITING, "outcome": NOTE.Outcome.WAITING, "email_id": None}
FOR_DIGEST_AGAIN: dict[str, Any] = {"mail": NOTE.Mail.DIGEST, "outcome": NOTE.Outcome.DIGEST, "email_id": None}

# Rows of `WITH_TEXTS` that go to one member in one mail, oldest first.
Bundle = list[Any]


def read_due_texts(db: Session) -> Sequence[str]:
    """The HTML of the texts that the mails quote which are due next, each once."""
    return texts_of(db, sa.select(DUE.subquery().c.id))


def texts_of(db: Session, ids: sa.Select[int]) -> Sequence[str]:
    """The HTML of the texts that some notifications are about, each once; none where staff have decided."""
    about_texts = sa.select(TEXT).select_from(Notification).distinct()
    joined = about_texts.outerjoin(Post, Post.id == Notification.post_id)
    joined = joined.outerjoin(Comment, Comment.id == Notification.comment_id)
    wanted = Notification.kind != NOTE.Kind.MODERATION, TEXT.is_not(None)
    return db.scalars(joined.where(Notification.id.in_(ids), *wanted)).all()


def claim_due(db: Session) -> tuple[list[Bundle], bool]:
    """Takes some of what is due and writes down what is not to be mailed after all, and why. Gives what is to be
    mailed, by mail, and whether anything was due; who queues the mails calls `note_mailed`.
    """
    due = db.execute(CLAIMED).all()
    if not due:
        return [], False
    ids = {row.id for row in due}
    pairs = {(row.user_id, row.post_id) for row in due if row.post_id is not None}
    # Asked by both columns of an index, which also finds other pairs of them.
    beside = BESIDE.where(
        Notification.post_id.in_({post_id for _user_id, post_id in pairs}),
        Notification.user_id.in_({user_id for user_id, _post_id in pairs}),
    )
    ids.update(row.id for row in db.execute(beside) if (row.user_id, row.post_id) in pairs)
    rows = db.execute(WITH_TEXTS.where(Notification.id.in_(ids))).all()
    return decide_all(db, rows, {row.id for row in due}), True


def decide_all(db: Session, rows: Sequence[Any], due: Set[int]) -> list[Bundle]:
    """Asks of each row anew what becomes of it; gives what is to be mailed, by mail. What is not `due` itself
    waits on where nothing goes that it could come along with.
    """
    cap = settings_of(db.info["registry"]).notifications_daily_cap
    users = {row.user_id: row.email for row in rows}
    mailed = count_mailed(db, users)
    bounced = suppression.find_among(db, users.values())
    by_mail: dict[tuple[Any, ...], Bundle] = defaultdict(list)
    for row in rows:
        by_mail[mail_of(row)].append(row)
    stopped: dict[tuple[NOTE.Mail, NOTE.Outcome], list[int]] = defaultdict(list)
    bundles = []
    for bundle in by_mail.values():
        passed = []
        ended: dict[tuple[NOTE.Mail, NOTE.Outcome], list[int]] = defaultdict(list)
        for row in bundle:
            facts = facts_of_notification(row, bounced=row.email in bounced, capped=mailed[row.user_id] >= cap)
            # Who has chosen the digest meanwhile gets it there.
            decided = decide(replace(facts, is_due=facts.way is NOTE.Way.NOW))
            if decided.mail is NOTE.Mail.MAILED:
                passed.append(row)
            else:
                ended[decided.mail, decided.outcome].append(row.id)
        goes = any(row.id in due for row in passed)
        for end, ids in ended.items():
            stopped[end] += ids if goes else [number for number in ids if number in due]
        if goes:
            mailed[passed[0].user_id] += 1
            bundles.append(passed)
    note_all(db, stopped)
    return bundles


def mail_of(row: Any) -> tuple[Any, ...]:
    """Rows with the same go into one mail: what others wrote about one post. What staff decided stands alone."""
    alone = row.kind is NOTE.Kind.MODERATION or row.post_id is None
    return row.user_id, row.post_id, row.id if alone else 0


def count_mailed(db: Session, user_ids: Iterable[int]) -> Counter[int]:
    """How many mails each of some members got in the last 24 hours, or is to get."""
    since = MAILED_TODAY.where(Notification.decided_at > utc_now() - DAY, Notification.user_id.in_(user_ids))
    return Counter({row[0]: row[1] for row in db.execute(since.group_by(Notification.user_id))})


def note_mailed(db: Session, bundle: Bundle, email: Email | None) -> None:
    """Writes down that a bundle is in the outbox: the first of it as the mail, the others as folded into it."""
    values = {"outcome": NOTE.Outcome.MAILED, "email_id": email.id if email else None}
    first, *others = [row.id for row in bundle]
    change(db, [first], mail=NOTE.Mail.MAILED, **values)
    if others:
        change(db, others, mail=NOTE.Mail.FOLDED, **values)


def put_off(db: Session, bundle: Bundle) -> None:
    """Tries a bundle again in a day: the site can't write its mail as it is, and others wait behind it."""
    change(db, [row.id for row in bundle], mail_at=clock(DAY.total_seconds()))


def forget_mails(db: Session, which: sa.ColumnElement[bool]) -> None:
    """Deletes the mails about some notifications, because the words in them are to go. What else stood in such a
    mail that has not gone out is told again: in one that is being sent, if that fails.
    """
    emails = sa.select(Notification.email_id).where(which, Notification.email_id.is_not(None)).distinct()
    ids = [each for each in db.scalars(emails) if each is not None]
    if ids:
        withdraw(db, ids)


def tell_again(db: Session, email_ids: Sequence[int]) -> None:
    """What stood in mails that are about to be deleted unsent waits again, for the next digest where it was one,
    and is decided anew.
    """
    for outcome, again in (
        (NOTE.Outcome.MAILED, WAITS_AGAIN | {"mail_at": clock()}),
        (NOTE.Outcome.DIGESTED, FOR_DIGEST_AGAIN),
    ):
        # As one value: a statement takes only so many.
        stood_there = among(Notification.email_id, "ids") & (Notification.outcome == outcome)
        back = sa.update(Notification).where(stood_there).values(again)
        db.execute(back, {"ids": email_ids}, execution_options=IN_DATABASE_ONLY)


def wait_again(db: Session, which: sa.ColumnElement[bool]) -> None:
    """What of some notifications was not mailed because its text was removed or hidden waits again, now that this
    is back; unless that was too long ago for anybody to ask for it. A mail that was given up for it goes first: of
    the same thing there is no second one beside it.
    """
    stopped = Notification.outcome.in_((NOTE.Outcome.REMOVED, NOTE.Outcome.MAY_NOT_SEE))
    recent = Notification.created_at > utc_now() - NOTE.WORTH_MAILING
    back = which & stopped & recent & (Notification.mail == NOTE.Mail.SKIPPED)
    forget_mails(db, back)
    changed = sa.update(Notification).where(back)
    values = WAITS_AGAIN | {"mail_at": clock(window_of(db) * 60), "decided_at": utc_now()}
    waiting = db.scalars(
        changed.values(values).returning(Notification.id), execution_options=IN_DATABASE_ONLY
    ).first()
    if waiting is not None:
        publish(db, MailWaits(db))


def about(text: Post | Comment) -> sa.ColumnElement[bool]:
    """The notifications about a comment, or about a post with its comments."""
    column = Notification.post_id if isinstance(text, Post) else Notification.comment_id
    return column == text.id


def about_comments_of(author_id: int) -> sa.ColumnElement[bool]:
    """The notifications about what a member has said in comments."""
    return Notification.comment_id.in_(sa.select(Comment.id).where(Comment.author_id == author_id))


def follow_comments(db: Session, post_id: int) -> None:
    """Notifications about comments that stood on this post go with them to where these stand now."""
    now_on = sa.select(Comment.post_id).where(Comment.id == Notification.comment_id).scalar_subquery()
    moved = sa.update(Notification).where(Notification.post_id == post_id, Notification.comment_id.is_not(None))
    db.execute(moved.values(post_id=now_on), execution_options=IN_DATABASE_ONLY)
