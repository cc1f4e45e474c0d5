"""Who can write into Redis runs no code here by that: what is no JSON of ours, a pickle above all, is as good as
not there (OWASP ASVS 5.0: 1.5.2).
"""

import json
import pickle
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.tasks import make_worker
from tests import servers
from tests.conftest import Client
from tests.factories import make_post, make_user, sign_in
from tests.functional.pages import heading

pytestmark = pytest.mark.one_database


class Payload:
    """Makes a folder as soon as somebody unpickles it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> Any:
        return Path.mkdir, (self.folder,)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What must not be there in the end."""
    return tmp_path / "somebody-ran-code"


@pytest.fixture
def payload(folder: Path) -> bytes:
    pickled = pickle.dumps(Payload(folder))
    # It does what it should.
    pickle.loads(pickled)
    folder.rmdir()
    return pickled


@pytest.fixture
def app(make_app: Callable[..., Router], redis_server: servers.Server) -> Router:
    return make_app(redis_url=redis_server.url, **{"ratelimit.enabled": True})


def forge(app: Router, write: Callable[[bytes], bytes]) -> list[str]:
    """Writes over every plain value that the site keeps in Redis, and gives the kinds of their keys."""
    kinds = set()
    with redis.Redis.from_url(app.registry.settings["redis.url"]) as client:
        for key in client.scan_iter():
            if client.type(key) == b"string":
                client.set(key, write(client.get(key) or b""))
                kinds.add(key.decode().split(":")[0])
    return sorted(kinds)


@pytest.mark.parametrize("place", ["whole", "after-dogpile", "json"])
def test_pages_and_members_are_read_from_the_database_where_the_cache_was_forged(
    app: Router,
    client: Client,
    make_client: Callable[..., Client],
    db: Session,
    payload: bytes,
    folder: Path,
    place: str,
) -> None:
    ann = make_user(db, "ann")
    make_post(db, ann, "Of tea")
    sign_in(client, ann)
    guest = make_client()
    forged = {
        "whole": lambda kept: payload,
        # What stands before the value of ours, as the library wrote it.
        "after-dogpile": lambda kept: kept.partition(b"|")[0] + b"|" + payload,
        "json": lambda kept: kept.partition(b"|")[0] + b"|" + json.dumps({"py/reduce": ["a", 1]}).encode(),
    }[place]
    for round_number in range(2):
        assert heading(client.get("/users/me/")) == "Hi ann!"
        for visitor in (client, guest):
            assert "Of tea" in visitor.get("/")
        if round_number == 0:
            assert {"fragment", "page", "user"} <= set(forge(app, forged))
    assert not folder.exists()


def test_a_worker_drops_what_is_no_task_and_goes_on(
    app: Router, client: Client, db: Session, payload: bytes, folder: Path
) -> None:
    huey = app.registry["huey"]
    for forged in (payload, b"", b"null", b"[]", b'{"name": "os.system", "id": "1"}', b'{"name": 1}', b"\xff"):
        huey.storage.enqueue(forged)
    done = threading.Event()
    app.registry["tasks"]["for-a-test"] = huey.task(name="for-a-test")(lambda: done.set())
    app.registry["tasks"]["for-a-test"]()
    worker = make_worker(app.registry, embedded=True)
    worker.start()
    try:
        assert done.wait(30), "the worker did not get to the task behind"
    finally:
        worker.stop(graceful=True)
    assert not folder.exists()
