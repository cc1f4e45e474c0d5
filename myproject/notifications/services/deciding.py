"""The one place where it is decided what a member is told of an event, and where: in the inbox, by mail at once or
with the digest, or nowhere.

It is asked when the event happens, and again before a mail goes; and "why did I get this?" prints its steps. It
knows only the facts that it is given.
"""

from collections.abc import Callable
from dataclasses import dataclass

from myproject.notifications import constants as NOTE
from myproject.notifications.constants import Kind, Outcome, Way

EVERY = frozenset(Kind)
# What others wrote; of decisions about one's own text, and of one's account, everybody is told.
WORDS_OF_OTHERS = frozenset(
    {Kind.COMMENT_REPLY, Kind.POST_REPLY, Kind.MENTION, Kind.FOLLOWED_POST, Kind.FOLLOWED_TAG}
)
OF_TEXTS = WORDS_OF_OTHERS | {Kind.LIKE}
FOLLOWED = frozenset({Kind.FOLLOWED_POST, Kind.FOLLOWED_TAG})
# Who mutes a tag still hears of what answers them, and of a post that they follow by itself.
BY_TAG = frozenset({Kind.MENTION, Kind.FOLLOWED_TAG})


@dataclass(frozen=True)
class Facts:
    """What is known of a member and an event. `inbox` and `way` are the member's choice for the kind."""

    kind: Kind
    inbox: bool
    way: Way
    own: bool = False  # they did it themselves
    closed: bool = False  # their account is shut, or about to be deleted
    removed: bool = False
    hidden: bool = False  # waits for approval, or may not be seen by them
    named: bool = True  # a text that mentioned them still does
    follows: bool = True  # the post or the tag that brought it
    blocked: bool = False  # they want to hear nothing of who did it
    muted: bool = False
    tag_muted: bool = False
    verified: bool = True
    bounced: bool = False
    has_digest: bool = False
    read: bool = False
    visited: bool = False  # they have been on the site since
    capped: bool = False
    is_due: bool = False  # the window has ended, or the digest is being made


@dataclass(frozen=True)
class Question:
    """What stops an event of some `kinds`, and what that is called."""

    outcome: Outcome
    stops: Callable[[Facts], bool]
    kinds: frozenset[Kind]


@dataclass(frozen=True)
class Step:
    """A question that was asked, or the end; `passed` says whether it went on from there."""

    outcome: Outcome
    passed: bool


@dataclass(frozen=True)
class Decided:
    """Where the event goes, the last step, and all steps on the way there."""

    in_inbox: bool
    mail: NOTE.Mail
    outcome: Outcome
    chain: tuple[Step, ...]


# What stops everything, in the order in which it is asked.
BEFORE_ALL = (
    Question(Outcome.OWN, lambda facts: facts.own, EVERY),
    Question(Outcome.CLOSED, lambda facts: facts.closed, EVERY),
    Question(Outcome.REMOVED, lambda facts: facts.removed, OF_TEXTS),
    Question(Outcome.MAY_NOT_SEE, lambda facts: facts.hidden, OF_TEXTS),
    Question(Outcome.EDITED_AWAY, lambda facts: not facts.named, frozenset({Kind.MENTION})),
    Question(Outcome.BLOCKED, lambda facts: facts.blocked, OF_TEXTS),
    Question(Outcome.MUTED, lambda facts: facts.muted, OF_TEXTS),
    Question(Outcome.TAG_MUTED, lambda facts: facts.tag_muted, BY_TAG),
    Question(Outcome.UNFOLLOWED, lambda facts: not facts.follows, FOLLOWED),
)
# Mails about an account's safety go by themselves.
NEVER = Question(Outcome.NEVER, lambda facts: facts.way is Way.NEVER or facts.kind is Kind.SECURITY, EVERY)
NO_DIGEST = Question(Outcome.NO_DIGEST, lambda facts: not facts.has_digest, EVERY)
# What stops mail.
BEFORE_MAIL = (
    NEVER,
    Question(Outcome.UNVERIFIED, lambda facts: not facts.verified, EVERY),
    Question(Outcome.BOUNCED, lambda facts: facts.bounced, EVERY),
    Question(Outcome.READ_ON_SITE, lambda facts: facts.read, EVERY),
)
BEFORE_NOW = (Question(Outcome.CAPPED, lambda facts: facts.capped, WORDS_OF_OTHERS),)
BEFORE_DIGEST = (
    NO_DIGEST,
    Question(Outcome.VISITED, lambda facts: facts.visited, EVERY),
)
# How a mail that was written ends unsent, but for what stops events too.
ENDS_UNSENT = frozenset({Outcome.OTHER_ADDRESS, Outcome.CANCELLED, Outcome.TOO_OLD, Outcome.UNDELIVERED})
# No mail was to be expected of these; of the others it was, and a step on the way stopped it.
WITHOUT_MAIL = frozenset({Outcome.OWN, Outcome.NEVER, Outcome.NO_DIGEST})


def decide(facts: Facts) -> Decided:
    """What becomes of an event for one member."""
    chain, stopped = ask(BEFORE_ALL, facts)
    in_inbox = facts.inbox and stopped is None
    if stopped is None:
        more, stopped = ask(BEFORE_MAIL, facts)
        chain += more
    if stopped is None:
        more, stopped = ask(BEFORE_DIGEST if facts.way is Way.DIGEST else BEFORE_NOW, facts)
        chain += more
    if stopped is not None:
        mail = NOTE.Mail.NONE if stopped in WITHOUT_MAIL else NOTE.Mail.SKIPPED
        return Decided(in_inbox, mail, stopped, tuple(chain))
    mail, outcome = END[facts.way, facts.is_due]
    return Decided(in_inbox, mail, outcome, (*chain, Step(outcome, True)))


def what_stops(facts: Facts, *, in_digest: bool) -> Outcome | None:
    """What keeps back a mail that is written: what its reader chose, or the text became, since then; None where
    nothing does. To have read it on the site does not: who missed the mail may ask staff for it.
    """
    return ask((*BEFORE_ALL, NEVER, *((NO_DIGEST,) if in_digest else ())), facts)[1]


END = {
    (Way.NOW, False): (NOTE.Mail.WAITING, Outcome.WAITING),
    (Way.NOW, True): (NOTE.Mail.MAILED, Outcome.MAILED),
    (Way.DIGEST, False): (NOTE.Mail.DIGEST, Outcome.DIGEST),
    (Way.DIGEST, True): (NOTE.Mail.DIGESTED, Outcome.DIGESTED),
}


def ask(questions: tuple[Question, ...], facts: Facts) -> tuple[list[Step], Outcome | None]:
    """The steps through `questions`, and which of them stopped the event, if any did."""
    steps = []
    for question in questions:
        if facts.kind in question.kinds:
            stops = question.stops(facts)
            steps.append(Step(question.outcome, not stops))
            if stops:
                return steps, question.outcome
    return steps, None


def chain_to(kind: Kind, outcome: Outcome) -> tuple[Step, ...]:
    """The steps that lead an event of a kind to an outcome that was written down: those of `decide`."""
    questions: tuple[Question, ...] = (*BEFORE_ALL, *BEFORE_MAIL)
    if outcome in (Outcome.DIGEST, Outcome.DIGESTED, Outcome.NO_DIGEST, Outcome.VISITED):
        questions += BEFORE_DIGEST
    elif outcome not in ENDS_UNSENT:
        # Of what ended in the outbox it is not written down which way it had come.
        questions += BEFORE_NOW
    asked = [question.outcome for question in questions if kind in question.kinds]
    if outcome not in asked:
        return (*(Step(each, True) for each in asked), Step(outcome, outcome not in ENDS_UNSENT))
    before = asked[: asked.index(outcome)]
    return (*(Step(each, True) for each in before), Step(outcome, False))
