"""Who reaches the admins' pages: nobody else learns that they are there."""

import pytest
from sqlalchemy.orm import Session

from myproject.users import constants as USER
from tests.conftest import Client
from tests.factories import make_user, sign_in
from tests.functional.pages import csrf_token, flashes

pytestmark = pytest.mark.one_database

PAGES = [
    "/admin/",
    "/admin/users/",
    "/admin/users/1/",
    "/admin/users/999/",
    "/admin/emails/",
    "/admin/emails/999/",
]
ACTIONS = ["/admin/users/1/", "/admin/emails/1/resend/", "/admin/emails/1/cancel/"]


@pytest.mark.parametrize("address", PAGES)
@pytest.mark.parametrize(
    ("role", "status"),
    [
        (USER.Role.USER, USER.Status.ACTIVE),
        (USER.Role.STAFF, USER.Status.ACTIVE),
        # An admin whose address is not verified (any more) is none yet.
        (USER.Role.ADMIN, USER.Status.NEW),
    ],
)
def test_a_member_who_is_no_admin_finds_no_such_page(
    client: Client, db: Session, address: str, role: USER.Role, status: USER.Status
) -> None:
    sign_in(client, make_user(db, "ann", role=role, status=status))
    page = client.get(address, status=404)
    nowhere = client.get("/nowhere/", status=404)
    assert page.html.h1 == nowhere.html.h1


@pytest.mark.parametrize("address", ACTIONS)
@pytest.mark.parametrize("role", [USER.Role.USER, USER.Role.STAFF])
def test_a_member_who_is_no_admin_can_do_nothing_there(
    client: Client, db: Session, address: str, role: USER.Role
) -> None:
    sign_in(client, make_user(db, "ann", role=role))
    token = csrf_token(client.get("/users/me/"))
    client.post(address, {"csrf_token": token, "role": "0", "status": "2", "reason": "mine"}, status=404)


@pytest.mark.parametrize("address", [page for page in PAGES if "999" not in page])
def test_a_guest_is_sent_to_sign_in(client: Client, db: Session, address: str) -> None:
    make_user(db, "ann")
    answer = client.get(address, status=303)
    assert answer.location == f"http://localhost/users/login/?next={address}"
    assert flashes(answer.follow()) == ["You need to be signed in for this page."]


@pytest.mark.parametrize("address", PAGES)
def test_an_admin_reaches_every_page(client: Client, db: Session, address: str) -> None:
    sign_in(client, make_user(db, "root-of-all", role=USER.Role.ADMIN))
    client.get(address, status=404 if "999" in address else 200)


def test_only_admins_see_the_link(client: Client, db: Session) -> None:
    sign_in(client, make_user(db, "ann", role=USER.Role.STAFF))
    assert client.get("/").html.select_one('a[href="/admin/"]') is None
    sign_in(client, make_user(db, "root-of-all", role=USER.Role.ADMIN))
    assert client.get("/").html.select_one('a[href="/admin/"]') is not None


def test_the_pages_are_in_no_cache(client: Client, db: Session) -> None:
    sign_in(client, make_user(db, "root-of-all", role=USER.Role.ADMIN))
    for address in PAGES[:3]:
        assert client.get(address).headers["Cache-Control"] == "no-store"
