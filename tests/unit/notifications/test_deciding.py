"""What becomes of an event for one member: the whole decision, without a database."""

from dataclasses import fields
from itertools import combinations, product
from typing import Any

import pytest

from myproject.notifications.constants import DEFAULTS, Kind, Mail, Outcome, Way
from myproject.notifications.services.deciding import Facts, Step, chain_to, decide

REPLY, FOLLOWED_TAG = Kind.POST_REPLY, Kind.FOLLOWED_TAG


def facts(kind: Kind = REPLY, **values: Any) -> Facts:
    return Facts(**{"kind": kind, "inbox": True, "way": Way.NOW} | values)


CASES: dict[str, tuple[Facts, bool, Mail, Outcome]] = {
    "all is well, and the window runs": (facts(), True, Mail.WAITING, Outcome.WAITING),
    "all is well, and the window has ended": (facts(is_due=True), True, Mail.MAILED, Outcome.MAILED),
    "mail without the inbox": (facts(inbox=False), False, Mail.WAITING, Outcome.WAITING),
    "the inbox without mail": (facts(way=Way.NEVER), True, Mail.NONE, Outcome.NEVER),
    "nothing at all": (facts(inbox=False, way=Way.NEVER), False, Mail.NONE, Outcome.NEVER),
    "for the digest": (facts(way=Way.DIGEST, has_digest=True), True, Mail.DIGEST, Outcome.DIGEST),
    "for a digest they do not get": (facts(way=Way.DIGEST), True, Mail.NONE, Outcome.NO_DIGEST),
    "in the digest": (
        facts(way=Way.DIGEST, has_digest=True, is_due=True),
        True,
        Mail.DIGESTED,
        Outcome.DIGESTED,
    ),
    "on the site before the digest": (
        facts(way=Way.DIGEST, has_digest=True, is_due=True, visited=True),
        True,
        Mail.SKIPPED,
        Outcome.VISITED,
    ),
    "on the site before a mail at once": (facts(visited=True, is_due=True), True, Mail.MAILED, Outcome.MAILED),
    "their own doing": (facts(own=True), False, Mail.NONE, Outcome.OWN),
    "a closed account": (facts(closed=True), False, Mail.SKIPPED, Outcome.CLOSED),
    "removed": (facts(removed=True, hidden=True, is_due=True), False, Mail.SKIPPED, Outcome.REMOVED),
    "hidden": (facts(hidden=True, is_due=True), False, Mail.SKIPPED, Outcome.MAY_NOT_SEE),
    "named no more": (facts(Kind.MENTION, named=False, is_due=True), False, Mail.SKIPPED, Outcome.EDITED_AWAY),
    "a post they follow no longer": (
        facts(Kind.FOLLOWED_POST, follows=False, is_due=True),
        False,
        Mail.SKIPPED,
        Outcome.UNFOLLOWED,
    ),
    "by whom they have blocked, in a post they have muted": (
        facts(Kind.MENTION, blocked=True, muted=True),
        False,
        Mail.SKIPPED,
        Outcome.BLOCKED,
    ),
    "a decision of staff whom they have blocked": (
        facts(Kind.MODERATION, blocked=True),
        True,
        Mail.WAITING,
        Outcome.WAITING,
    ),
    "a post they have muted": (facts(muted=True), False, Mail.SKIPPED, Outcome.MUTED),
    "a like of a post they have muted": (
        facts(Kind.LIKE, way=Way.NEVER, muted=True),
        False,
        Mail.SKIPPED,
        Outcome.MUTED,
    ),
    "a mention under a tag they have muted": (
        facts(Kind.MENTION, tag_muted=True),
        False,
        Mail.SKIPPED,
        Outcome.TAG_MUTED,
    ),
    "a tag they follow beside one they have muted": (
        facts(FOLLOWED_TAG, tag_muted=True),
        False,
        Mail.SKIPPED,
        Outcome.TAG_MUTED,
    ),
    "an answer to them under a tag they have muted": (facts(tag_muted=True), True, Mail.WAITING, Outcome.WAITING),
    "a decision about their text in a post they have muted": (
        facts(Kind.MODERATION, muted=True, removed=True),
        True,
        Mail.WAITING,
        Outcome.WAITING,
    ),
    "an address that was never confirmed": (facts(verified=False), True, Mail.SKIPPED, Outcome.UNVERIFIED),
    "an address that mail comes back from": (facts(bounced=True), True, Mail.SKIPPED, Outcome.BOUNCED),
    "read on the site": (facts(read=True, is_due=True), True, Mail.SKIPPED, Outcome.READ_ON_SITE),
    "the cap of the day": (facts(capped=True, is_due=True), True, Mail.SKIPPED, Outcome.CAPPED),
    "no cap for decisions": (facts(Kind.MODERATION, capped=True, is_due=True), True, Mail.MAILED, Outcome.MAILED),
    "no cap for the digest": (
        facts(way=Way.DIGEST, has_digest=True, capped=True, is_due=True),
        True,
        Mail.DIGESTED,
        Outcome.DIGESTED,
    ),
    "of several reasons the first": (
        facts(muted=True, verified=False, bounced=True, read=True),
        False,
        Mail.SKIPPED,
        Outcome.MUTED,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_becomes_of_an_event(case: str) -> None:
    known, in_inbox, mail, outcome = CASES[case]
    decided = decide(known)
    assert (decided.in_inbox, decided.mail, decided.outcome) == (in_inbox, mail, outcome)


def test_the_chain_names_each_step_up_to_the_one_that_stopped() -> None:
    assert decide(facts(Kind.MENTION, bounced=True)).chain == (
        Step(Outcome.OWN, True),
        Step(Outcome.CLOSED, True),
        Step(Outcome.REMOVED, True),
        Step(Outcome.MAY_NOT_SEE, True),
        Step(Outcome.EDITED_AWAY, True),
        Step(Outcome.BLOCKED, True),
        Step(Outcome.MUTED, True),
        Step(Outcome.TAG_MUTED, True),
        Step(Outcome.NEVER, True),
        Step(Outcome.UNVERIFIED, True),
        Step(Outcome.BOUNCED, False),
    )


def test_an_outcome_that_was_written_down_gives_the_very_chain_that_led_to_it() -> None:
    told = [field.name for field in fields(Facts) if field.default is False]
    for kind, way in product(Kind, Way):
        for flags in combinations(told, 3):
            decided = decide(facts(kind, way=way, **dict.fromkeys(flags, True)))
            assert chain_to(kind, decided.outcome) == decided.chain


def test_likes_followed_tags_and_what_has_mails_of_its_own_send_none_to_who_chose_nothing() -> None:
    quiet = {kind for kind, (_inbox, way) in DEFAULTS.items() if decide(facts(kind, way=way)).mail is Mail.NONE}
    assert quiet == {Kind.LIKE, Kind.FOLLOWED_TAG, Kind.SECURITY}
    assert all(inbox for inbox, _way in DEFAULTS.values())
