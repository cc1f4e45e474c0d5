"""What holds where somebody does what the screens do not lead to: with an address that is not theirs, with a
sign-in that ends meanwhile, with somebody else's account in their hands.
"""

from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage

import pytest
import sqlalchemy as sa
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.audit import COMMAND_LINE, AuditEntry
from myproject.db import utc_now
from myproject.security.passwords import hasher_of
from myproject.users import constants as USER
from myproject.users import errors, tasks
from myproject.users.models import FormerName, SignInStep, User, UserSession
from myproject.users.services import accounts, addresses, deletion, invitations, names, roles
from tests.conftest import PASSWORD, Client, form_with
from tests.factories import make_user, sign_in
from tests.functional.pages import csrf_token, link_in, summary

pytestmark = pytest.mark.one_database

Mails = Callable[..., list[EmailMessage]]

HERE = accounts.Client("198.51.100.7", "a test")


# An address that nobody has verified may be somebody else's


def test_who_has_not_verified_the_address_can_not_have_mails_sent_there_by_changing_the_password(
    client: Client, mails: Mails
) -> None:
    client.register("squatter", "victim@example.net")
    before = len(mails(to="victim@example.net"))
    client.extra_environ["HTTP_USER_AGENT"] = "Buy at evil.example"
    form = form_with(client.get("/users/me/password/"), "current")
    form["current"], form["password"], form["confirm"] = PASSWORD, *["staple battery horse"] * 2
    form.submit(status=303)
    assert len(mails(to="victim@example.net")) == before


def test_who_has_not_verified_the_address_can_not_have_mails_sent_there_by_another_nickname(
    client: Client, db: Session, mails: Mails
) -> None:
    client.register("squatter", "victim@example.net")
    before = len(mails(to="victim@example.net"))
    names.rename(db, db.scalar(sa.select(User.id)) or 0, "squatter-two", HERE)
    assert len(mails(to="victim@example.net")) == before


def test_the_mail_to_verify_holds_no_free_text_of_who_asked_for_it(
    client: Client, db: Session, mails: Mails
) -> None:
    client.register("squatter", "victim@example.net")
    db.execute(sa.update(User).values(display_name="Buy at evil.example"))
    form = next(form for form in client.get("/users/verify/").forms.values() if "resend" in form.fields)
    form.submit("resend", status=303)
    mail = mails(to="victim@example.net")[-1]
    assert "evil" not in mail.as_string()


def test_who_was_made_active_without_an_address_verifies_it_before_a_second_factor(
    client: Client, db: Session
) -> None:
    user = make_user(db, "squatter", status=USER.Status.NEW)
    roles.change_status(db, COMMAND_LINE, user.id, USER.Status.ACTIVE, "for a test")
    sign_in(client, user)
    settings = "/users/me/security/second-factor/"
    token = csrf_token(client.get("/users/me/"))
    answer = client.post(f"{settings}begin/", {"csrf_token": token}, status=303)
    assert answer.location.endswith("/users/verify/")
    assert db.scalars(sa.select(SignInStep)).all() == []


def test_staff_who_have_to_verify_the_address_first_reach_what_does(
    make_app: Callable[..., Router], make_client: Callable[..., Client], db: Session
) -> None:
    user = make_user(db, "helper", status=USER.Status.NEW, role=USER.Role.STAFF)
    roles.change_status(db, COMMAND_LINE, user.id, USER.Status.ACTIVE, "for a test")
    client = make_client(make_app(users_require_second_factor="staff"))
    sign_in(client, user)
    assert "Verify your address first" in client.get("/").follow().text
    for path in ("/users/verify/", "/users/verify/address/"):
        client.get(path, status=200)


# A sign-in that ends meanwhile


def test_a_sign_in_that_was_ended_while_the_password_was_checked_is_not_made_fresh(
    client: Client, app: Router, db: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(client, make_user(db, "ann"))
    form = form_with(client.get("/users/reauth/"), "password")
    form["password"] = PASSWORD

    def check(password: str, stored: str | None) -> bool:
        with app.registry["sessions"].writing() as other:
            other.execute(sa.delete(UserSession))
        return True

    monkeypatch.setattr(hasher_of(app.registry), "check", check)
    page = form.submit(status=422)
    assert "Begin again" in summary(page)
    client.get("/users/me/", status=303)


# Somebody else's account in their hands


def test_putting_the_address_back_keeps_an_account_that_was_to_be_deleted(
    db: Session, mails: Mails, client: Client
) -> None:
    ann = make_user(db, "ann", email="ann@example.org")
    addresses.ask_for_change(db, ann.id, "thief@example.org", HERE)
    db.commit()
    addresses.confirm_change(db, link_in(mails(to="thief@example.org")[0]).split("/")[-2], HERE)
    undo = link_in(next(mail for mail in mails(to="ann@example.org")))
    deletion.ask_for_deletion(db, ann.id, USER.Deletion.REMOVE_POSTS, HERE)
    page = client.get(undo)
    client.post(undo, {"csrf_token": csrf_token(page)}, status=303)
    db.refresh(ann)
    assert (ann.email, ann.deletion, ann.delete_after) == ("ann@example.org", USER.Deletion.NONE, None)


# Who has gone, or is about to


def test_who_leaves_invites_nobody(db: Session) -> None:
    ann = make_user(db, "ann")
    token = invitations.make_invitation(db, ann.id, uses=1, days=1)
    invitations.check_invitation(db, token)
    deletion.ask_for_deletion(db, ann.id, USER.Deletion.KEEP_POSTS, HERE)
    with pytest.raises(errors.InvitationOver):
        invitations.check_invitation(db, token)


def test_nothing_is_left_in_the_audit_of_a_nickname_from_before(app: Router, db: Session) -> None:
    ann = make_user(db, "annabel")
    roles.change_role(db, COMMAND_LINE, ann.id, USER.Role.STAFF, "Annabel helps")
    names.rename(db, ann.id, "someone-else", HERE)
    assert db.scalars(sa.select(FormerName)).one().name_canonical == "annabel"
    deletion.ask_for_deletion(db, ann.id, USER.Deletion.KEEP_POSTS, HERE)
    ann.delete_after = utc_now() - timedelta(seconds=1)
    db.commit()
    tasks.erase_leavers(app.registry)
    db.expire_all()
    reasons = db.scalars(sa.select(AuditEntry.reason)).all()
    assert [reason for reason in reasons if "annabel" in reason.lower()] == []
    assert any(reason.endswith(" helps") for reason in reasons)
