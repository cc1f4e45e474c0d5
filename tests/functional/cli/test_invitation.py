"""`myproject invitation`: how the first members of a site by invitation come in."""

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from pyramid.router import Router
from sqlalchemy.orm import Session

from myproject.cli.main import main
from myproject.users.models import Invitation, User
from tests.conftest import CAPTCHA_ANSWER, PASSWORD, Client, form_with

pytestmark = pytest.mark.one_database


@pytest.fixture
def command(write_ini: Callable[..., Path], db: Session) -> Callable[..., Result]:
    """`command(*arguments, **settings)` runs `myproject invitation` on the test's database."""

    def run(*arguments: str, **settings: str) -> Result:
        ini = write_ini(**settings)
        db.commit()
        return CliRunner().invoke(main, ["--config", str(ini), "invitation", *arguments])

    return run


def test_link_of_the_command_line_lets_the_first_person_in(
    command: Callable[..., Result],
    make_app: Callable[..., Router],
    make_client: Callable[..., Client],
    db: Session,
) -> None:
    result = command("--uses", "2", users_registration="invite")
    assert result.exit_code == 0, result.output
    link = result.output.strip()
    assert link.startswith("http://localhost/users/register/?invitation=")
    client = make_client(make_app(users_registration="invite"))
    form = form_with(client.get(link.removeprefix("http://localhost")), "accept_tos")
    form["name"], form["email"], form["captcha_answer"] = "ann", "ann@example.org", CAPTCHA_ANSWER
    form["password"], form["confirm"], form["accept_tos"] = PASSWORD, PASSWORD, True
    form.submit(status=303).follow(status=200)
    assert db.scalars(sa.select(User.name)).all() == ["ann"]
    assert db.scalars(sa.select(Invitation.uses_left)).all() == [1]


def test_another_mode_is_pointed_out(command: Callable[..., Result]) -> None:
    assert "users.registration is not `invite`" in command(users_registration="open").output


@pytest.mark.parametrize("arguments", [("--uses", "21"), ("--days", "0")])
def test_invitation_beyond_the_bounds_is_refused(
    command: Callable[..., Result], db: Session, arguments: tuple[str, str]
) -> None:
    assert command(*arguments, users_registration="invite").exit_code == 2
    assert db.scalars(sa.select(Invitation)).all() == []
