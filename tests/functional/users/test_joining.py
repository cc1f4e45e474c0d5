"""Who may register: everybody, the invited, who an admin lets in, nobody."""

from collections.abc import Callable
from email.message import EmailMessage

import pytest
import sqlalchemy as sa
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.db import utc_now
from myproject.errors import InputError
from myproject.settings_users import Registration
from myproject.users import constants as USER
from myproject.users import errors
from myproject.users.models import Invitation, User, UserSession
from myproject.users.services import invitations, registration
from tests.conftest import PASSWORD, Client, form_with
from tests.factories import make_user, sign_in
from tests.functional.pages import field_errors, flashes, heading, link_in, summary

pytestmark = pytest.mark.one_database

Mails = Callable[..., list[EmailMessage]]
WHY = "I bake bread, and would like to talk about it."


def find_user(db: Session, name: str) -> User:
    return db.scalars(sa.select(User).where(User.name == name)).one()


def main_text(page: object) -> str:
    return str(page.html.main.get_text(" ", strip=True))  # type: ignore[attr-defined]


# Closed


def test_closed_site_says_so_and_whom_to_ask(
    make_app: Callable[..., Router], make_client: Callable[..., Client]
) -> None:
    app = make_app(users_registration="closed", site_admins="ann@site.example bob@site.example")
    page = make_client(app).get("/users/register/")
    assert "This site takes no new members at present." in main_text(page)
    assert "Write to ann@site.example, bob@site.example." in main_text(page)
    assert page.html.select_one("[name=password]") is None


def test_closed_site_makes_no_account_of_a_form_that_is_sent_all_the_same(
    make_app: Callable[..., Router], make_client: Callable[..., Client], db: Session
) -> None:
    form = form_with(make_client().get("/users/register/"), "accept_tos")
    client = make_client(make_app(users_registration="closed"))
    fields = dict(form.submit_fields()) | {"name": "ann", "email": "ann@example.org", "accept_tos": "true"}
    client.get("/users/login/")
    token = client.get("/users/login/").forms["form"]["csrf_token"].value
    answer = client.post(
        "/users/register/",
        fields | {"csrf_token": token, "password": PASSWORD, "confirm": PASSWORD},
        status=422,
    )
    assert "This site takes no new members at present." in main_text(answer)
    assert db.scalars(sa.select(User)).all() == []


# By invitation


@pytest.fixture
def by_invitation(make_app: Callable[..., Router]) -> Router:
    return make_app(users_registration="invite")


def invite(db: Session, by: User | None, **values: int) -> str:
    token = invitations.make_invitation(db, by.id if by else None, **{"uses": 1, "days": 7} | values)
    db.flush()
    return token


def register_by(client: Client, token: str, name: str) -> object:
    """Sends the form of an invitation, rightly filled."""
    form = form_with(client.get(f"/users/register/?invitation={token}"), "accept_tos")
    filled = {"name": name, "email": f"{name}@example.org", "password": PASSWORD, "confirm": PASSWORD}
    for field, value in (filled | {"accept_tos": True, "captcha_answer": "white"}).items():
        form[field] = value
    return form.submit(status="*")


def test_invitation_lets_somebody_in_and_tells_who_invited_them(
    by_invitation: Router, make_client: Callable[..., Client], db: Session
) -> None:
    ann = make_user(db, "ann")
    token = invite(db, ann, uses=2)
    client = make_client(by_invitation)
    answer = register_by(client, token, "ben")
    assert flashes(answer.follow()) == ["Thanks for registering"]  # type: ignore[attr-defined]
    ben = find_user(db, "ben")
    assert (ben.invited_by_id, ben.approval, ben.status) == (ann.id, USER.Approval.NONE, USER.Status.NEW)
    assert db.scalars(sa.select(Invitation.uses_left)).all() == [1]


def test_invitation_stays_with_a_form_that_is_wrong(
    by_invitation: Router, make_client: Callable[..., Client], db: Session
) -> None:
    token = invite(db, make_user(db, "ann"))
    client = make_client(by_invitation)
    page = register_by(client, token, "Ann")
    assert field_errors(page) == {"name": "Somebody else has this nickname"}  # type: ignore[arg-type]
    assert db.scalars(sa.select(Invitation.uses_left)).all() == [1]
    form = form_with(page, "accept_tos")  # type: ignore[arg-type]
    form["name"], form["password"], form["confirm"] = "ben", PASSWORD, PASSWORD
    form.submit(status=303)
    assert find_user(db, "ben").invited_by_id == find_user(db, "ann").id


def test_without_an_invitation_the_page_says_where_to_get_one(
    by_invitation: Router, make_client: Callable[..., Client]
) -> None:
    page = make_client(by_invitation).get("/users/register/")
    assert "New members come here by invitation: ask somebody who is a member for a link." in main_text(page)
    assert page.html.select_one("[name=password]") is None


OVER = "This invitation is used up, or too old. Ask for a new one."


@pytest.mark.parametrize("why", ["unknown", "used", "old", "revoked", "its member is shut", "a session's"])
def test_invitation_that_is_over_lets_nobody_in(
    by_invitation: Router, make_client: Callable[..., Client], db: Session, why: str
) -> None:
    ann = make_user(db, "ann")
    token = invite(db, ann)
    row = db.scalars(sa.select(Invitation)).one()
    if why == "unknown":
        token += "x"
    elif why == "used":
        invitations.take_use(db, token)
    elif why == "old":
        row.expires_at = utc_now()
    elif why == "revoked":
        assert invitations.revoke_invitation(db, ann.id, row.id)
    elif why == "a session's":
        token = sign_in(make_client(by_invitation), ann)
    else:
        ann.status = USER.Status.INACTIVE
    page = make_client(by_invitation).get(f"/users/register/?invitation={token}")
    assert OVER in main_text(page)
    with pytest.raises(errors.InvitationOver):
        registration.admit(db, Registration.INVITE, invitation=token)


def test_invitation_of_the_command_line_has_no_inviter(
    by_invitation: Router, make_client: Callable[..., Client], db: Session
) -> None:
    register_by(make_client(by_invitation), invite(db, None), "ben")
    assert find_user(db, "ben").invited_by_id is None


# By approval


@pytest.fixture
def by_approval(make_app: Callable[..., Router]) -> Router:
    return make_app(users_registration="approval")


def test_who_needs_approval_is_told_what_happens_next_and_not_signed_in(
    by_approval: Router, make_client: Callable[..., Client], db: Session
) -> None:
    client = make_client(by_approval)
    page = client.get("/users/register/")
    assert "The people who run the site decide who joins, and answer by mail." in main_text(page)
    answer = client.register("ann", reason=WHY)
    assert (answer.status_int, answer.location) == (303, "http://localhost/users/register/waiting/")
    told = answer.follow()
    assert heading(told) == "Thanks for registering"
    assert "They answer by mail." in main_text(told)
    assert client.get("/users/me/").status_int == 303
    assert db.scalars(sa.select(UserSession)).all() == []
    ann = find_user(db, "ann")
    assert (ann.approval, ann.approval_reason) == (USER.Approval.WAITING, WHY)


def test_who_goes_back_to_give_another_reason_is_asked_for_by_that_one(
    by_approval: Router, make_client: Callable[..., Client], db: Session
) -> None:
    client = make_client(by_approval)
    client.get("/users/register/")
    for reason in ("Bread", WHY):
        assert client.register("ann", reason=reason).location == "http://localhost/users/register/waiting/"
    assert find_user(db, "ann").approval_reason == WHY


def test_reason_must_be_given_and_is_kept_when_something_else_is_wrong(
    by_approval: Router, make_client: Callable[..., Client], db: Session
) -> None:
    client = make_client(by_approval)
    page = client.register("ann", reason="  ")
    assert field_errors(page) == {"reason": "Fill in this field"}
    page = client.register("ann", reason="x" * 501)
    assert field_errors(page) == {"reason": "Write at most 500 characters"}
    page = client.register("ann", reason=WHY, confirm="something else")
    assert form_with(page, "accept_tos")["reason"].value == WHY
    assert db.scalars(sa.select(User)).all() == []


def test_open_site_asks_for_no_reason(client: Client) -> None:
    assert client.get("/users/register/").html.select_one("[name=reason]") is None


def test_address_is_verified_by_its_link_while_waiting(
    by_approval: Router, make_client: Callable[..., Client], db: Session, mails: Mails
) -> None:
    client = make_client(by_approval)
    client.register("ann", reason=WHY)
    (mail,) = mails(by_approval)
    answer = client.get(link_in(mail)).form.submit(status=303)
    assert answer.location == "http://localhost/users/register/waiting/"
    assert flashes(answer.follow()) == ["Thank you ann, your address is verified"]
    ann = find_user(db, "ann")
    assert (ann.verified, ann.approval) == (True, USER.Approval.WAITING)


WAITS = "This account waits for the people who run the site to let it in. They will write to you."
REFUSED = "The people who run the site have not let this account in. They have written to you."


@pytest.mark.parametrize(
    ("approval", "told"), [(USER.Approval.WAITING, WAITS), (USER.Approval.REFUSED, REFUSED)], ids=["waiting", "no"]
)
def test_only_who_knows_the_password_is_told_that_the_account_is_not_let_in(
    client: Client, db: Session, approval: USER.Approval, told: str
) -> None:
    make_user(db, "ann").approval = approval
    form = form_with(client.get("/users/login/"), "login")
    for password, words in ((PASSWORD + "x", "Wrong email or password"), (PASSWORD, told)):
        form["login"], form["password"] = "ann", password
        page = form.submit(status=422)
        assert words in summary(page)
    assert db.scalars(sa.select(UserSession)).all() == []


@pytest.mark.parametrize("approval", [USER.Approval.WAITING, USER.Approval.REFUSED])
def test_who_is_not_let_in_has_no_public_profile_and_gets_no_new_password(
    client: Client, db: Session, approval: USER.Approval, mails: Mails
) -> None:
    make_user(db, "ann").approval = approval
    client.get("/@ann/", status=404)
    form = form_with(client.get("/users/lost-password/"), "email")
    form["email"] = "ann@example.org"
    form.submit(status=303)
    assert mails() == []


# The one decision


@pytest.mark.parametrize("mode", [Registration.CLOSED, Registration.INVITE])
def test_looking_says_what_deciding_says(db: Session, mode: Registration) -> None:
    told = []
    for decide in (registration.check_admission, registration.admit):
        with pytest.raises(InputError) as refused:
            decide(db, mode)
        told.append(refused.type)
    assert told[0] is told[1]
