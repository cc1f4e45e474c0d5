"""Who comes first wins, and everybody else is told: no second winner, and no failure of the site."""

import itertools
from collections.abc import Callable
from functools import partial

import pytest
import sqlalchemy as sa
import webtest
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.audit import COMMAND_LINE, AuditEntry
from myproject.comments import constants as COMMENT
from myproject.comments.models import Comment
from myproject.db import sessions_of, utc_now
from myproject.emails.constants import Kind
from myproject.emails.models import Email
from myproject.errors import InputError
from myproject.users import constants as USER
from myproject.users.models import FormerName, User, UserSession, UserToken
from myproject.users.services import passwords, roles
from tests.conftest import CAPTCHA_ANSWER, PASSWORD, form_with
from tests.factories import make_comment, make_post, make_user
from tests.functional.pages import csrf_token, field_errors
from tests.reliability.together import Visitor, together

MANY = 16


def token_of(db: Session, kind: Kind) -> str:
    """The token in the newest mail of a kind."""
    found = sa.select(Email.context).where(Email.kind == kind.value).order_by(Email.id.desc())
    context = db.scalars(found).first()
    assert context is not None
    return str(context["token"])


def statuses(answers: list[webtest.TestResponse]) -> list[int]:
    return sorted(answer.status_int for answer in answers)


def test_one_of_many_who_register_the_same_nickname_gets_it(app: Router, db: Session) -> None:
    forms = []
    for number, name in zip(range(MANY), itertools.cycle(["Ann", "ann", "ANN", "\uff21nn"]), strict=False):
        form = form_with(Visitor(app).get("/users/register/"), "accept_tos")
        form["name"], form["email"] = name, f"ann-{number}@example.org"
        form["password"] = form["confirm"] = PASSWORD
        form["captcha_answer"], form["accept_tos"] = CAPTCHA_ANSWER, True
        forms.append(form)
    answers = together([partial(form.submit, status="*") for form in forms])
    assert statuses(answers) == [303] + [422] * (MANY - 1)
    for answer in answers:
        if answer.status_int == 422:
            assert field_errors(answer) == {"name": "Somebody else has this nickname"}
    (user,) = db.scalars(sa.select(User))
    assert db.scalars(sa.select(Email.to_address)).all() == [user.email]
    assert db.scalars(sa.select(UserSession.user_id)).all() == [user.id]


def test_one_of_many_who_spend_a_reset_link_succeeds(app: Router, db: Session) -> None:
    user = make_user(db, "ann")
    passwords.ask_for_reset(db, user.email)
    db.commit()
    forms = []
    for number in range(MANY):
        page = Visitor(app).get(f"/users/reset-password/{token_of(db, Kind.RESET_PASSWORD)}/")
        form = form_with(page, "confirm")
        form["password"] = form["confirm"] = f"a new password {number}"
        forms.append(form)
    db.commit()
    answers = together([partial(form.submit, "save", status="*") for form in forms])
    assert statuses(answers) == [303] + [410] * (MANY - 1)
    (winner,) = (number for number, answer in enumerate(answers) if answer.status_int == 303)
    form = form_with(Visitor(app).get("/users/login/"), "login")
    form["login"], form["password"] = "ann", f"a new password {winner}"
    form.submit(status=303)
    told = sa.select(sa.func.count(Email.id)).where(Email.kind == Kind.PASSWORD_CHANGED.value)
    assert db.scalar(told) == 1


def test_one_of_many_who_spend_a_verification_link_succeeds(app: Router, db: Session) -> None:
    user = make_user(db, "ann", status=USER.Status.NEW)
    db.commit()
    visitors = [Visitor(app) for _ in range(MANY)]
    address = f"/users/verify/{token_of(db, Kind.VERIFY)}/"
    db.commit()
    fields = [{"csrf_token": csrf_token(visitor.get(address))} for visitor in visitors]
    answers = together(
        [partial(each.post, address, field, status="*") for each, field in zip(visitors, fields, strict=True)]
    )
    assert statuses(answers) == [303] + [410] * (MANY - 1)
    db.refresh(user)
    assert (user.status, user.verified) == (USER.Status.ACTIVE, True)
    assert db.scalar(sa.select(sa.func.count(UserToken.id)).where(UserToken.expires_at > utc_now())) == 0


def test_one_of_two_accounts_that_verify_the_same_address_gets_it(app: Router, db: Session) -> None:
    visitors, addresses = [], []
    for name in ("ann", "other-ann"):
        make_user(db, name, email="ann@example.org", status=USER.Status.NEW)
        visitors.append(Visitor(app))
        addresses.append(f"/users/verify/{token_of(db, Kind.VERIFY)}/")
        db.commit()
    fields = [
        {"csrf_token": csrf_token(visitor.get(address))}
        for visitor, address in zip(visitors, addresses, strict=True)
    ]
    answers = together(
        [
            partial(visitor.post, address, field, status="*")
            for visitor, address, field in zip(visitors, addresses, fields, strict=True)
        ]
    )
    assert statuses(answers) == [303, 410]
    assert db.scalar(sa.select(sa.func.count(User.id)).where(User.email_verified_at.is_not(None))) == 1


def admin_form(app: Router, db: Session, actor: User, target: User) -> webtest.Form:
    """The form with which `actor`, an admin, changes `target`."""
    visitor = Visitor(app)
    visitor.sign_in(db, actor)
    form = form_with(visitor.get(f"/admin/users/{target.id}/"), "reason")
    form["reason"] = "a reason"
    return form


def active_admins(db: Session) -> int:
    db.expire_all()
    found = sa.select(sa.func.count(User.id)).where(
        User.role == USER.Role.ADMIN, User.status == USER.Status.ACTIVE
    )
    number = db.scalar(found) or 0
    db.commit()
    return number


@pytest.mark.parametrize(
    ("field", "value"), [("role", USER.Role.USER), ("status", USER.Status.INACTIVE)], ids=["demote", "shut"]
)
def test_of_two_admins_who_end_each_other_at_once_one_stays(
    app: Router, db: Session, field: str, value: int
) -> None:
    for number in range(3):
        one, two = (make_user(db, f"{name}-{number}", role=USER.Role.ADMIN) for name in ("one", "two"))
        forms = [admin_form(app, db, one, two), admin_form(app, db, two, one)]
        for form in forms:
            form[field] = str(int(value))
        answers = together([partial(form.submit, "save", status="*") for form in forms])
        assert active_admins(db) == 1
        assert all(answer.status_int < 500 for answer in answers)
        assert sum(answer.status_int == 303 for answer in answers) == 1
        # One row of the audit for the one change; the next round begins without admins.
        changes = sa.select(sa.func.count(AuditEntry.id)).where(AuditEntry.action == f"user.{field}")
        assert db.scalar(changes) == number + 1
        db.execute(sa.update(User).values(role=USER.Role.USER))
        db.commit()


def test_the_last_admin_stays_however_many_are_demoted_at_once(app: Router, db: Session) -> None:
    numbers = [make_user(db, f"admin-{number}", role=USER.Role.ADMIN).id for number in range(8)]
    db.commit()

    def demote(number: int) -> bool:
        try:
            with sessions_of(app.registry).writing() as own:
                roles.change_role(own, COMMAND_LINE, number, USER.Role.USER, "for a test")
        except InputError:
            return False
        return True

    changed = together([partial(demote, number) for number in numbers])
    assert sorted(changed) == [False] + [True] * 7
    assert active_admins(db) == 1


def test_rate_limits_let_no_more_through_when_all_come_at_once(
    make_app: Callable[..., Router], db: Session
) -> None:
    app = make_app(ratelimit_enabled=True, ratelimit_login_account="5 per hour")
    make_user(db, "ann")
    db.commit()
    forms = []
    for _ in range(MANY):
        form = form_with(Visitor(app).get("/users/login/"), "login")
        form["login"], form["password"] = "ann", "not the password"
        forms.append(form)
    answers = together([partial(form.submit, status="*") for form in forms])
    assert statuses(answers) == [422] * 5 + [429] * (MANY - 5)


def test_one_of_many_members_who_take_the_same_new_nickname_gets_it(app: Router, db: Session) -> None:
    visitors = []
    for number in range(MANY):
        visitor = Visitor(app)
        visitor.sign_in(db, make_user(db, f"member-{number}"))
        visitors.append((visitor, csrf_token(visitor.get("/users/me/name/"))))
    # Each of them is the same to the eye.
    wanted = itertools.cycle(["Iris", "lris", "1ris"])
    answers = together(
        [
            partial(visitor.post, "/users/me/name/", {"name": name, "csrf_token": token}, status="*")
            for (visitor, token), name in zip(visitors, wanted, strict=False)
        ]
    )
    assert statuses(answers) == [303] + [422] * (MANY - 1)
    db.expire_all()
    assert len(db.scalars(sa.select(User).where(User.name_skeleton == "lris")).all()) == 1
    assert db.scalar(sa.select(sa.func.count(FormerName.id))) == 1


def test_a_nickname_that_is_given_up_stays_parked_however_many_reach_for_it(app: Router, db: Session) -> None:
    owner = Visitor(app)
    owner.sign_in(db, make_user(db, "ann"))
    actions = [
        partial(owner.post, "/users/me/name/", {"name": "anna", "csrf_token": csrf_token(owner.get("/users/me/"))})
    ]
    for number in range(MANY - 1):
        visitor = Visitor(app)
        visitor.sign_in(db, make_user(db, f"member-{number}"))
        fields = {"name": "ann", "csrf_token": csrf_token(visitor.get("/users/me/name/"))}
        actions.append(partial(visitor.post, "/users/me/name/", fields, status="*"))
    answers = together(actions)
    assert statuses(answers) == [303] + [422] * (MANY - 1)
    db.expire_all()
    assert db.scalars(sa.select(User.name).where(User.name_canonical == "ann")).all() == []


@pytest.mark.parametrize("others", ["remove", "save", "approve"])
def test_a_comment_that_is_taken_back_while_it_waits_is_gone_for_all_who_come_at_once(
    app: Router, db: Session, others: str
) -> None:
    ann, boss = make_user(db, "ann"), make_user(db, "boss", role=USER.Role.STAFF)
    comment = make_comment(db, make_post(db, boss), ann)
    comment.status = COMMENT.Status.WAITING
    db.commit()
    number = comment.id

    def form_of(button: str) -> webtest.Form:
        visitor = Visitor(app)
        visitor.sign_in(db, boss if button == "approve" else ann)
        addresses = {"remove": f"/comments/{number}/delete/", "save": f"/comments/{number}/edit/"}
        form = form_with(visitor.get(addresses.get(button, f"/moderation/waiting/comments/{number}/")), button)
        if button == "save":
            form["body"] = "A change that is not lost"
        return form

    buttons = ["remove", others] * (MANY // 2)
    answers = together([partial(form_of(button).submit, button, status="*") for button in buttons])
    # Who comes later still meets the page of a comment that is gone.
    assert set(statuses(answers)) <= {303, 404, 410, 409, 422}
    db.expire_all()
    left = db.scalars(sa.select(Comment.status)).all()
    assert left in ([], [COMMENT.Status.REMOVED])
    for button, answer in zip(buttons, answers, strict=True):
        if button == "save" and answer.status_int != 303:
            assert "A change that is not lost" in answer
