"""A member's own invitations, where registration is by invitation."""

import re
from collections.abc import Callable

import pytest
import sqlalchemy as sa
import webtest
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.db import utc_now
from myproject.security.tokens import hash_token
from myproject.users import constants as USER
from myproject.users import tasks
from myproject.users.models import Invitation
from myproject.users.services import invitations
from tests.conftest import Client, form_with
from tests.factories import make_user, sign_in
from tests.functional.pages import csrf_token, field_errors, flashes, summary

ADDRESS = "/users/me/invitations/"


@pytest.fixture
def site(make_app: Callable[..., Router]) -> Router:
    return make_app(users_registration="invite")


@pytest.fixture
def ann(site: Router, make_client: Callable[..., Client], db: Session) -> Client:
    """The browser of Ann, a member."""
    client = make_client(site)
    sign_in(client, make_user(db, "ann"))
    return client


def make_invitation(client: Client, uses: str = "1", days: str = "7", note: str = "") -> webtest.TestResponse:
    form = form_with(client.get(ADDRESS), "uses")
    form["uses"], form["days"], form["note"] = uses, days, note
    return form.submit(status="*")


def rows(page: webtest.TestResponse) -> list[list[str]]:
    found = page.html.select("tbody tr")
    return [[cell.get_text(strip=True) for cell in row.select("th, td")][:2] for row in found]


def test_member_finds_the_way_from_home(ann: Client) -> None:
    assert ann.get("/users/me/").click("Invite people").request.path == ADDRESS


def test_home_of_another_site_has_no_such_way(client: Client, db: Session) -> None:
    sign_in(client, make_user(db, "ann"))
    assert ADDRESS not in client.get("/users/me/").text


def test_link_of_an_invitation_is_shown_once_and_stored_nowhere(ann: Client, db: Session) -> None:
    page = make_invitation(ann, uses="3", note="For the bakers").follow()
    (flash,) = flashes(page)
    found = re.search(r"http://localhost/users/register/\?invitation=([\w-]+)$", flash)
    assert found is not None
    assert found[1] not in ann.get(ADDRESS).text
    assert rows(page) == [["For the bakers", "3"]]
    stored = db.scalars(sa.select(Invitation)).one()
    assert stored.token_hash == hash_token(found[1])
    assert 6 <= (stored.expires_at - utc_now()).days < 7


@pytest.mark.parametrize(
    ("field", "typed", "message"),
    [
        ("uses", "0", "Write 1 or more"),
        ("uses", "21", "Write 20 or less"),
        ("uses", "1_0", "This is not a number"),
        ("days", "31", "Write 30 or less"),
        ("days", "", "Fill in this field"),
        ("note", "x" * 201, "Write at most 200 characters"),
    ],
)
def test_invitation_beyond_the_bounds_is_refused(
    ann: Client, db: Session, field: str, typed: str, message: str
) -> None:
    page = make_invitation(ann, **{field: typed})
    assert (page.status_int, field_errors(page)) == (422, {field: message})
    assert db.scalars(sa.select(Invitation)).all() == []


def test_member_has_so_many_open_invitations_and_no_more(ann: Client, db: Session) -> None:
    for _ in range(USER.INVITATIONS_OPEN_MAX):
        assert make_invitation(ann).status_int == 303
    page = make_invitation(ann)
    assert page.status_int == 422
    assert "revoke one first" in summary(page)
    db.scalars(sa.select(Invitation)).first().uses_left = 0  # type: ignore[union-attr]
    assert make_invitation(ann).status_int == 303


def test_revoked_invitation_is_gone(ann: Client, db: Session) -> None:
    page = make_invitation(ann).follow()
    form = next(form for form in page.forms.values() if form.action.endswith("/revoke/"))
    answer = form.submit(status=303).follow()
    assert flashes(answer) == ["The invitation is revoked"]
    assert db.scalars(sa.select(Invitation)).all() == []


def test_nobody_revokes_the_invitation_of_another(ann: Client, db: Session) -> None:
    ben = make_user(db, "ben")
    invitations.make_invitation(db, ben.id, uses=1, days=1)
    db.flush()
    row = db.scalars(sa.select(Invitation)).one()
    token = csrf_token(ann.get(ADDRESS))
    ann.post(f"{ADDRESS}{row.id}/revoke/", {"csrf_token": token}, status=404)
    assert db.scalars(sa.select(Invitation)).all() == [row]
    assert rows(ann.get(ADDRESS)) == []


def test_list_names_who_joined(ann: Client, db: Session) -> None:
    ben = make_user(db, "ben")
    ben.invited_by_id = db.scalars(sa.text("SELECT id FROM users WHERE name = 'ann'")).one()
    assert ann.get(ADDRESS).html.select_one("a[href='/@ben/']") is not None


@pytest.mark.parametrize(
    ("least", "allowed"),
    [("user", {"member", "staff", "admin"}), ("staff", {"staff", "admin"}), ("admin", {"admin"})],
)
def test_role_that_may_invite_is_a_setting(
    make_app: Callable[..., Router], make_client: Callable[..., Client], db: Session, least: str, allowed: set[str]
) -> None:
    app = make_app(users_registration="invite", users_invite_role=least)
    people = {
        "member": make_user(db, "a-member"),
        "staff": make_user(db, "who-helps", role=USER.Role.STAFF),
        "admin": make_user(db, "who-runs-it", role=USER.Role.ADMIN),
        "unverified": make_user(db, "newcomer", status=USER.Status.NEW),
    }
    answers = {}
    for kind, user in people.items():
        client = make_client(app)
        sign_in(client, user)
        answers[kind] = client.get(ADDRESS, status="*").status_int
        assert ("Invite people" in client.get("/users/me/").text) == (kind in allowed)
    assert answers == {kind: 200 if kind in allowed else 403 for kind in people}
    assert make_client(app).get(ADDRESS).location.startswith("http://localhost/users/login/")


def test_invitations_are_limited(
    make_app: Callable[..., Router], make_client: Callable[..., Client], db: Session
) -> None:
    app = make_app(users_registration="invite", ratelimit_enabled=True, ratelimit_invitation_account="2 per hour")
    client = make_client(app)
    sign_in(client, make_user(db, "ann"))
    assert [make_invitation(client).status_int for _ in range(3)] == [303, 303, 429]


def test_invitations_of_the_past_are_purged(site: Router, db: Session) -> None:
    ann = make_user(db, "ann")
    for _ in range(2):
        invitations.make_invitation(db, ann.id, uses=1, days=1)
    db.flush()
    old, new = db.scalars(sa.select(Invitation).order_by(Invitation.id))
    old.expires_at = utc_now()
    db.commit()
    tasks.purge(site.registry)
    assert db.scalars(sa.select(Invitation.id)).all() == [new.id]


def test_admins_see_who_invited_whom(site: Router, make_client: Callable[..., Client], db: Session) -> None:
    ann, ben = make_user(db, "ann"), make_user(db, "ben")
    ben.invited_by_id = ann.id
    client = make_client(site)
    sign_in(client, make_user(db, "root-of-all", role=USER.Role.ADMIN))
    for shown, title, other in ((ann, "Has invited", ben), (ben, "Invited by", ann)):
        page = client.get(f"/admin/users/{shown.id}/")
        term = page.html.find("dt", string=title)
        assert [a["href"] for a in term.find_next_sibling("dd").select("a")] == [f"/admin/users/{other.id}/"]
