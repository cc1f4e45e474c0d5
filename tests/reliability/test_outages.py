"""What the site leans on goes away and comes back: bounded answers meanwhile, and no restart afterwards."""

import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from pyramid.router import Router
from sqlalchemy.orm import Session

from tests import servers
from tests.conftest import PASSWORD, LiveServer, migrate
from tests.factories import make_post, make_user
from tests.reliability.browsing import Person
from tests.reliability.together import together

LONGEST_ANSWER_SECONDS = 5

pytestmark = pytest.mark.parametrize("backend", ["postgresql"], indirect=True)


@pytest.fixture
def own_postgresql() -> Iterator[servers.Server]:
    """A PostgreSQL server with the site's tables, for this test to stop."""
    with servers.postgresql() as server:
        migrate(server.url)
        yield server
        if server.process is None:
            server.start()


def test_without_redis_people_read_sign_in_and_write_and_with_it_again_all_is_well(
    make_live_server: Callable[..., LiveServer],
    make_app: Callable[..., Router],
    redis_server: servers.Server,
    db: Session,
) -> None:
    queue = make_app(redis_url=redis_server.url).registry["huey"]
    site = make_live_server(redis_url=redis_server.url, ratelimit_enabled=True)
    # Each message for the workers that is not delivered is told in the log.
    site.tracebacks_allowed = True
    post = make_post(db, make_user(db, "ann"))
    make_user(db, "bob")
    db.commit()
    address = f"{site.url}/posts/{post.id}/{post.slug}/"
    guest, bob = Person(), Person()
    assert guest.get(site.url).status_code == 200

    redis_server.stop()
    for page in (site.url, address, f"{site.url}/@ann/"):
        assert guest.get(page).status_code == 200
    credentials = {"login": "bob", "password": PASSWORD}
    assert bob.send(f"{site.url}/users/login/", credentials).status_code == 303
    assert "Hi bob!" in bob.get(f"{site.url}/users/me/").text
    answer = bob.send(address, {"body": "While it was away"}, to=f"{site.url}/posts/{post.id}/comments/")
    assert answer.status_code == 303
    assert "While it was away" in guest.get(address).text
    # The limits count on: those that guard accounts, in the database.
    wrong = {"login": "ann", "password": "not the password"}
    answers = [guest.send(f"{site.url}/users/login/", wrong).status_code for _ in range(6)]
    assert answers == [422] * 5 + [429]

    redis_server.start()
    assert bob.get(f"{site.url}/users/me/").status_code == 200
    waiting = queue.pending_count()
    answer = bob.send(address, {"body": "Here again"}, to=f"{site.url}/posts/{post.id}/comments/")
    assert answer.status_code == 303
    assert queue.pending_count() == waiting + 1
    assert "Here again" in guest.get(address).text


def test_without_postgresql_the_site_says_so_at_once_and_recovers_by_itself(
    make_live_server: Callable[..., LiveServer], own_postgresql: servers.Server
) -> None:
    site = make_live_server(sqlalchemy_url=own_postgresql.url, cache_guest_seconds=0)
    guest = Person()
    pages = [f"{site.url}/", f"{site.url}/?sort=active", f"{site.url}/@ann/", f"{site.url}/users/me/"]
    # Connections stand open in the pool, and will be broken ones.
    assert {guest.get(page).status_code for page in pages[:2] * 4} == {200}
    member = Person()
    member.session.cookies.set("session", "some-token", domain="localhost.local")
    login = partial(member.send, f"{site.url}/users/login/", {"login": "ann", "password": "some password"})
    assert login().status_code == 422

    own_postgresql.stop()
    began = time.monotonic()
    people = [guest, member] * 4
    answers = together([partial(person.get, pages[0]) for person in people])
    answers += [member.get(page) for page in pages]
    assert time.monotonic() - began < LONGEST_ANSWER_SECONDS
    for answer in answers:
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert "<h1" in answer.text
        assert "Content-Security-Policy" in answer.headers
        assert "psycopg" not in answer.text
    assert guest.get(f"{site.url}/health/ready").status_code == 503
    assert guest.get(f"{site.url}/health/live").status_code == 200
    # The form itself needs no database.
    fresh = Person()
    wrong = {"login": "ann", "password": "some password"}
    assert fresh.send(f"{site.url}/users/login/", wrong).status_code == 503

    own_postgresql.start()
    for page in pages[:2]:
        assert guest.get(page).status_code == 200
    assert guest.get(f"{site.url}/health/ready").status_code == 200
    assert login().status_code == 422

    # A restart between two requests is not even noticed, though the pool's connections are broken.
    own_postgresql.stop()
    own_postgresql.start()
    for page in pages[:2]:
        assert guest.get(page).status_code == 200


def test_guests_read_on_from_the_cache_while_postgresql_is_away(
    make_live_server: Callable[..., LiveServer], own_postgresql: servers.Server
) -> None:
    site = make_live_server(sqlalchemy_url=own_postgresql.url, cache_guest_seconds=600)
    guest = Person()
    before = guest.get(site.url)
    own_postgresql.stop()
    after = guest.get(site.url)
    assert (after.status_code, after.text) == (200, before.text)
