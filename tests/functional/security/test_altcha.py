"""Registering where the captcha is proof of work."""

from collections.abc import Callable

import altcha
import pytest
import sqlalchemy as sa
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.users.models import User
from tests import servers
from tests.conftest import Client
from tests.functional.pages import field_errors

CHALLENGE = "/captcha/altcha/"


@pytest.fixture
def app(make_app: Callable[..., Router]) -> Router:
    servers.altcha_script()
    return make_app(captcha_provider="altcha", captcha_work=100)


def solved(client: Client) -> str:
    """What the widget would send for a new challenge."""
    challenge = altcha.Challenge.from_dict(client.get(CHALLENGE).json)
    solution = altcha.solve_challenge(challenge)
    assert solution is not None
    return altcha.Payload(challenge, solution).to_base64()


def register(client: Client, name: str, payload: str) -> dict[str, str]:
    """The errors beside the fields of the registration form; none where the member was made."""
    client.get("/users/register/")
    page = client.post(
        "/users/register/",
        {
            "csrf_token": client.get("/users/register/").html.select_one("[name=csrf_token]")["value"],
            "name": name,
            "email": f"{name}@example.org",
            "password": "correct horse battery",
            "confirm": "correct horse battery",
            "accept_tos": "true",
            "altcha": payload,
        },
        status="*",
    )
    return {} if page.status_int == 303 else field_errors(page)


def test_each_challenge_is_new_and_kept_by_nobody(client: Client) -> None:
    first, second = (client.get(CHALLENGE) for _ in range(2))
    assert first.headers["Cache-Control"] == "no-store"
    assert first.content_type == "application/json"
    assert first.json != second.json
    assert "Set-Cookie" not in first.headers


def test_who_solved_a_challenge_registers(client: Client, db: Session) -> None:
    assert register(client, "ann", solved(client)) == {}
    assert db.scalars(sa.select(User.name)).all() == ["ann"]


def test_a_solution_serves_one_registration_only(
    client: Client, make_client: Callable[..., Client], app: Router, db: Session
) -> None:
    payload = solved(client)
    assert register(client, "ann", payload) == {}
    assert "used already" in register(make_client(app), "bob", payload)["altcha"]
    assert db.scalars(sa.select(User.name)).all() == ["ann"]


def test_a_mistake_elsewhere_does_not_use_the_solution_up(client: Client) -> None:
    payload = solved(client)
    assert set(register(client, "ann-", payload)) == {"name"}
    assert register(client, "ann", payload) == {}


def test_without_a_solution_nobody_registers(client: Client, db: Session) -> None:
    assert "Please complete the check" in register(client, "ann", "")["altcha"]
    assert db.scalars(sa.select(User)).all() == []


def test_who_has_no_scripts_is_told_that_the_check_needs_them(client: Client) -> None:
    hint = client.get("/users/register/").html.select_one("altcha-widget + .field-hint")
    assert "needs JavaScript" in hint.get_text()


def test_all_of_the_widget_comes_from_the_site_itself(client: Client) -> None:
    page = client.get("/users/register/")
    widget = page.html.select_one("altcha-widget")
    assert widget["challenge"] == CHALLENGE
    for address in (
        widget["data-worker"],
        *(script["src"] for script in page.html.select("script[src]")),
        *(link["href"] for link in page.html.select("link[rel=stylesheet]")),
    ):
        assert address.startswith("/static/")
        client.get(address, status=200)
