"""Admins let people in, or refuse them, and both hear of it by mail."""

from collections.abc import Callable
from email.message import EmailMessage
from functools import partial

import pytest
import sqlalchemy as sa
import webtest
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.admin import constants as ADMIN
from myproject.audit import AuditEntry
from myproject.users import constants as USER
from myproject.users.models import User
from tests.conftest import Client, form_with
from tests.factories import make_user, sign_in
from tests.functional.pages import field_errors, flashes, summary, text_of
from tests.reliability.together import Visitor, together

pytestmark = pytest.mark.one_database

Mails = Callable[..., list[EmailMessage]]
QUEUE = "/admin/approvals/"


def make_waiting(db: Session, name: str, reason: str = "I bake bread.") -> User:
    user = make_user(db, name)
    user.approval, user.approval_reason = USER.Approval.WAITING, reason
    db.flush()
    return user


def names(page: webtest.TestResponse) -> list[str]:
    return [link.get_text() for link in page.html.select("section h2 a")]


def decide(client: Client, user: User, button: str, message: str = "") -> webtest.TestResponse:
    """Presses a button of a member's request in the queue."""
    page = client.get(QUEUE)
    form = next(form for form in page.forms.values() if form.action == f"{QUEUE}{user.id}/")
    form["message"] = message
    return form.submit(button, status="*")


def entries(db: Session, user: User) -> list[tuple[str, str, str, object, object]]:
    found = sa.select(AuditEntry).where(AuditEntry.target_id == user.id, AuditEntry.action == "user.approval")
    return [(row.actor_name, row.action, row.reason, row.before, row.after) for row in db.scalars(found)]


def test_queue_shows_who_waits_and_why_first_come_first(client: Client, db: Session, root: User) -> None:
    make_waiting(db, "ann", "I bake <b>bread</b>.")
    make_waiting(db, "ben")
    make_user(db, "cyd")
    make_waiting(db, "dot").status = USER.Status.INACTIVE
    page = client.get(QUEUE)
    assert names(page) == ["ann", "ben"]
    assert "I bake <b>bread</b>." in page.html.select_one("section").get_text()


def test_queue_goes_on_on_the_next_page(client: Client, db: Session, root: User) -> None:
    for number in range(ADMIN.PAGE_SIZE + 2):
        make_waiting(db, f"ann-{number}")
    first = client.get(QUEUE)
    second = first.click("Older")
    assert (len(names(first)), names(second)) == (ADMIN.PAGE_SIZE, ["ann-50", "ann-51"])


@pytest.mark.parametrize(("number", "told"), [(0, "Nobody waits"), (1, "1 person waits"), (2, "2 people wait")])
def test_overview_says_how_many_wait(client: Client, db: Session, root: User, number: int, told: str) -> None:
    for each in range(number):
        make_waiting(db, f"ann-{each}")
    assert told in client.get("/admin/").text


def test_who_is_let_in_is_mailed_and_can_sign_in(
    client: Client, make_client: Callable[..., Client], db: Session, root: User, mails: Mails
) -> None:
    ann = make_waiting(db, "ann")
    answer = decide(client, ann, "approve", "Welcome!\nSay hello.")
    assert flashes(answer.follow()) == ["ann is let in"]
    (mail,) = mails(to="ann@example.org")
    assert mail["Subject"] == "Welcome to My community"
    assert "> Welcome!\r\n> Say hello." in text_of(mail)
    assert "http://localhost/users/login/" in text_of(mail)
    make_client().login("ann").follow(status=200)
    before, after = {"approval": "WAITING"}, {"approval": "GIVEN"}
    assert entries(db, ann) == [("root-of-all", "user.approval", "Welcome!\nSay hello.", before, after)]
    assert names(client.get(QUEUE)) == []


def test_who_is_refused_is_mailed_and_can_be_let_in_later(
    client: Client, db: Session, root: User, mails: Mails
) -> None:
    ann = make_waiting(db, "ann")
    answer = decide(client, ann, "refuse")
    assert flashes(answer.follow()) == ["ann is refused"]
    (mail,) = mails(to="ann@example.org")
    assert mail["Subject"] == "Your request to join My community"
    assert "They write" not in text_of(mail)
    db.refresh(ann)
    assert ann.approval is USER.Approval.REFUSED
    page = client.get(QUEUE).click("Refused")
    assert names(page) == ["ann"]
    assert page.html.select_one("[name=refuse]") is None
    form_with(page, "message").submit("approve", status=303)
    db.refresh(ann)
    assert ann.approval is USER.Approval.GIVEN
    assert [row[4] for row in entries(db, ann)] == [{"approval": "REFUSED"}, {"approval": "GIVEN"}]


def test_who_was_refused_meanwhile_is_let_in_only_by_who_has_seen_that(
    client: Client, make_client: Callable[..., Client], db: Session, root: User
) -> None:
    ann = make_waiting(db, "ann")
    form = form_with(client.get(f"{QUEUE}{ann.id}/"), "message")
    other = make_client()
    sign_in(other, make_user(db, "zoe", role=USER.Role.ADMIN))
    decide(other, ann, "refuse")
    form["message"] = "Come in"
    page = form.submit("approve", status=409)
    assert "Somebody has refused them since you opened this page" in summary(page)
    assert page.html.select_one("tbody").get_text(" ", strip=True).count("zoe") == 1
    db.refresh(ann)
    assert ann.approval is USER.Approval.REFUSED
    again = form_with(page, "message")
    assert again["message"].value == "Come in"
    again.submit("approve", status=303)
    # Who is in is shut by their status alone: there is no button any more, but what was typed.
    page = form.submit("refuse", status=409)
    assert "Somebody has let them in" in summary(page)
    assert page.html.select("button[name=approve], button[name=refuse]") == []
    assert len(entries(db, ann)) == 2


def test_message_that_is_too_long_comes_back_with_what_is_wrong(
    client: Client, db: Session, root: User, mails: Mails
) -> None:
    ann = make_waiting(db, "ann")
    page = decide(client, ann, "approve", "x" * 501)
    assert (page.status_int, field_errors(page)) == (422, {"message": "Write at most 500 characters"})
    assert form_with(page, "message")["message"].value == "x" * 501
    db.refresh(ann)
    assert ann.approval is USER.Approval.WAITING
    assert mails() == []


def test_form_without_a_button_decides_nothing(client: Client, db: Session, root: User) -> None:
    ann = make_waiting(db, "ann")
    form = form_with(client.get(f"{QUEUE}{ann.id}/"), "message")
    assert "Press one of the buttons" in summary(form.submit(status=422))
    db.refresh(ann)
    assert ann.approval is USER.Approval.WAITING


def test_verified_address_of_another_gets_no_answer(client: Client, db: Session, root: User, mails: Mails) -> None:
    make_user(db, "owner-of-it", email="ann@example.org")
    ann = make_user(db, "ann", email="ann@example.org", status=USER.Status.NEW)
    ann.approval = USER.Approval.WAITING
    told = len(mails())
    assert decide(client, ann, "approve").status_int == 303
    assert len(mails()) == told


def test_page_of_the_member_leads_to_the_request(client: Client, db: Session, root: User) -> None:
    ann = make_waiting(db, "ann")
    page = client.get(f"/admin/users/{ann.id}/").click("Waiting")
    assert page.request.path == f"{QUEUE}{ann.id}/"
    assert "I bake bread." in page.text


def test_of_admins_who_decide_at_once_one_does(app: Router, db: Session) -> None:
    ann = make_waiting(db, "ann")
    forms = []
    for number in range(4):
        visitor = Visitor(app)
        visitor.sign_in(db, make_user(db, f"admin-{number}", role=USER.Role.ADMIN))
        forms.append(form_with(visitor.get(f"{QUEUE}{ann.id}/"), "message"))
    db.commit()
    buttons = ["refuse", "refuse", "refuse", "refuse"]
    answers = together(
        [partial(form.submit, button, status="*") for form, button in zip(forms, buttons, strict=True)]
    )
    assert sorted(answer.status_int for answer in answers) == [303, 409, 409, 409]
    db.expire_all()
    assert len(entries(db, ann)) == 1
