"""Guessing at one account from everywhere: few guesses are looked at, whatever they are typed as, nothing is
learned of the account, and its owner gets in meanwhile (OWASP ASVS 5.0: 6.1.1, 6.3.1).
"""

from collections import Counter
from collections.abc import Callable

import pytest
from pyramid.router import Router
from sqlalchemy.orm import Session

from tests.conftest import Client
from tests.factories import make_user
from tests.functional.pages import csrf_token
from tests.functional.security.test_same_answers import hashes

pytestmark = pytest.mark.one_database

GUESSES = 1_000
ADDRESSES = 100
# The account as its owner writes it, and as somebody does who counts on each spelling being another account.
SPELLINGS = ("ann", "ann@example.org", "ANN", " ａｎｎ ", "Ann@EXAMPLE.org", "ann ")


@pytest.fixture
def app(make_app: Callable[..., Router]) -> Router:
    """The site with the limits that it comes with."""
    return make_app(**{"ratelimit.enabled": True})


class Stranger:
    """Sends the sign-in form from whatever address."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.token = csrf_token(client.get("/users/login/"))

    def guess(self, login: str, number: int = 0, password: str = "a guess") -> int:
        fields = {"login": login, "password": password, "csrf_token": self.token}
        where = {"REMOTE_ADDR": f"203.0.113.{number % ADDRESSES}"}
        return int(self.client.post("/users/login/", fields, extra_environ=where, status="*").status_int)


def test_a_thousand_guesses_from_a_hundred_addresses_are_ten_checks_and_keep_the_owner_in(
    app: Router, client: Client, make_client: Callable[..., Client], db: Session
) -> None:
    stored = str(make_user(db, "ann").password).split("$", 2)[2]
    client.login("ann")
    client.logout()
    stranger = Stranger(make_client())
    with hashes(app) as seen:
        answers = Counter(
            stranger.guess(SPELLINGS[number % len(SPELLINGS)], number, f"guess {number}")
            for number in range(GUESSES)
        )
    # The owner's own sign-in was the tenth. An address costs a second hash, of another account or none.
    assert seen.count(stored) == 9
    assert len(seen) == 9 + 5
    assert answers == {422: 9, 429: GUESSES - 9}
    assert client.login("ann").location.endswith("/users/me/")


def test_using_up_the_tries_of_a_name_does_not_tell_which_address_belongs_to_it(
    app: Router, make_client: Callable[..., Client], db: Session
) -> None:
    for name in ("ann", "bob"):
        make_user(db, name)
    stranger = Stranger(make_client())
    assert [stranger.guess("ann") for _ in range(11)][-1] == 429
    others = ("ann@example.org", "bob@example.org", "nobody@example.org")
    assert {stranger.guess(login) for login in others} == {422}
