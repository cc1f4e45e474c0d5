"""Why a member was told of something, or was not: the steps of `deciding` in sentences, and the fate of the mail.

What was decided stands in the rows; the steps that led there are those of the function that decided.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session
from translationstring import TranslationString

from myproject.db import utc_now
from myproject.emails import constants as EMAIL
from myproject.emails.models import Email
from myproject.emails.services import suppression
from myproject.i18n import _
from myproject.notifications import constants as NOTE
from myproject.notifications.constants import Kind, Outcome
from myproject.notifications.models import Notification
from myproject.notifications.services.asking import find_stopped
from myproject.notifications.services.deciding import Step, chain_to, decide, what_stops
from myproject.notifications.services.facts import OF_NOTIFICATIONS, Actor, facts_in, facts_of_notification
from myproject.notifications.services.fates import IN_A_MAIL, MAIL_STATE, fate_of
from myproject.notifications.services.telling import OF_ONE, window_of
from myproject.posts import constants as POST
from myproject.posts.models import Post, PostAttention, Tag
from myproject.users.models import User

SHOWN = 50

# The last words of a mail: why it came.
REASONS = {
    Kind.COMMENT_REPLY: _("You get this because you wrote the comment."),
    Kind.POST_REPLY: _("You get this because you wrote the post."),
    Kind.MENTION: _("You get this because the text mentions you."),
    Kind.FOLLOWED_POST: _("You get this because you follow the post."),
    Kind.FOLLOWED_TAG: _("You get this because you follow the tag ${tag}."),
    Kind.MODERATION: _("You get this because you wrote the text."),
}
APPROVAL_REASON = _("You get this because what you wrote had to wait for approval.")
REPORT_REASON = _("You get this because you reported the text.")
DIGEST_REASONS = {
    NOTE.Digest.DAILY: _("You get this because you asked for a digest every day."),
    NOTE.Digest.WEEKLY: _("You get this because you asked for a digest every week."),
}

# What happened, of a text: a comment's sentence, and a post's.
HAPPENED = {
    Kind.COMMENT_REPLY: (_("${author} answered your comment."),) * 2,
    Kind.POST_REPLY: (_("${author} answered your post."),) * 2,
    Kind.MENTION: (_("${author} mentioned you in a comment."), _("${author} mentioned you in the post.")),
    Kind.FOLLOWED_POST: (_("${author} commented on the post, which you follow."),) * 2,
    Kind.FOLLOWED_TAG: (_("${author} wrote the post. It has the tag ${tag}, which you follow."),) * 2,
    Kind.LIKE: (_("${author} liked your comment."), _("${author} liked your post.")),
    Kind.MODERATION: (_("Staff decided about your comment."), _("Staff decided about your post.")),
    Kind.SECURITY: (_("Something about your account changed."),) * 2,
}
REPORTED = (
    _("Staff decided about the comment that you reported."),
    _("Staff decided about the post that you reported."),
)
HIDDEN = (
    _("Your comment is hidden, as members reported it."),
    _("Your post is hidden, as members reported it."),
)
REPORTS = (NOTE.Decision.REPORT_UPHELD, NOTE.Decision.REPORT_DISMISSED)
SOMEBODY = _("Somebody")
PROSPECTS = {
    Kind.POST_REPLY: _("If somebody answers the post now: you wrote it."),
    Kind.FOLLOWED_POST: _("If somebody comments on the post now: you follow it."),
    None: _("You neither wrote the post nor follow it. You hear of answers to your comments and of your name."),
}

# What each step says where it let the event through; what goes without saying is left out.
PASSED = {
    Outcome.EDITED_AWAY: _("The text names you."),
    Outcome.BLOCKED: _("You have not blocked who wrote it."),
    Outcome.MUTED: _("You have not muted the post."),
    Outcome.TAG_MUTED: _("You have muted none of its tags."),
    Outcome.NEVER: _("You want mail about such things."),
    Outcome.UNVERIFIED: _("Your address is confirmed."),
    Outcome.BOUNCED: _("No mail to your address has come back."),
    Outcome.READ_ON_SITE: _("You had not read it on the site."),
    Outcome.CAPPED: _("You had not got too many mails that day."),
    Outcome.NO_DIGEST: _("You want such things in your digest."),
    Outcome.VISITED: _("You had not been on the site since."),
    Outcome.WAITING: _("The mail waits a while, in case you read it on the site first."),
    Outcome.MAILED: _("It was mailed to you."),
    Outcome.DIGEST: _("It waits for your next digest."),
    Outcome.DIGESTED: _("It was in your digest."),
}
FOLDED = _("It was mailed to you, in one mail with more about the post.")
# Where there is no such while (`notifications.window`), or it is over.
AT_ONCE = {Step(Outcome.WAITING, True): _("The mail goes out at once.")}
# What it says where it stopped the event.
STOPPED = {
    Outcome.OWN: _("You did this yourself."),
    Outcome.CLOSED: _("Your account is closed, or will be deleted."),
    Outcome.REMOVED: _("It was removed before it was mailed."),
    Outcome.MAY_NOT_SEE: _("It was hidden before it was mailed."),
    Outcome.EDITED_AWAY: _("The text was changed before it was mailed, and names you no longer."),
    Outcome.UNFOLLOWED: _("You had stopped following it before it was mailed."),
    Outcome.BLOCKED: _("You have blocked who wrote it."),
    Outcome.MUTED: _("You have muted the post."),
    Outcome.TAG_MUTED: _("You have muted a tag of the post."),
    Outcome.NEVER: _("You want no mail about such things."),
    Outcome.UNVERIFIED: _("Your address is not confirmed, so nothing was mailed to it."),
    Outcome.BOUNCED: _("Mail to your address has come back, so nothing was mailed to it."),
    Outcome.READ_ON_SITE: _("You had read it on the site, so it was not mailed."),
    Outcome.CAPPED: _("You had got as many mails that day as the site sends to one member, so it was not mailed."),
    Outcome.NO_DIGEST: _("You want such things in a digest, and you get no digest."),
    Outcome.VISITED: _("You have been on the site since, so your digest left it out."),
    Outcome.OTHER_ADDRESS: _("Your address was changed before the mail was sent, so it was not sent."),
    Outcome.CANCELLED: _("The mail was stopped before it was sent."),
    Outcome.TOO_OLD: _("The mail could not be sent in time, and was too old then."),
    Outcome.UNDELIVERED: _("The mail could not be sent: it was refused, or no try got through."),
}
# What some steps say of a like, which nobody wrote.
OF_LIKES = {
    Step(Outcome.BLOCKED, True): _("You have not blocked who liked it."),
    Step(Outcome.BLOCKED, False): _("You have blocked who liked it."),
    Step(Outcome.NEVER, False): _("Likes are not mailed."),
}
IN_INBOX = _("It is in your inbox.")
NOT_IN_INBOX = _("It is not in your inbox.")
WILL_BE_IN_INBOX = _("It will be in your inbox.")
WILL_NOT_BE_IN_INBOX = _("It will not be in your inbox.")

# Where the mail is in the outbox, or was.
ON_ITS_WAY = _("The mail is on its way.")
TAKEN = _("The mail server has taken the mail.")


@dataclass(frozen=True)
class Line:
    """A sentence of an explanation; `passed` says whether it went on from there."""

    text: TranslationString
    passed: bool


@dataclass(frozen=True)
class Explained:
    """What became of one event, or would become of one now (`id` is None): what happened, and line by line where
    that led. The last line says how it ended.
    """

    what: TranslationString
    lines: tuple[Line, ...]
    id: int | None = None
    comment_id: int | None = None
    happened_at: datetime | None = None


def reason_of(rows: Sequence[Any]) -> TranslationString:
    """The sentence in a mail that says why it came; of several reasons the first of their kinds."""
    first = min(rows, key=lambda row: row.kind)
    if first.decision in (NOTE.Decision.APPROVED, NOTE.Decision.REFUSED):
        return APPROVAL_REASON
    if first.decision in REPORTS:
        return REPORT_REASON
    return filled(REASONS[first.kind], tag=first.tag)


def filled(sentence: TranslationString, **values: Any) -> TranslationString:
    """The sentence with what it tells of, still to be translated."""
    named = {name: value for name, value in values.items() if f"${{{name}}}" in sentence}
    return sentence % named if named else sentence


def explain(db: Session, user_id: int, post_id: int) -> list[Explained]:
    """Why a member was told of what happened about a post, or was not, latest first; before it, what would become
    of a comment on it now.
    """
    rows = rows_about(db, user_id, post_id)
    stopped = stopped_since(db, rows)
    return [*prospects(db, user_id, post_id), *(explained(row, stopped.get(row.id)) for row in rows)]


def rows_about(db: Session, user_id: int, post_id: int) -> Sequence[Any]:
    statement = (
        sa.select(
            Notification.id,
            Notification.kind,
            Notification.mail_at,
            Notification.comment_id,
            Notification.decision,
            Notification.created_at,
            Notification.in_inbox,
            Notification.mail,
            Notification.outcome,
            Notification.email_id,
            Actor.name,
            Actor.display_name,
            Tag.name.label("tag"),
            MAIL_STATE,
        )
        .outerjoin(Actor, Actor.id == Notification.actor_id)
        .outerjoin(Tag, Tag.id == Notification.tag_id)
        .outerjoin(Email, Email.id == Notification.email_id)
        .where(Notification.user_id == user_id, Notification.post_id == post_id)
        .order_by(Notification.id.desc())
        .limit(SHOWN)
    )
    return db.execute(statement).all()


def stopped_since(db: Session, rows: Sequence[Any]) -> dict[int, Outcome]:
    """What keeps back a mail that has not gone, by the numbers of the rows: what its reader chose, or the text
    became, since it was decided about. It is written down as soon as the mail is due.
    """
    waiting = {row.id: row.mail for row in rows if row.mail in (NOTE.Mail.WAITING, NOTE.Mail.DIGEST)}
    stopped = {}
    for row in db.execute(OF_NOTIFICATIONS.where(Notification.id.in_(waiting))) if waiting else ():
        outcome = what_stops(facts_of_notification(row), in_digest=waiting[row.id] is NOTE.Mail.DIGEST)
        if outcome is not None:
            stopped[row.id] = outcome
    queued = {row.email_id for row in rows if row.mail in IN_A_MAIL and row.state is EMAIL.State.QUEUED}
    for email in db.scalars(sa.select(Email).where(Email.id.in_(queued))) if queued else ():
        stopped |= find_stopped(db, email)
    return stopped


def explained(row: Any, stopped: Outcome | None) -> Explained:
    """The explanation of a row, whose mail is `stopped` by now where that says so."""
    in_comment, in_post = REPORTED if row.decision in REPORTS else HAPPENED[row.kind]
    if row.decision is NOTE.Decision.HIDDEN:
        in_comment, in_post = HIDDEN
    what = in_post if row.comment_id is None else in_comment
    others = {
        **(OF_LIKES if row.kind is Kind.LIKE else {}),
        **(AT_ONCE if row.mail_at is not None and row.mail_at <= utc_now() else {}),
    }
    mail, outcome = (NOTE.Mail.SKIPPED, stopped) if stopped else fate_of(row.mail, row.outcome, row.state)
    lines = [line for step in steps_to(row.kind, outcome) for line in line_of(step, others)]
    lines.insert(-1, Line(IN_INBOX if row.in_inbox else NOT_IN_INBOX, row.in_inbox))
    if mail is NOTE.Mail.FOLDED:
        lines[-1] = Line(FOLDED, True)
    if mail in IN_A_MAIL and row.state in EMAIL.UNDER_WAY:
        lines[-1] = Line(ON_ITS_WAY, True)
    elif mail in IN_A_MAIL and row.state is EMAIL.State.SENT:
        lines.append(Line(TAKEN, True))
    return Explained(
        filled(what, author=row.display_name or row.name or SOMEBODY, tag=row.tag or ""),
        tuple(lines),
        row.id,
        row.comment_id,
        row.created_at,
    )


def steps_to(kind: Kind, outcome: Outcome) -> list[Step]:
    """The steps to an outcome, but for those that are asked only when a mail is due, where it was not."""
    steps = chain_to(kind, outcome)
    return [step for step in steps if outcome not in AS_IT_HAPPENED or step.outcome not in WHEN_DUE]


def line_of(step: Step, others: Mapping[Step, TranslationString] = MappingProxyType({})) -> list[Line]:
    """The sentence of a step, if it has one; of `others` before all."""
    sentence = others.get(step) or (PASSED.get(step.outcome) if step.passed else STOPPED[step.outcome])
    return [] if sentence is None else [Line(sentence, step.passed)]


def prospects(db: Session, user_id: int, post_id: int) -> list[Explained]:
    """What would become of a comment on a post now, were it for this member. Empty where there is no such post."""
    asked = (
        sa.select(Post.author_id, PostAttention.attention, User.email)
        .select_from(Post)
        .join(User, User.id == user_id)
        .outerjoin(PostAttention, (PostAttention.post_id == Post.id) & (PostAttention.user_id == user_id))
        .where(Post.id == post_id)
    )
    found = db.execute(asked).one_or_none()
    if found is None:
        return []
    kind = None
    if found.author_id == user_id:
        kind = Kind.POST_REPLY
    elif found.attention == POST.Attention.FOLLOW:
        kind = Kind.FOLLOWED_POST
    if kind is None:
        muted = found.attention == POST.Attention.MUTE
        step = Step(Outcome.MUTED, not muted)
        return [Explained(PROSPECTS[None], tuple(line_of(step)))]
    values = {"post_id": post_id, "actor_id": 0, "user_id": user_id, "kind": int(kind)}
    row = db.execute(OF_ONE, values).one()
    decided = decide(facts_in(row, bounced=suppression.find(db, found.email) is not None))
    steps = [step for step in decided.chain if step.outcome not in NOT_YET]
    others = AT_ONCE if window_of(db) == 0 else {}
    lines = [line for step in steps for line in line_of(step, others)]
    inbox = WILL_BE_IN_INBOX if decided.in_inbox else WILL_NOT_BE_IN_INBOX
    lines.append(Line(inbox, decided.in_inbox))
    return [Explained(PROSPECTS[kind], tuple(lines))]


# What cannot be known of what has not happened.
NOT_YET = frozenset({Outcome.BLOCKED, Outcome.READ_ON_SITE, Outcome.CAPPED, Outcome.VISITED})
# What is not asked as something happens, and the ends that come of what is.
WHEN_DUE = frozenset({Outcome.BOUNCED, Outcome.READ_ON_SITE, Outcome.CAPPED, Outcome.VISITED})
AS_IT_HAPPENED = frozenset({Outcome.WAITING, Outcome.DIGEST, Outcome.NO_DIGEST})
