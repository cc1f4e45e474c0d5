"""An invitation lets in as many as it says, however many come at once."""

from collections.abc import Callable
from functools import partial

import pytest
import sqlalchemy as sa
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.db import sessions_of
from myproject.errors import InputError
from myproject.users import constants as USER
from myproject.users.models import Invitation, User
from myproject.users.services import invitations
from tests.conftest import CAPTCHA_ANSWER, PASSWORD, form_with
from tests.factories import make_user
from tests.reliability.together import Visitor, together

MANY = 16


@pytest.mark.parametrize("uses", [1, 3])
def test_as_many_of_those_who_follow_a_link_at_once_come_in_as_it_has_uses(
    make_app: Callable[..., Router], db: Session, uses: int
) -> None:
    app = make_app(users_registration="invite")
    ann = make_user(db, "ann")
    token = invitations.make_invitation(db, ann.id, uses=uses, days=1)
    db.commit()
    forms = []
    for number in range(MANY):
        form = form_with(Visitor(app).get(f"/users/register/?invitation={token}"), "accept_tos")
        form["name"], form["email"] = f"ben-{number}", f"ben-{number}@example.org"
        form["password"] = form["confirm"] = PASSWORD
        form["captcha_answer"], form["accept_tos"] = CAPTCHA_ANSWER, True
        forms.append(form)
    answers = together([partial(form.submit, status="*") for form in forms])
    assert sorted(answer.status_int for answer in answers) == [303] * uses + [422] * (MANY - uses)
    for answer in answers:
        if answer.status_int == 422:
            assert "This invitation is used up, or too old." in answer.text
    assert db.scalars(sa.select(User.invited_by_id).where(User.id != ann.id)).all() == [ann.id] * uses
    assert db.scalars(sa.select(Invitation.uses_left)).all() == [0]


def test_member_who_invites_many_times_at_once_gets_no_more_than_may_be_open(app: Router, db: Session) -> None:
    ann = make_user(db, "ann")
    db.commit()

    def invite() -> bool:
        try:
            with sessions_of(app.registry).writing() as own:
                invitations.make_invitation(own, ann.id, uses=1, days=1)
        except InputError:
            return False
        return True

    made = together([invite] * MANY)
    assert sum(made) == USER.INVITATIONS_OPEN_MAX
