"""Leaving and taking one's data along, by many at the same moment."""

from collections.abc import Callable
from functools import partial
from typing import Any

import redis
import sqlalchemy as sa
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.cache import make_cache
from myproject.db import sessions_of, utc_now
from myproject.emails.constants import Kind
from myproject.errors import InputError
from myproject.settings import Settings
from myproject.users import constants as USER
from myproject.users import errors
from myproject.users.models import Export, User
from myproject.users.services import accounts, deletion, export
from tests.factories import make_user
from tests.reliability.test_races import MANY, token_of
from tests.reliability.together import together
from tests.servers import Server

CLIENT = accounts.Client("127.0.0.1", "a test")


def attempt(app: Router, do: Callable[..., Any]) -> type[InputError] | None:
    """Does it in a transaction of its own; gives what was refused."""
    try:
        with sessions_of(app.registry).writing() as db:
            do(db)
    except InputError as error:
        return type(error)
    return None


def test_one_of_two_last_admins_who_leave_at_once_stays(app: Router, db: Session) -> None:
    admins = [make_user(db, name, role=USER.Role.ADMIN).id for name in ("root-1", "root-2")]
    db.commit()
    leaving = [
        partial(deletion.ask_for_deletion, user_id=user_id, deletion=USER.Deletion.KEEP_POSTS, client=CLIENT)
        for user_id in admins
    ]
    answers = together([partial(attempt, app, leave) for leave in leaving])
    assert sorted(answers, key=str) == sorted([None, errors.LastAdmin], key=str)


def test_one_of_many_who_ask_for_the_same_export_gets_it(app: Router, db: Session) -> None:
    user_id = make_user(db, "ann").id
    db.commit()
    asking = partial(export.ask_for_export, user_id=user_id, client=CLIENT)
    answers = together([partial(attempt, app, asking)] * MANY)
    assert answers.count(None) == 1
    assert answers.count(errors.ExportWaiting) == MANY - 1
    assert db.scalar(sa.select(sa.func.count()).select_from(Export)) == 1


def test_one_of_many_who_spend_the_link_that_keeps_an_account_succeeds(app: Router, db: Session) -> None:
    user = make_user(db, "ann")
    deletion.ask_for_deletion(db, user.id, USER.Deletion.KEEP_POSTS, CLIENT)
    token = token_of(db, Kind.DELETION_ASKED)
    db.commit()
    keeping = partial(deletion.keep_by_token, token=token, client=CLIENT)
    answers = together([partial(attempt, app, keeping)] * MANY)
    assert answers.count(None) == 1
    assert answers.count(errors.LinkInvalid) == MANY - 1


def test_an_account_that_is_kept_while_the_task_runs_is_whole_or_gone(app: Router, db: Session) -> None:
    user = make_user(db, "ann")
    deletion.ask_for_deletion(db, user.id, USER.Deletion.KEEP_POSTS, CLIENT)
    user.delete_after = utc_now()
    user_id = user.id
    db.commit()
    keep = partial(deletion.keep_account, user_id=user_id, client=CLIENT)
    erase = partial(deletion.erase, user_id=user_id)
    together([partial(attempt, app, keep), partial(attempt, app, erase)])
    db.expire_all()
    user = db.get_one(User, user_id)
    assert user.deletion == USER.Deletion.NONE
    whole = (user.name, user.email, user.status) == ("ann", "ann@example.org", USER.Status.ACTIVE)
    gone = (user.name, user.email, user.status) == (f"{USER.FORMER_MEMBER}{user_id}", "", USER.Status.INACTIVE)
    assert whole or gone


def test_the_cache_in_redis_is_emptied_and_nothing_beside_it(redis_server: Server) -> None:
    cache = make_cache(Settings.with_defaults(redis_url=redis_server.url))
    with redis.Redis.from_url(redis_server.url) as client:
        cache.set("user:1", {"name": "ann"})
        cache.set_bytes("page:plain en /", b"ann")
        cache.touch(["site"])
        client.set("LIMITS:ann", "1")
        cache.clear()
        left = client.keys()
    assert sorted(left) == [b"LIMITS:ann", b"site:change:site", b"site:changes"]
