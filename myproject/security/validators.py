"""The part of a sign-in's cookie that changes while the sign-in lives, so that a copy of the cookie gives itself
away (OWASP ASVS 5.0: 7.1.1).

A cookie is `TOKEN`, or `TOKEN.NUMBER.MARK.PROOF` once its validator has changed. The token finds the session's
row, which knows the validator that was shown last. The number counts the changes; the mark is of the network that
the validator was given to, so that two who hold the same copy get different ones; the proof is an HMAC over all of
it, by which the site knows its own without having written it down.

Giving out a new validator therefore writes nothing. It counts once a browser shows it; until then the one before
stays good, for its answer may have been lost on the way. A moment later the one before is worth nothing: who still
shows it has a copy, or is its owner, and somebody else has one.

A sign-in that is made fresh gets another token, without a validator. The answer to another tab, asked for just
before and come just after that, may overwrite it with the next cookie of the token before: once an hour there is a
moment in which that signs a browser out. Nobody is taken for a thief then.
"""

import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from typing import Any, cast

from pyramid.config import Configurator

from myproject.security.keys import keys_of
from myproject.users import constants as USER

MARK_LENGTH = 16
CHANGED = re.compile(rf"\.([1-9][0-9]{{0,8}})\.([0-9a-f]{{{MARK_LENGTH}}})\.([0-9a-f]{{64}})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Validator:
    """One state of a cookie: its number, and the mark of the network that it was given to."""

    number: int
    mark: str


# Since when a validator is there that is to change at the next request, whatever the sign-in: its role is another.
AT_ONCE = datetime.fromtimestamp(0, UTC)
# What a sign-in begins with: the token alone.
FIRST = Validator(0, "")


class Verdict(Enum):
    """What a validator that somebody shows says of their cookie."""

    GOOD = auto()
    DUE = auto()  # good, and to be changed
    NEW = auto()  # shown for the first time: from now on it is the one
    COPIED = auto()


def judge(shown: Validator, known: Validator, since: datetime, now: datetime, *, changing: bool) -> Verdict:
    """What to think of `shown` where the row knows `known` since `since`; `changing` says whether the sign-in's
    validator changes at all.
    """
    if shown == known:
        due = changing and now - since >= timedelta(minutes=USER.VALIDATOR_MINUTES)
        return Verdict.DUE if due else Verdict.GOOD
    if shown.number > known.number:
        return Verdict.NEW
    if shown.number < known.number - 1 or now - since > timedelta(minutes=USER.VALIDATOR_GRACE_MINUTES):
        return Verdict.COPIED
    # Pages that were asked for at once, by a browser whose network changed meanwhile, get different ones.
    return Verdict.DUE if shown.number == known.number else Verdict.GOOD


class Validators:
    """Writes and reads cookies, by the site's keys, newest first."""

    def __init__(self, keys: list[bytes]) -> None:
        self.keys = keys

    def next(self, token: str, number: int, network: str) -> str:
        """The cookie with validator `number` for a browser in `network`."""
        mark = hmac.digest(self.keys[0], f"{token} {network}".encode(), "sha256").hex()[:MARK_LENGTH]
        return f"{token}.{number}.{mark}.{self.proof(self.keys[0], token, number, mark)}"

    def read(self, cookie: str) -> Validator | None:
        """The validator in a cookie; None where the site never wrote it."""
        token = token_in(cookie)
        if token == cookie:
            return FIRST
        found = CHANGED.fullmatch(cookie, len(token))
        if found is None:
            return None
        number, mark, proof = int(found[1]), found[2], found[3]
        ours = any(hmac.compare_digest(self.proof(key, token, number, mark), proof) for key in self.keys)
        return Validator(number, mark) if ours else None

    def proof(self, key: bytes, token: str, number: int, mark: str) -> str:
        message = f"{token}.{number}.{mark}".encode("utf-8", "surrogatepass")
        return hmac.digest(key, message, "sha256").hex()


def token_in(cookie: str) -> str:
    """The token of a cookie, which finds the session's row and stays for as long as the session."""
    return cookie.partition(".")[0]


def validators_of(registry: Any) -> Validators:
    return cast(Validators, registry["validators"])


def includeme(config: Configurator) -> None:
    config.registry["validators"] = Validators(keys_of(config.registry).derive("session validators"))
