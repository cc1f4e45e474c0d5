"""A code that many try at the same moment lets one of them in."""

from collections.abc import Callable
from functools import partial

import pytest
import sqlalchemy as sa
import webtest
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.users import constants as USER
from myproject.users.models import RecoveryCode, SecurityLogEntry, UserSession
from tests.conftest import PASSWORD, form_with
from tests.factories import make_user
from tests.phones import Phone, turn_on
from tests.reliability.together import Visitor, together

MANY = 16


@pytest.fixture
def phone(db: Session) -> Phone:
    made = turn_on(db, make_user(db, "ann"))
    db.commit()
    return made


def half(app: Router) -> Visitor:
    """A browser that has given the password, and waits for the code."""
    visitor = Visitor(app)
    form = form_with(visitor.get("/users/login/"), "login")
    form["login"], form["password"] = "ann", PASSWORD
    form.submit(status=303)
    return visitor


def form_of(visitor: Visitor, code: str) -> webtest.Form:
    form = form_with(visitor.get("/users/login/second-factor/"), "code")
    form["code"] = code
    return form


def send_all(forms: list[webtest.Form]) -> list[webtest.TestResponse]:
    return together([partial(form.submit, status="*") for form in forms])


def winners(answers: list[webtest.TestResponse]) -> int:
    return sum(answer.headers.get("Location", "") == "http://localhost/users/me/" for answer in answers)


@pytest.mark.parametrize("code_of", [Phone.code, lambda phone: phone.codes[0]], ids=["app", "recovery"])
def test_one_of_many_browsers_that_use_the_same_code_is_let_in(
    app: Router, db: Session, phone: Phone, code_of: Callable[[Phone], str]
) -> None:
    browsers = [half(app) for _ in range(MANY)]
    code = code_of(phone)  # once: the app's next code is another, and lets another one in
    answers = send_all([form_of(browser, code) for browser in browsers])
    assert winners(answers) == 1
    assert sorted(answer.status_int for answer in answers) == [303] + [422] * (MANY - 1)
    assert db.scalar(sa.select(sa.func.count(UserSession.id))) == 1
    used = USER.RECOVERY_CODES - (db.scalar(sa.select(sa.func.count(RecoveryCode.id))) or 0)
    assert used == (code in phone.codes)


def test_one_sign_in_that_waits_lets_in_once_however_many_codes_are_right(
    app: Router, db: Session, phone: Phone
) -> None:
    visitor = half(app)
    answers = send_all([form_of(visitor, code) for code in phone.codes[: USER.STEP_TRIES]])
    assert winners(answers) == 1
    assert db.scalar(sa.select(sa.func.count(UserSession.id))) == 1
    # The others found nothing that waits, and used no code up.
    assert db.scalar(sa.select(sa.func.count(RecoveryCode.id))) == USER.RECOVERY_CODES - 1


def test_no_more_tries_than_allowed_are_looked_at_when_all_come_at_once(
    app: Router, db: Session, phone: Phone
) -> None:
    visitor = half(app)
    answers = send_all([form_of(visitor, "000000") for _ in range(MANY)])
    assert (
        sorted(answer.status_int for answer in answers)
        == [303] * (MANY - USER.STEP_TRIES) + [422] * USER.STEP_TRIES
    )
    failed = sa.select(sa.func.count(SecurityLogEntry.id)).where(
        SecurityLogEntry.event == USER.SecurityEvent.SIGN_IN_FAILED
    )
    assert db.scalar(failed) == USER.STEP_TRIES
