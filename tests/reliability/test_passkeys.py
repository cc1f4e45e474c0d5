"""A passkey's challenge answered by many at once is answered once."""

import json
from functools import partial

import pytest
import sqlalchemy as sa
import webtest
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.users.models import Passkey, User, UserSession
from tests.authenticator import Authenticator
from tests.factories import make_user
from tests.functional.pages import csrf_token
from tests.reliability.test_races import MANY, statuses
from tests.reliability.together import Visitor, together

SIGN_IN, ADD = "/users/passkeys/sign-in/", "/users/passkeys/add/"


def post(visitor: Visitor, path: str, **fields: str) -> webtest.TestResponse:
    headers = {"X-CSRF-Token": csrf_token(visitor.get("/users/lost-password/"))}
    return visitor.post(path, fields, headers=headers, status="*")


def answer(visitor: Visitor, path: str, credential: object) -> webtest.TestResponse:
    return post(visitor, path, credential=json.dumps(credential))


@pytest.fixture
def ann(db: Session) -> User:
    return make_user(db, "ann")


def owner(app: Router, db: Session, ann: User) -> Visitor:
    visitor = Visitor(app)
    visitor.sign_in(db, ann)
    return visitor


def test_one_of_many_answers_to_a_challenge_signs_in(app: Router, db: Session, ann: User) -> None:
    device, first = Authenticator(), Visitor(app)
    adding = owner(app, db, ann)
    answer(adding, ADD, device.create(post(adding, f"{ADD}options/", name="Phone").json["publicKey"]))
    options = post(first, f"{SIGN_IN}options/").json["publicKey"]
    visitors = [Visitor(app) for _ in range(MANY)]
    for visitor in visitors:
        visitor.set_cookie("passkey", first.cookies["passkey"])
    # Each answer is right by itself, and counts one more than the one before.
    answers = together([partial(answer, visitor, SIGN_IN, device.get(options)) for visitor in visitors])
    assert statuses(answers) == [200] + [422] * (MANY - 1)
    db.rollback()
    assert db.scalar(sa.select(sa.func.count(UserSession.id))) == 2


def test_of_many_copies_with_one_count_one_signs_in(app: Router, db: Session, ann: User) -> None:
    device = Authenticator()
    adding = owner(app, db, ann)
    answer(adding, ADD, device.create(post(adding, f"{ADD}options/", name="Phone").json["publicKey"]))
    visitors, credentials = [Visitor(app) for _ in range(MANY)], []
    for visitor in visitors:
        device.credentials[0].sign_count = 6
        credentials.append(device.get(post(visitor, f"{SIGN_IN}options/").json["publicKey"]))
    answers = together(
        [partial(answer, each, SIGN_IN, made) for each, made in zip(visitors, credentials, strict=True)]
    )
    assert statuses(answers) == [200] + [422] * (MANY - 1)


def test_one_of_many_answers_to_a_challenge_adds_a_passkey(app: Router, db: Session, ann: User) -> None:
    first = owner(app, db, ann)
    options = post(first, f"{ADD}options/", name="Phone").json["publicKey"]
    visitors = [owner(app, db, ann) for _ in range(MANY)]
    for visitor in visitors:
        visitor.set_cookie("passkey", first.cookies["passkey"])
    answers = together([partial(answer, visitor, ADD, Authenticator().create(options)) for visitor in visitors])
    assert statuses(answers) == [200] + [422] * (MANY - 1)
    db.rollback()
    assert db.scalar(sa.select(sa.func.count(Passkey.id))) == 1
