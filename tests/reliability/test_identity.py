"""Who somebody is, and what they may, is what the database says at this request: in every process."""

import re
from collections.abc import Callable

import pytest
from click.testing import CliRunner
from sqlalchemy.orm import Session

from myproject.cli.main import main
from myproject.users import constants as USER
from tests.conftest import LiveServer
from tests.factories import make_post, make_user
from tests.reliability.browsing import Person
from tests.servers import Server

PROFILE = {"bio": "", "website": "", "time_zone": "", "locale": "", "theme": "dark"}


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_what_changes_through_one_process_is_seen_by_the_next_request_to_the_other(
    make_live_server: Callable[..., LiveServer], redis_server: Server, db: Session
) -> None:
    one, two = (make_live_server(redis_url=redis_server.url) for _ in range(2))
    root, ann = make_user(db, "root-of-all", role=USER.Role.ADMIN), make_user(db, "ann")
    make_post(db, ann)
    admin, member, guest = Person(), Person(), Person()
    admin.sign_in(db, root)
    member.sign_in(db, ann)
    page = f"/admin/users/{ann.id}/"

    def change(server: LiveServer, role: USER.Role, status: USER.Status = USER.Status.ACTIVE) -> None:
        shown = dict(re.findall(r'name="(shown_\w+)" value="(\w+)"', admin.get(server.url + page).text))
        assert shown.keys() == {"shown_role", "shown_status"}
        values = shown | {"role": str(int(role)), "status": str(int(status)), "reason": "a reason"}
        assert admin.send(server.url + page, values).status_code == 303

    for here, there in ((one, two), (two, one)):
        # Both processes, and Redis, know the member as they are now.
        for server in (here, there):
            assert member.get(f"{server.url}/users/me/").status_code == 200
            assert member.get(f"{server.url}/admin/").status_code == 404
            assert guest.get(server.url).status_code == 200
        change(here, USER.Role.ADMIN)
        assert member.get(f"{there.url}/admin/").status_code == 200
        change(here, USER.Role.USER)
        assert member.get(f"{there.url}/admin/").status_code == 404

        name = f"Ann by way of {here.url[-5:]}"
        values = PROFILE | {"display_name": name}
        assert member.send(f"{here.url}/users/me/edit/", values).status_code == 303
        assert f"Hi {name}!" in member.get(f"{there.url}/users/me/").text
        # Pages that Redis keeps for guests show names as well.
        assert name in guest.get(there.url).text

    change(one, USER.Role.USER, USER.Status.INACTIVE)
    assert member.get(f"{two.url}/users/me/").status_code == 303
    assert guest.get(f"{two.url}/@ann/").status_code == 404
    change(two, USER.Role.USER, USER.Status.ACTIVE)
    # The session has ended for good, the account has not.
    assert member.get(f"{one.url}/users/me/").status_code == 303
    assert guest.get(f"{one.url}/@ann/").status_code == 200


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_session_that_ends_in_one_process_ends_in_the_other(
    make_live_server: Callable[..., LiveServer], redis_server: Server, db: Session
) -> None:
    one, two = (make_live_server(redis_url=redis_server.url) for _ in range(2))
    ann, bob = make_user(db, "ann"), make_user(db, "bob")
    leaving, shut, thief = Person(), Person(), Person()
    leaving.sign_in(db, ann)
    shut.sign_in(db, bob)
    thief.session.cookies.update(leaving.session.cookies)
    for server in (one, two):
        for person in (leaving, shut, thief):
            assert person.get(f"{server.url}/users/me/").status_code == 200

    leaving.send(f"{one.url}/users/me/", {}, to=f"{one.url}/users/logout/")
    run(one, "status", "bob", "INACTIVE")
    for server in (two, one):
        for person in (leaving, shut, thief):
            assert person.get(f"{server.url}/users/me/").status_code == 303


def run(server: LiveServer, *arguments: str) -> None:
    """Runs `myproject user ...` on the server's ini file."""
    result = CliRunner().invoke(main, ["--config", str(server.ini), "user", *arguments])
    assert result.exit_code == 0, result.output


def test_what_the_command_line_changes_is_seen_by_the_next_request(live_server: LiveServer, db: Session) -> None:
    make_user(db, "root-of-all", role=USER.Role.ADMIN)
    ann = make_user(db, "ann")
    member = Person()
    member.sign_in(db, ann)
    assert member.get(f"{live_server.url}/admin/").status_code == 404
    run(live_server, "role", "ann", "ADMIN")
    assert member.get(f"{live_server.url}/admin/").status_code == 200
    run(live_server, "role", "ann", "USER")
    assert member.get(f"{live_server.url}/admin/").status_code == 404
    run(live_server, "status", "ann", "INACTIVE")
    assert member.get(f"{live_server.url}/users/me/").status_code == 303
    run(live_server, "status", "ann", "ACTIVE")
    assert member.get(f"{live_server.url}/users/me/").status_code == 303
    member.sign_in(db, ann)
    assert member.get(f"{live_server.url}/users/me/").status_code == 200
