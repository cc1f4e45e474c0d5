"""Links in mails: each does one thing, once, for a time. None opens a door of another kind (OWASP ASVS 5.0:
6.4.1).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from itertools import product

import pytest
import sqlalchemy as sa
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.db import utc_now
from myproject.emails.services import choosing, unsubscribing
from myproject.notifications.services import choices
from myproject.security.keys import keys_of
from myproject.security.links import make_link_token
from myproject.users import constants as USER
from myproject.users.models import SecondFactorReset, User, UserToken
from myproject.users.services import tokens
from tests.conftest import Client
from tests.factories import make_user
from tests.functional.pages import csrf_token
from tests.reliability.together import Visitor, together

Purpose = USER.TokenPurpose
HOUR = timedelta(hours=1)
MANY = 16
NEW_PASSWORD = "staple battery horse"


@dataclass(frozen=True)
class Door:
    """Where links of a purpose lead, and what is sent there."""

    path: str
    fields: dict[str, str]


DOORS = {
    Purpose.VERIFY_EMAIL: Door("/users/verify/{}/", {}),
    Purpose.RESET_PASSWORD: Door("/users/reset-password/{}/", {"password": NEW_PASSWORD, "confirm": NEW_PASSWORD}),
    Purpose.CHANGE_EMAIL: Door("/users/email/confirm/{}/", {}),
    Purpose.UNDO_EMAIL: Door("/users/email/undo/{}/", {}),
    Purpose.KEEP_ACCOUNT: Door("/users/keep-account/{}/", {}),
    Purpose.RESET_SECOND_FACTOR: Door("/users/second-factor/reset/{}/", {}),
    Purpose.KEEP_SECOND_FACTOR: Door("/users/second-factor/keep/{}/", {}),
}


def make_token(db: Session, purpose: USER.TokenPurpose) -> str:
    """A live token of `purpose`, of a member whom it would do something for."""
    status = USER.Status.NEW if purpose == Purpose.VERIFY_EMAIL else USER.Status.ACTIVE
    user = make_user(db, "ann", status=status)
    if purpose == Purpose.KEEP_ACCOUNT:
        user.deletion, user.delete_after = USER.Deletion.KEEP_POSTS, utc_now() + HOUR
    if purpose in (Purpose.RESET_SECOND_FACTOR, Purpose.KEEP_SECOND_FACTOR):
        user.second_factor_at = utc_now()
    if purpose == Purpose.KEEP_SECOND_FACTOR:
        db.add(SecondFactorReset(user_id=user.id, due_at=utc_now() + HOUR))
    db.execute(sa.delete(UserToken))
    moves = purpose in (Purpose.CHANGE_EMAIL, Purpose.UNDO_EMAIL)
    token = tokens.add_token(db, user, purpose, HOUR, email="elsewhere@example.org" if moves else "")
    db.commit()
    return token


def state(db: Session) -> tuple[object, ...]:
    """What any of the links could change."""
    db.commit()
    columns = (User.email, User.email_verified_at, User.status, User.password, User.deletion)
    waiting = db.scalar(sa.select(sa.func.count(SecondFactorReset.user_id)))
    return (*db.execute(sa.select(*columns)).one(), waiting)


def test_every_purpose_has_its_door() -> None:
    assert set(DOORS) == set(Purpose)


@pytest.mark.parametrize("purpose", Purpose, ids=lambda purpose: purpose.name)
def test_a_link_opens_the_door_of_its_own_purpose_only_and_once(
    client: Client, db: Session, purpose: USER.TokenPurpose
) -> None:
    token = make_token(db, purpose)
    csrf = {"csrf_token": csrf_token(client.get("/users/login/"))}
    before = state(db)
    # Its own door comes last: nothing may have opened or spent it until then.
    for door in sorted(Purpose, key=lambda door: door == purpose):
        path, fields = DOORS[door].path.format(token), DOORS[door].fields | csrf
        # Looking changes nothing, at the right door neither.
        for _ in range(2):
            client.get(path, status=200 if purpose == door else 410)
        assert state(db) == before, door
        client.post(path, fields, status=303 if purpose == door else 410)
        assert (state(db) != before) is (purpose == door), door
    after = state(db)
    client.post(path, fields, status=410)
    client.get(path, status=410)
    assert state(db) == after


@pytest.mark.one_database
def test_the_links_that_never_end_open_no_other_door_and_no_other_link_opens_theirs(
    app: Router, client: Client, db: Session
) -> None:
    ann, keys = make_user(db, "ann"), keys_of(app.registry)
    endless = {
        "/emails/unsubscribe/{}/": unsubscribing.make_token(keys, unsubscribing.Stop(ann.id, topic="reply")),
        "/notifications/settings/{}/": choosing.make_token(keys, ann.id),
    }
    fields = {"csrf_token": csrf_token(client.get("/users/login/")), "mail_mention": "0", "digest": "7"}
    other = [tokens.add_token(db, ann, purpose, HOUR, email="elsewhere@example.org") for purpose in Purpose]
    # Were it only for what stands in them, these would do.
    other += [make_link_token(keys, choosing.PURPOSE, [ann.id, "mention"])]
    other += [make_link_token(keys, unsubscribing.PURPOSE, make_user(db, "bob").id)]
    for door, token in product(endless, (*endless.values(), *other)):
        own = endless[door] == token
        client.get(door.format(token), status=200 if own else 404)
        if not own:
            client.post(door.format(token), fields, status=404)
    for door, token in product(DOORS.values(), endless.values()):
        answers = [
            client.get(door.path.format(token), status="*"),
            client.post(door.path.format(token), fields | door.fields, status="*"),
        ]
        assert {answer.status_int for answer in answers} <= {404, 410}
    assert choices.read_choices(db, ann.id) == choices.DEFAULTS


@pytest.mark.parametrize("purpose", Purpose, ids=lambda purpose: purpose.name)
def test_a_link_whose_time_is_over_does_nothing(client: Client, db: Session, purpose: USER.TokenPurpose) -> None:
    path = DOORS[purpose].path.format(make_token(db, purpose))
    db.execute(sa.update(UserToken).values(expires_at=utc_now() - timedelta(seconds=1)))
    before = state(db)
    fields = DOORS[purpose].fields | {"csrf_token": csrf_token(client.get("/users/login/"))}
    client.get(path, status=410)
    client.post(path, fields, status=410)
    assert state(db) == before


@pytest.mark.parametrize("purpose", Purpose, ids=lambda purpose: purpose.name)
def test_of_many_who_follow_a_link_at_once_one_succeeds(
    app: Router, db: Session, purpose: USER.TokenPurpose
) -> None:
    path = DOORS[purpose].path.format(make_token(db, purpose))
    visitors = [Visitor(app) for _ in range(MANY)]
    forms = [DOORS[purpose].fields | {"csrf_token": csrf_token(each.get("/users/login/"))} for each in visitors]

    def send(visitor: Visitor, fields: dict[str, str]) -> Callable[[], int]:
        return lambda: int(visitor.post(path, fields, status="*").status_int)

    found = together([send(visitor, fields) for visitor, fields in zip(visitors, forms, strict=True)])
    assert sorted(found) == [303] + [410] * (MANY - 1)
