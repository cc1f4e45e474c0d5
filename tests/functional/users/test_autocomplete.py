"""What browsers and managers of passwords may fill in: each field names its purpose (WCAG 1.3.5)."""

import pytest
from sqlalchemy.orm import Session

from myproject.users import constants as USER
from tests.conftest import Client
from tests.factories import make_user, sign_in

pytestmark = pytest.mark.one_database

REGISTER = {"name": "username", "email": "email", "password": "new-password", "confirm": "new-password"}
PASSWORDS = {"current": "current-password", "password": "new-password", "confirm": "new-password"}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/users/register/", REGISTER),
        ("/users/login/", {"login": "username webauthn", "password": "current-password"}),
        ("/users/lost-password/", {"email": "email"}),
    ],
)
def test_fields_of_guests_say_what_they_take(client: Client, path: str, expected: dict[str, str]) -> None:
    assert tokens(client, path, expected) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/users/me/password/", PASSWORDS),
        ("/users/me/email/", {"email": "email", "password": "current-password"}),
        ("/users/reauth/", {"password": "current-password"}),
        ("/users/me/name/", {"name": "username"}),
        ("/users/me/edit/", {"display_name": "name", "website": "url"}),
    ],
)
def test_fields_of_members_say_what_they_take(
    client: Client, db: Session, path: str, expected: dict[str, str]
) -> None:
    sign_in(client, make_user(db, "ann"))
    assert tokens(client, path, expected) == expected


def test_field_of_the_mailed_code_takes_one_time_codes(client: Client, db: Session) -> None:
    sign_in(client, make_user(db, "ann", status=USER.Status.NEW))
    assert tokens(client, "/users/verify/", {"code"}) == {"code": "one-time-code"}


def tokens(client: Client, path: str, names: dict[str, str] | set[str]) -> dict[str, str | None]:
    page = client.get(path, status=200).html
    return {name: page.select_one(f"main input[name={name}]").get("autocomplete") for name in names}
