"""What a sign-in is, when it ends, and that a change of a member is seen at once."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.audit import COMMAND_LINE
from myproject.db import utc_now
from myproject.posts.models import Post
from myproject.users import constants as USER
from myproject.users.models import User, UserSession
from myproject.users.services import roles
from tests.conftest import PASSWORD, Client, form_with, run_tasks
from tests.factories import make_user, sign_in
from tests.functional.pages import cookies_set, csrf_token, flashes, heading

NEW_PASSWORD = "staple battery horse"


def is_signed_in(client: Client) -> bool:
    return client.get("/users/me/", status="*").status_int == 200


def change_password(client: Client) -> None:
    form = form_with(client.get("/users/me/password/"), "current")
    form["current"], form["password"], form["confirm"] = PASSWORD, NEW_PASSWORD, NEW_PASSWORD
    form.submit(status=303)


# Signing out


def test_signing_out_ends_the_session_for_who_holds_a_copy_of_the_cookie(
    make_client: Callable[..., Client], db: Session
) -> None:
    client, thief = make_client(), make_client()
    thief.set_cookie("session", sign_in(client, make_user(db, "ann")))
    assert is_signed_in(thief)
    client.logout()
    assert not is_signed_in(thief)
    assert db.scalars(sa.select(UserSession)).all() == []


def test_signing_out_leaves_the_other_devices_signed_in(make_client: Callable[..., Client], db: Session) -> None:
    here, there = make_client(), make_client()
    user = make_user(db, "ann")
    sign_in(here, user)
    sign_in(there, user)
    here.logout()
    assert is_signed_in(there)


def test_signing_out_tells_so_and_clears_what_the_browser_stored(client: Client, db: Session) -> None:
    sign_in(client, make_user(db, "ann"))
    answer = client.logout()
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert "Max-Age=0" in cookies_set(answer)["session"]
    assert "session" not in client.cookies
    assert flashes(answer.follow()) == ["You have signed out"]


def test_following_a_link_to_sign_out_does_nothing(client: Client, db: Session) -> None:
    sign_in(client, make_user(db, "ann"))
    assert client.get("/users/logout/", status=405).headers["Allow"] == "POST"
    assert is_signed_in(client)


# Rotation


def test_the_cookie_holds_a_token_that_the_database_does_not(client: Client, db: Session) -> None:
    make_user(db, "ann")
    client.login("ann")
    token = client.cookies["session"]
    assert len(token) >= 43
    row = db.scalars(sa.select(UserSession)).one()
    assert token not in [getattr(row, column.key) for column in sa.inspect(UserSession).column_attrs]


def test_signing_in_again_ends_the_session_the_browser_had(client: Client, db: Session) -> None:
    make_user(db, "ann")
    client.login("ann")
    old = client.cookies["session"]
    client.cookiejar.clear()
    client.set_cookie("session", old)
    # A form whose token belongs to the old session, as in a second tab.
    token = csrf_token(client.get("/users/me/"))
    form = {"login": "ann", "password": PASSWORD, "csrf_token": token}
    client.post("/users/login/", form, status=303)
    new = client.cookies["session"]
    assert new != old
    client.set_cookie("session", old)
    assert not is_signed_in(client)


def test_a_session_token_that_somebody_made_up_is_not_taken_over(client: Client, db: Session) -> None:
    make_user(db, "ann")
    client.set_cookie("session", "a-token-that-the-attacker-knows-beforehand-00")
    client.login("ann")
    assert client.cookies["session"] != "a-token-that-the-attacker-knows-beforehand-00"
    client.set_cookie("session", "a-token-that-the-attacker-knows-beforehand-00")
    assert not is_signed_in(client)


def test_signing_in_changes_the_form_token_and_drops_the_guests(client: Client, db: Session) -> None:
    make_user(db, "ann")
    as_guest = csrf_token(client.get("/users/login/"))
    assert "guest" in client.cookies
    client.login("ann")
    assert "guest" not in client.cookies
    assert csrf_token(client.get("/users/me/edit/")) != as_guest
    client.post("/users/logout/", {"csrf_token": as_guest}, status=400)
    assert is_signed_in(client)


def test_signing_out_changes_the_form_token(client: Client, db: Session) -> None:
    sign_in(client, make_user(db, "ann"))
    as_member = csrf_token(client.get("/users/me/edit/"))
    client.logout()
    assert csrf_token(client.get("/users/login/")) != as_member
    client.post("/users/login/", {"login": "a", "password": "b", "csrf_token": as_member}, status=400)


def test_changing_the_password_changes_the_cookie_and_the_form_token(client: Client, db: Session) -> None:
    old = sign_in(client, make_user(db, "ann"))
    token = csrf_token(client.get("/users/me/edit/"))
    change_password(client)
    assert is_signed_in(client)
    assert csrf_token(client.get("/users/me/edit/")) != token
    client.set_cookie("session", old)
    assert not is_signed_in(client)


def test_changing_the_password_signs_every_other_device_out(
    make_client: Callable[..., Client], db: Session
) -> None:
    here, there, other = make_client(), make_client(), make_client()
    user = make_user(db, "ann")
    for client in (here, there):
        sign_in(client, user)
    sign_in(other, make_user(db, "bob"))
    change_password(here)
    assert [is_signed_in(client) for client in (here, there, other)] == [True, False, True]


# Changes from elsewhere


def test_a_member_whose_account_is_shut_is_a_guest_at_the_next_request(client: Client, db: Session) -> None:
    user = make_user(db, "ann")
    sign_in(client, user)
    assert is_signed_in(client)
    roles.change_status(db, COMMAND_LINE, user.id, USER.Status.INACTIVE, "spam")
    assert not is_signed_in(client)


def test_a_shut_account_has_no_session_even_where_a_row_is_left(client: Client, db: Session) -> None:
    user = make_user(db, "ann")
    sign_in(client, user)
    assert is_signed_in(client)
    user.status = USER.Status.INACTIVE
    assert not is_signed_in(client)
    assert "Sign out" not in client.get("/")


def test_what_a_shut_account_still_sends_is_not_acted_upon(client: Client, db: Session) -> None:
    user = make_user(db, "ann")
    sign_in(client, user)
    form = form_with(client.get("/posts/new/"), "title")
    form["title"], form["body"] = "A title", "Some text"
    roles.change_status(db, COMMAND_LINE, user.id, USER.Status.INACTIVE, "spam")
    assert "Some text" in form.submit("publish", status=400)
    assert db.scalars(sa.select(Post)).all() == []


def test_a_new_role_counts_at_the_next_request(client: Client, db: Session) -> None:
    user = make_user(db, "ann")
    sign_in(client, user)
    client.get("/admin/", status=404)
    roles.change_role(db, COMMAND_LINE, user.id, USER.Role.ADMIN, "helps out")
    client.get("/admin/", status=200)
    make_user(db, "eve", role=USER.Role.ADMIN)
    roles.change_role(db, COMMAND_LINE, user.id, USER.Role.STAFF, "goes on holiday")
    client.get("/admin/", status=404)


@pytest.mark.parametrize("remember", [False, True])
def test_a_new_role_gives_its_browser_another_cookie_and_the_one_before_gives_itself_away(
    client: Client, app: Router, make_client: Callable[..., Client], db: Session, remember: bool
) -> None:
    user = make_user(db, "ann")
    client.login("ann", remember=remember)
    thief = make_client(address="203.0.113.7")
    thief.set_cookie("session", client.cookies["session"].strip('"'))
    assert "session" not in cookies_set(client.get("/users/me/", status=200))
    roles.change_role(db, COMMAND_LINE, user.id, USER.Role.ADMIN, "helps out")
    header = cookies_set(client.get("/admin/", status=200))["session"]
    assert ("Max-Age" in header) == remember
    client.get("/admin/", status=200)
    run_tasks(app.registry)
    assert "session" not in cookies_set(client.get("/admin/", status=200))
    grace = utc_now() - timedelta(minutes=USER.VALIDATOR_GRACE_MINUTES, seconds=1)
    db.execute(sa.update(UserSession).values(validator_since=grace))
    db.commit()
    thief.get("/admin/", status=303)
    run_tasks(app.registry)
    client.get("/users/me/", status=303)


def test_a_new_role_has_a_form_token_of_its_own_and_the_form_that_was_open_comes_back_filled(
    client: Client, db: Session
) -> None:
    user = make_user(db, "ann")
    sign_in(client, user)
    form = form_with(client.get("/users/me/edit/"), "display_name")
    form["display_name"] = "Ann Lee"
    roles.change_role(db, COMMAND_LINE, user.id, USER.Role.ADMIN, "helps out")
    again = form_with(form.submit(status=400), "display_name")
    assert again["display_name"].value == "Ann Lee"
    assert again["csrf_token"].value != form["csrf_token"].value
    again.submit(status=303)
    db.refresh(user)
    assert user.display_name == "Ann Lee"


def test_a_verified_address_counts_at_the_next_request(client: Client, db: Session) -> None:
    user = make_user(db, "ann", status=USER.Status.NEW)
    sign_in(client, user)
    assert "Until then you can keep drafts" in client.get("/users/me/")
    user.status, user.email_verified_at = USER.Status.ACTIVE, user.created_at
    assert "Until then you can keep drafts" not in client.get("/users/me/")


def test_a_changed_profile_is_seen_at_once_by_another_application(
    make_app: Callable[..., Router], make_client: Callable[..., Client], db: Session
) -> None:
    user = make_user(db, "ann")
    here, there = make_client(), make_client(make_app(cache_user_seconds=301))
    for client in (here, there):
        sign_in(client, user)
        assert heading(client.get("/users/me/")) == "Hi ann!"
    form = form_with(here.get("/users/me/edit/"), "display_name")
    form["display_name"] = "Ann Lee"
    form.submit(status=303)
    assert heading(there.get("/users/me/")) == "Hi Ann Lee!"


def test_a_deleted_members_session_signs_nobody_in(client: Client, db: Session) -> None:
    user = make_user(db, "ann")
    sign_in(client, user)
    assert is_signed_in(client)
    db.execute(sa.delete(User).where(User.id == user.id))
    assert not is_signed_in(client)


# Cookies and caches


@pytest.mark.parametrize("path", ["/", "/about/", "/users/me/", "/posts/new/", "/@ann/", "/nowhere/"])
def test_no_page_of_a_signed_in_member_is_kept_by_a_cache(client: Client, db: Session, path: str) -> None:
    sign_in(client, make_user(db, "ann"))
    assert client.get(path, status="*").headers["Cache-Control"] == "no-store"


def test_being_signed_in_costs_no_cookie_a_page(client: Client, db: Session) -> None:
    sign_in(client, make_user(db, "ann"))
    for path in ("/", "/users/me/", "/users/me/edit/", "/posts/new/"):
        assert cookies_set(client.get(path)) == {}
