"""Where staff must have a second factor, a passkey is one: in the sign-in that it was used in."""

import json
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.users import constants as USER
from myproject.users.models import Passkey, SignInStep, User, UserSession
from tests.authenticator import Authenticator
from tests.conftest import Client, form_with
from tests.factories import make_user, sign_in
from tests.functional.pages import csrf_token, heading
from tests.functional.users.test_passkeys import LIST, REAUTH, add, ask, reply

SETTINGS = "/users/me/security/second-factor/"


@pytest.fixture
def strict(make_app: Callable[..., Router]) -> Router:
    return make_app(users_require_second_factor="staff")


@pytest.fixture
def admin(app: Router, make_client: Callable[..., Client], db: Session, device: Authenticator) -> User:
    """An admin who has a passkey, and no authenticator app."""
    user = make_user(db, "ann", role=USER.Role.ADMIN)
    browser = make_client(app)
    sign_in(browser, user)
    add(browser, device)
    db.execute(sa.delete(UserSession))
    return user


@pytest.fixture
def device() -> Authenticator:
    return Authenticator()


@pytest.fixture
def client(strict: Router, admin: User, make_client: Callable[..., Client]) -> Client:
    """A browser of the site where admins must have a second factor."""
    return make_client(strict)


def test_admin_who_signs_in_by_a_passkey_needs_nothing_else(client: Client, device: Authenticator) -> None:
    assert reply(client, device.get(ask(client))) == {"location": "/users/me/"}
    client.get("/admin/", status=200)


def test_admin_who_signs_in_by_the_password_is_asked_for_the_passkey(
    client: Client, device: Authenticator
) -> None:
    client.login("ann")
    page = client.get("/admin/", status=303).follow(status=200)
    assert page.request.path == SETTINGS
    assert page.html.select_one("[role=alert]").get_text() == (
        "Your role needs a second factor. Use your passkey to reach the other pages."
    )
    assert page.html.select_one("[data-passkey=get]")["data-action"] == REAUTH
    # What the page's button does.
    headers = {"X-CSRF-Token": csrf_token(page)}
    options = client.post(f"{REAUTH}options/", headers=headers).json["publicKey"]
    answer = {"credential": json.dumps(device.get(options)), "next": "/admin/"}
    assert client.post(REAUTH, answer, headers=headers).json == {"location": "/admin/"}
    client.get("/admin/", status=200)


def test_the_password_alone_sets_up_no_app_beside_the_passkey(client: Client, db: Session) -> None:
    client.login("ann")
    page = client.get(SETTINGS)
    assert "Set up an authenticator app" not in page.text
    client.post(f"{SETTINGS}begin/", {"csrf_token": csrf_token(page)}, status=303)
    assert db.scalar(sa.select(sa.func.count(SignInStep.id))) == 0


def test_the_passkey_counts_in_its_own_browser_only(
    strict: Router, client: Client, device: Authenticator, make_client: Callable[..., Client]
) -> None:
    other = make_client(strict)
    other.login("ann")
    reply(client, device.get(ask(client)))
    client.get("/admin/", status=200)
    other.get("/admin/", status=303)


def test_a_passkey_that_is_removed_counts_no_more(client: Client, device: Authenticator, db: Session) -> None:
    reply(client, device.get(ask(client)))
    number = db.scalars(sa.select(Passkey.id)).one()
    form_with(client.get(f"/users/passkeys/{number}/remove/"), "remove").submit("remove", status=303)
    page = client.get("/admin/", status=303).follow(status=200)
    assert heading(page) == "Second factor"
    assert "Set up an authenticator app" in page.text
    assert client.get(LIST, status=303).location.endswith(SETTINGS)


def test_who_has_used_the_passkey_may_set_up_an_app_too(
    client: Client, device: Authenticator, db: Session
) -> None:
    reply(client, device.get(ask(client)))
    page = client.get(SETTINGS)
    assert page.html.select_one("[role=alert]") is None
    client.post(f"{SETTINGS}begin/", {"csrf_token": csrf_token(page)}, status=303).follow(status=200)
    assert db.scalar(sa.select(sa.func.count(SignInStep.id))) == 1
