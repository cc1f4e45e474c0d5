"""The first admin of a site: made once, by a link that its start prints, and by nobody ever after."""

import re
from collections import Counter
from collections.abc import Callable
from functools import partial

import pytest
import sqlalchemy as sa
import webtest
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.audit import AuditEntry
from myproject.db import utc_now
from myproject.users import constants as USER
from myproject.users.models import SignInStep, User
from myproject.users.services import first_admin
from myproject.users.subscribers import ask_for_first_admin
from tests.conftest import Client, LiveServer, form_with
from tests.factories import make_user
from tests.functional.pages import csrf_token, field_errors, flashes, heading
from tests.reliability.together import Visitor, together

MANY = 16
PASSWORD = "a long password of staff"
FIELDS = {
    "name": "root-of-it",
    "email": "root@example.org",
    "password": PASSWORD,
    "confirm": PASSWORD,
    "accept_tos": "true",
}


@pytest.fixture
def path(app: Router) -> str:
    return path_in(ask_for_first_admin(app.registry))


def path_in(words: str) -> str:
    found = re.search(r"http://[^/ ]+(/users/setup/[\w-]{43}/)", words)
    assert found, words
    return found[1]


def send(client: Client, path: str, **values: str) -> webtest.TestResponse:
    form = form_with(client.get(path), "confirm")
    for name, value in (FIELDS | values).items():
        form[name] = value
    return form.submit(status="*")


def admins(db: Session) -> list[User]:
    db.commit()
    return list(db.scalars(sa.select(User).where(User.role == USER.Role.ADMIN)))


@pytest.mark.one_database
def test_the_link_makes_an_admin_once_and_is_gone_for_good(
    app: Router, client: Client, db: Session, path: str
) -> None:
    page = client.get(path)
    assert heading(page) == "Set up your site"
    assert "link to verify" not in page
    answer = send(client, path)
    assert flashes(answer.follow()) == ["root-of-it is the admin of this site now. Sign in."]
    (root,) = admins(db)
    assert (root.name, root.status, root.verified) == ("root-of-it", USER.Status.ACTIVE, True)
    assert (root.terms_accepted_from, root.terms_accepted_at is None) == ("127.0.0.1", False)
    entry = db.scalars(sa.select(AuditEntry)).one()
    assert (entry.action, entry.actor_name, entry.after) == ("user.create", "link to set up", {"role": "ADMIN"})
    client.login("root-of-it", PASSWORD)
    client.get("/admin/", status=200)
    client.get(path, status=404)
    client.post(path, FIELDS | {"csrf_token": csrf_token(client.get("/users/me/edit/"))}, status=404)
    assert ask_for_first_admin(app.registry) == ""


def test_of_many_at_once_exactly_one_becomes_admin(app: Router, db: Session) -> None:
    # Two processes that started at once have printed a link each.
    paths = [path_in(ask_for_first_admin(app.registry)) for _ in range(2)]
    calls = []
    for number in range(MANY):
        visitor, path = Visitor(app), paths[number % 2]
        token = csrf_token(visitor.get(path))
        fields = FIELDS | {"name": f"admin-{number}", "email": f"{number}@example.org", "csrf_token": token}
        calls.append(partial(visitor.post, path, fields, status="*"))
    answers = Counter(answer.status_int for answer in together(calls))
    assert answers == {303: 1, 404: MANY - 1}
    assert len(admins(db)) == 1
    assert db.scalars(sa.select(SignInStep)).all() == []


@pytest.mark.one_database
def test_a_mistake_spends_nothing_and_the_password_is_as_long_as_that_of_staff(
    client: Client, db: Session, path: str
) -> None:
    page = send(client, path, password="twelve chars", confirm="twelve chars")
    assert page.status_int == 422
    assert "15" in field_errors(page)["password"]
    make_user(db, "ann")
    assert "name" in field_errors(send(client, path, name="ann"))
    assert send(client, path).status_int == 303


@pytest.mark.one_database
@pytest.mark.parametrize("end", ["an admin made otherwise", "a shut admin", "time"])
def test_the_link_ends_with_an_admin_of_any_kind_and_with_time(
    client: Client, db: Session, path: str, end: str
) -> None:
    client.get(path, status=200)
    if end == "time":
        db.execute(sa.update(SignInStep).values(expires_at=utc_now()))
    else:
        root = make_user(db, "root-2", role=USER.Role.ADMIN)
        root.status = USER.Status.INACTIVE if end == "a shut admin" else root.status
    client.get(path, status=404)
    assert first_admin.is_wanted(db) is (end == "time")


@pytest.mark.one_database
def test_a_made_up_link_and_one_of_another_kind_are_not_there(client: Client, db: Session) -> None:
    client.get(f"/users/setup/{'x' * 43}/", status=404)
    ann = make_user(db, "ann")
    ann.second_factor_at = utc_now()
    client.login("ann")
    assert "step" in client.cookies
    client.get(f"/users/setup/{client.cookies['step']}/", status=404)


@pytest.mark.one_database
def test_the_start_of_a_site_without_an_admin_prints_the_link(
    make_live_server: Callable[..., LiveServer], db: Session
) -> None:
    site = make_live_server()
    assert "Nobody runs this site yet" in site.log
    make_user(db, "root-2", role=USER.Role.ADMIN)
    db.commit()
    assert "Nobody runs this site yet" not in make_live_server().log
