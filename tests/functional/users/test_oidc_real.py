"""The honest path, with a provider that others wrote."""

from collections.abc import Callable, Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import sqlalchemy as sa
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.users import constants as USER
from myproject.users.models import Connection, SignInStep, User
from tests import servers
from tests.conftest import Client, form_with
from tests.factories import make_user, sign_in
from tests.functional.pages import flashes
from tests.functional.users.oidc import connect, fill_registration, leave
from tests.oidc.real import options, real_provider, sign_in_there

SITE = "http://localhost"


@pytest.fixture(scope="module")
def provider() -> Iterator[servers.Server]:
    with real_provider([SITE]) as server:
        yield server


@pytest.fixture
def app(make_app: Callable[..., Router], provider: servers.Server) -> Router:
    return make_app(**options(provider.url))


@pytest.fixture
def there() -> Iterator[requests.Session]:
    """The browser's side of the provider."""
    with requests.Session() as session:
        yield session


def come_back(there: requests.Session, address: str, name: str) -> str:
    """The path and query of the callback, after signing in there as `name`."""
    parts = urlsplit(sign_in_there(there, address, name, f"{SITE}/users/oidc/"))
    return f"{parts.path}?{parts.query}"


def test_newcomer_registers_and_comes_again(client: Client, db: Session, there: requests.Session) -> None:
    page = client.get(come_back(there, leave(client, "real"), "olga")).follow()
    assert form_with(page, "accept_tos")["name"].value == "olga"
    assert flashes(fill_registration(page).follow()) == ["Thanks for registering"]
    user = db.scalars(sa.select(User)).one()
    assert (user.email, user.status) == ("olga@example.org", USER.Status.ACTIVE)
    client.logout()
    # Signed in there still: nobody is asked anything.
    assert client.get(come_back(there, leave(client, "real"), "nobody")).location == f"{SITE}/users/me/"


def test_newcomer_with_an_unverified_address_is_asked_for_it(client: Client, there: requests.Session) -> None:
    page = client.get(come_back(there, leave(client, "real"), "newly")).follow()
    assert form_with(page, "accept_tos")["email"].value == "newly@example.org"


def test_member_connects(client: Client, db: Session, there: requests.Session, provider: servers.Server) -> None:
    sign_in(client, make_user(db, "pia"))
    answer = client.get(come_back(there, connect(client, "real"), "pia-elsewhere"))
    assert flashes(answer.follow()) == ["You can now sign in with Real"]
    assert db.execute(sa.select(Connection.issuer, Connection.subject)).one() == (provider.url, "pia-elsewhere")


def test_answer_with_another_state_is_refused_and_the_right_one_counts_after_it(
    client: Client, db: Session, there: requests.Session
) -> None:
    back = come_back(there, leave(client, "real"), "tess")
    state = parse_qs(urlsplit(back).query)["state"][0]
    client.get(back.replace(state, state[:-1] + ("A" if state[-1] != "A" else "B")), status=400)
    client.get(back.replace(f"state={state}", ""), status=400)
    assert db.scalars(sa.select(SignInStep.step)).all() == [USER.Step.PROVIDER]
    assert client.get(back).location == f"{SITE}/users/oidc/real/register/"


def test_address_that_a_member_holds_leads_into_no_account(
    client: Client, db: Session, there: requests.Session
) -> None:
    owner = make_user(db, "uma-first", email="uma@example.org")
    page = client.get(come_back(there, leave(client, "real"), "uma")).follow()
    assert "belongs to an account here" in page.text
    assert not any("accept_tos" in form.fields for form in page.forms.values())
    assert client.get("/users/me/").location.startswith(f"{SITE}/users/login/")
    assert db.scalars(sa.select(User.id)).all() == [owner.id]
    assert db.scalars(sa.select(Connection)).all() == []


def test_code_is_taken_once(client: Client, there: requests.Session) -> None:
    back = come_back(there, leave(client, "real"), "quin")
    cookie = client.cookies["provider"]
    client.get(back, status=303)
    client.set_cookie("provider", cookie)
    client.get(back, status=400)


def test_code_of_another_browser_does_not_fit_the_verifier(
    client: Client, make_client: Callable[..., Client], there: requests.Session
) -> None:
    stolen = come_back(there, leave(make_client(), "real"), "rosa")
    mine = come_back(there, leave(client, "real"), "rosa")
    code = stolen.partition("code=")[2].partition("&")[0]
    own = mine.partition("code=")[2].partition("&")[0]
    client.get(mine.replace(own, code), status=400)


def test_member_proves_it_by_signing_in_there_once_more(
    client: Client, db: Session, there: requests.Session, provider: servers.Server
) -> None:
    user = make_user(db, "sara")
    user.password = None
    db.add(Connection(user_id=user.id, provider="real", issuer=provider.url, subject="sara"))
    sign_in(client, user)
    page = client.get("/users/reauth/?next=/users/me/connections/")
    form = next(form for form in page.forms.values() if form.action.endswith("/prove/"))
    address = form.submit().headers["Refresh"].removeprefix("0; url=")
    answer = client.get(come_back(there, address, "sara"))
    assert answer.location == f"{SITE}/users/me/connections/"
