"""Every address, for who is signed in by half, and for staff and admins who must set up a second factor first."""

from collections.abc import Callable
from functools import partial
from itertools import product

import pytest
import webtest
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.security.cookies import cookies_of
from myproject.settings import settings_of
from myproject.users import constants as USER
from myproject.users.services import sign_ins
from myproject.users.views.enter import STEP_COOKIE
from tests.conftest import Client
from tests.factories import make_user, sign_in
from tests.functional.pages import csrf_token
from tests.functional.security.test_access import TABLE, VISITORS, Row, World, form_token
from tests.phones import CLIENT, turn_on

pytestmark = pytest.mark.one_database

SETTINGS = "/users/me/security/second-factor/"
# Where the code is asked for, and what to do without one.
SHOW = ("users.second_factor", "users.second_factor.lost")
# What is left to them: to set one up, to prove who they are and accept the terms for that, to leave.
LEFT = {
    "users.second_factor.settings",
    "users.second_factor.add",
    "users.second_factor.begin",
    "users.second_factor.codes",
    "users.second_factor.off",
    "users.second_factor.stay",
    "users.reauth",
    "users.passkeys.reauth",
    "users.passkeys.reauth.options",
    "users.oidc.prove",
    # A second factor takes a verified address.
    "users.verify",
    "users.correct_email",
    "users.terms",
    "users.logout",
    # Stop mail, and choose it, whoever is signed in.
    "emails.unsubscribe",
    "notifications.choices",
    # Files, which are not asked for whom.
    "users.avatar",
    "images.view",
}


def ask(client: Client, path: str, method: str) -> webtest.TestResponse:
    """Asks with a token that is right for the one who asks."""
    return client.request(path, method=method, headers={"X-CSRF-Token": form_token(client)}, status="*")


# Signed in by half


def begin_half(client: Client, world: World) -> None:
    """Gives the client what the right password of an admin with a second factor gets."""
    opened = sign_ins.open_session(client.db, world.users["admin"], CLIENT, USER.Way.PASSWORD)
    assert opened.needs_second_factor
    client.set_cookie(cookies_of(client.app.registry).name(STEP_COOKIE), opened.token)


def test_who_is_signed_in_by_half_is_a_guest_everywhere(
    app: Router, db: Session, make_client: Callable[..., Client]
) -> None:
    world = World(db, make_client, settings_of(app.registry).mail_folder)
    turn_on(db, world.users["admin"])
    half, guest = make_client(), make_client()
    expected, found = {}, {}
    for row, method in product(TABLE, ("GET", "POST")):
        if row.route in SHOW:
            continue
        # Signing out ends it.
        begin_half(half, world)
        answers = [ask(client, world.path(row), method) for client in (guest, half)]
        cell = f"{method} {row.route} {row.path}"
        expected[cell], found[cell] = (seen(answer, row) for answer in answers)
        assert expected[cell][0] == (row.get if method == "GET" else row.post)[0], cell
    assert found == expected
    assert "session" not in half.cookies


def seen(answer: webtest.TestResponse, row: Row) -> tuple[int, str]:
    """What an answer says, but for numbers and tokens that are made anew for each."""
    return answer.status_int, "" if "{" in row.path else answer.headers.get("Location", "")


def test_the_page_of_the_code_is_there_for_who_is_signed_in_by_half(
    app: Router, db: Session, make_client: Callable[..., Client]
) -> None:
    world = World(db, make_client, settings_of(app.registry).mail_folder)
    turn_on(db, world.users["admin"])
    client = make_client()
    begin_half(client, world)
    assert ask(client, "/users/login/second-factor/", "GET").status_int == 200
    assert ask(client, "/users/login/second-factor/", "POST").status_int == 422


# Those who must have one


@pytest.fixture
def strict(make_app: Callable[..., Router]) -> Router:
    return make_app(users_require_second_factor="staff")


@pytest.mark.parametrize("visitor", ["staff", "admin"])
def test_who_must_have_a_second_factor_reaches_only_what_sets_it_up(
    strict: Router, db: Session, make_client: Callable[..., Client], visitor: str
) -> None:
    world = World(db, partial(make_client, strict), settings_of(strict.registry).mail_folder)
    client = world.clients[visitor]
    index = VISITORS.index(visitor)
    reached = []
    for row, method in product(TABLE, ("GET", "POST")):
        # Signing out ends it.
        sign_in(client, world.users[visitor])
        answer = ask(client, world.path(row), method)
        if answer.status_int == 303 and answer.location.endswith("/hidden/"):
            # What is said of a hidden post has an address of its own.
            answer = answer.follow()
        sent_there = answer.status_int == 303 and answer.location == f"http://localhost{SETTINGS}"
        # What is not there is not there for them either.
        absent = (
            answer.status_int in (404, 405) and answer.status_int == (row.get, row.post)[method == "POST"][index]
        )
        if not sent_there and not absent and row.route not in LEFT:
            reached.append(f"{method} {row.route} {row.path}: {answer.status_int}")
    assert reached == []


@pytest.mark.parametrize("role", [USER.Role.STAFF, USER.Role.ADMIN])
def test_the_page_that_sets_it_up_says_why_they_are_there(
    strict: Router, db: Session, make_client: Callable[..., Client], role: USER.Role
) -> None:
    client = make_client(strict)
    sign_in(client, make_user(db, "ann", role=role))
    page = client.get("/", status=303).follow()
    assert page.html.select_one("[role=alert]").get_text() == (
        "Your role needs a second factor. Set one up to reach the other pages."
    )


def test_with_a_second_factor_they_reach_everything_and_can_not_turn_it_off(
    strict: Router, db: Session, make_client: Callable[..., Client]
) -> None:
    client = make_client(strict)
    admin = make_user(db, "ann", role=USER.Role.ADMIN)
    turn_on(db, admin)
    sign_in(client, admin)
    page = client.get(SETTINGS)
    assert "Turn the second factor off" not in page.text
    client.post(f"{SETTINGS}off/", {"csrf_token": csrf_token(page)}, status=303)
    assert admin.second_factor_at is not None
    client.get("/admin/", status=200)


def test_other_members_need_none(strict: Router, db: Session, make_client: Callable[..., Client]) -> None:
    client = make_client(strict)
    sign_in(client, make_user(db, "ann"))
    client.get("/", status=200)


def test_a_member_made_staff_meets_it_at_the_next_request(
    strict: Router, db: Session, make_client: Callable[..., Client]
) -> None:
    client, user = make_client(strict), make_user(db, "ann")
    sign_in(client, user)
    client.get("/drafts/", status=200)
    user.role = USER.Role.STAFF
    assert client.get("/drafts/", status=303).location.endswith(SETTINGS)


def test_nobody_needs_one_unless_the_site_says_so(client: Client, db: Session) -> None:
    sign_in(client, make_user(db, "ann", role=USER.Role.ADMIN))
    client.get("/admin/", status=200)
