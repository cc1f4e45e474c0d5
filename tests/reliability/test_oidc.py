"""What somebody begins at a third party ends once, however often and from wherever it comes back."""

from collections.abc import Callable, Iterator
from functools import partial

import pytest
import sqlalchemy as sa
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.users import constants as USER
from myproject.users.models import Connection, SignInStep, User, UserSession
from myproject.users.services import steps
from tests.conftest import form_with
from tests.factories import make_user
from tests.functional.users.oidc import address_in
from tests.oidc.providers import HostileProvider
from tests.reliability.together import Visitor, together
from tests.servers import serving

MANY = 16


@pytest.fixture(scope="module")
def server() -> Iterator[HostileProvider]:
    with serving(HostileProvider()) as started:
        yield started


@pytest.fixture
def provider(server: HostileProvider) -> HostileProvider:
    server.renew()
    return server


@pytest.fixture
def app(make_app: Callable[..., Router], provider: HostileProvider) -> Router:
    return make_app(**provider.options)


def leave(visitor: Visitor) -> str:
    forms = visitor.get("/users/login/").forms.values()
    return address_in(next(form for form in forms if form.action.endswith("/start/")).submit())


def twins(visitor: Visitor, cookie: str) -> list[Visitor]:
    """Browsers that hold the same cookie of what was begun, as a thief's would."""
    made = [Visitor(visitor.app) for _ in range(MANY)]
    for twin in made:
        twin.set_cookie(cookie, visitor.cookies[cookie])
    return made


def test_one_of_many_answers_to_one_departure_signs_in(
    app: Router, db: Session, provider: HostileProvider
) -> None:
    user = make_user(db, "ann")
    db.add(Connection(user_id=user.id, provider="hostile", issuer=provider.issuer, subject=provider.subject))
    db.commit()
    visitor = Visitor(app)
    back = provider.authorize(leave(visitor))
    answers = together([partial(twin.get, back, status="*") for twin in twins(visitor, "provider")])
    assert sorted(answer.status_int for answer in answers) == [303] + [400] * (MANY - 1)
    assert db.scalars(sa.select(UserSession.user_id)).all() == [user.id]


def test_one_of_many_who_send_one_registration_makes_the_account(
    app: Router, db: Session, provider: HostileProvider
) -> None:
    visitor = Visitor(app)
    visitor.get(provider.authorize(leave(visitor)), status=303)
    forms = []
    for number, twin in enumerate(twins(visitor, "joining")):
        form = form_with(twin.get("/users/oidc/hostile/register/"), "accept_tos")
        form["name"], form["accept_tos"] = f"ann-number-{number}", True
        forms.append(form)
    answers = together([partial(form.submit, status="*") for form in forms])
    assert sorted(answer.status_int for answer in answers) == [303] + [422] * (MANY - 1)
    assert len(db.scalars(sa.select(User)).all()) == len(db.scalars(sa.select(Connection)).all()) == 1


def test_one_of_many_browsers_of_one_person_makes_the_account(
    app: Router, db: Session, provider: HostileProvider
) -> None:
    visitor = Visitor(app)
    visitor.get(provider.authorize(leave(visitor)), status=303)
    data = db.scalar(sa.select(SignInStep.data).where(SignInStep.step == USER.Step.PROVIDER_REGISTRATION))
    forms = []
    for number in range(MANY):
        token = steps.begin_step(db, USER.Step.PROVIDER_REGISTRATION, data)
        db.commit()
        other = Visitor(app)
        other.set_cookie("joining", token)
        form = form_with(other.get("/users/oidc/hostile/register/"), "accept_tos")
        form["name"], form["accept_tos"] = f"ann-number-{number}", True
        forms.append(form)
    answers = together([partial(form.submit, status="*") for form in forms])
    assert sorted(answer.status_int for answer in answers) == [303] + [422] * (MANY - 1)
    assert len(db.scalars(sa.select(User)).all()) == len(db.scalars(sa.select(Connection)).all()) == 1
