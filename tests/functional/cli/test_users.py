"""`myproject user`: accounts from the command line, with the same rules and audit as the admins' pages."""

from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from sqlalchemy.orm import Session

from myproject.audit import AuditEntry
from myproject.cli.main import main
from myproject.users import constants as USER
from myproject.users.models import User, UserSession
from tests.conftest import PASSWORD, Client, form_with
from tests.factories import make_user, sign_in
from tests.functional.pages import summary, text_of
from tests.phones import turn_on

pytestmark = pytest.mark.one_database


@pytest.fixture
def command(write_ini: Callable[..., Path], db: Session) -> Callable[..., Result]:
    """`command(*arguments, input=...)` runs `myproject user` on the test's database."""
    ini = write_ini()

    def run(*arguments: str, input: str | None = None) -> Result:
        # On SQLite the test's session would keep the command from writing.
        db.commit()
        db.expire_all()
        result = CliRunner().invoke(main, ["--config", str(ini), "user", *arguments], input=input)
        assert "Traceback" not in result.output
        return result

    return run


def find(db: Session, name: str) -> User:
    return db.scalars(sa.select(User).where(User.name == name)).one()


def entries(db: Session, user: User) -> list[AuditEntry]:
    return list(db.scalars(sa.select(AuditEntry).where(AuditEntry.target_id == user.id).order_by(AuditEntry.id)))


def test_an_account_is_made_with_a_password_that_is_printed_once(
    command: Callable[..., Result], client: Client, db: Session
) -> None:
    result = command("create", "ann", "ann@example.org")
    assert result.exit_code == 0, result.output
    assert result.output.startswith("Made ann (USER) with the password ")
    user = find(db, "ann")
    assert (user.role, user.status, user.verified) == (USER.Role.USER, USER.Status.ACTIVE, True)
    client.login("ann", result.output.split()[-1])


def test_the_password_can_come_from_a_file_or_standard_input(
    command: Callable[..., Result], make_client: Callable[..., Client], tmp_path: Path
) -> None:
    file = tmp_path / "password"
    file.write_text("a password in a file\n")
    result = command("create", "ann", "ann@example.org", "--password-file", str(file))
    assert result.output == "Made ann (USER)\n"
    make_client().login("ann", "a password in a file")
    command("create", "bob", "bob@example.org", "--password-file", "-", input="a password by pipe\n")
    make_client().login("bob", "a password by pipe")


def test_an_admin_can_be_made_under_a_name_that_members_can_not_have(
    command: Callable[..., Result], db: Session
) -> None:
    assert command("create", "admin", "admin@example.org").exit_code == 1
    result = command("create", "admin", "admin@example.org", "--role", "admin")
    assert result.exit_code == 0, result.output
    user = find(db, "admin")
    assert user.role == USER.Role.ADMIN
    (entry,) = entries(db, user)
    assert (entry.action, entry.actor_id, entry.actor_name) == ("user.create", None, "command line")


@pytest.mark.parametrize(
    ("name", "email", "problem"),
    [
        ("x", "new@example.org", "name: Write at least 3 characters"),
        ("a b c", "new@example.org", "name: Use letters and digits"),
        ("nell", "not an address", "email: Write an address"),
        ("ANN", "new@example.org", "Somebody else has this nickname"),
        ("nell", "Ann@Example.org", "This address already belongs to another account"),
    ],
)
def test_what_registration_refuses_is_refused_here_too(
    command: Callable[..., Result], db: Session, name: str, email: str, problem: str
) -> None:
    make_user(db, "ann")
    result = command("create", name, email)
    assert result.exit_code == 1
    assert problem in result.output
    assert db.scalar(sa.select(sa.func.count(User.id))) == 1


def test_a_short_password_is_refused_in_words(command: Callable[..., Result], db: Session) -> None:
    result = command("create", "ann", "ann@example.org", "--password-file", "-", input="short\n")
    assert result.exit_code == 1
    assert "password: Write at least 10 characters" in result.output
    assert db.scalar(sa.select(sa.func.count(User.id))) == 0


@pytest.mark.parametrize("name", ["ann", "ANN", "\uff41nn"])
def test_a_role_is_changed_with_an_audit_row(command: Callable[..., Result], db: Session, name: str) -> None:
    user = make_user(db, "ann")
    result = command("role", name, "STAFF", "--reason", "She asked for it")
    assert (result.exit_code, result.output) == (0, f"{name} is STAFF\n")
    assert user.role == USER.Role.STAFF
    entry = entries(db, user)[-1]
    assert (entry.action, entry.actor_name, entry.reason) == ("user.role", "command line", "She asked for it")
    assert (entry.before, entry.after) == ({"role": "USER"}, {"role": "STAFF"})


def test_a_status_is_changed_with_an_audit_row_ends_the_sessions_and_gives_no_reason_where_there_is_none(
    command: Callable[..., Result], client: Client, db: Session, mails: Callable[..., list[EmailMessage]]
) -> None:
    user = make_user(db, "ann")
    sign_in(client, user)
    client.get("/users/me/", status=200)
    assert command("status", "ann", "inactive").exit_code == 0
    assert user.status == USER.Status.INACTIVE
    assert db.scalar(sa.select(sa.func.count(UserSession.id))) == 0
    client.get("/users/me/", status=303)
    entry = entries(db, user)[-1]
    assert (entry.action, entry.actor_name, entry.reason) == ("user.status", "command line", "")
    (mail,) = mails(to="ann@example.org")
    assert "They write" not in text_of(mail)
    form = form_with(client.get("/users/login/"), "login")
    form["login"], form["password"] = "ann", PASSWORD
    assert summary(form.submit(status=422)).endswith("This account has been shut.")


@pytest.mark.parametrize("arguments", [("role", "root-of-all", "USER"), ("status", "root-of-all", "INACTIVE")])
def test_the_last_admin_stays(command: Callable[..., Result], db: Session, arguments: tuple[str, ...]) -> None:
    root = make_user(db, "root-of-all", role=USER.Role.ADMIN)
    # An admin whose account is shut can not run the site.
    make_user(db, "former-root", role=USER.Role.ADMIN, status=USER.Status.INACTIVE)
    result = command(*arguments)
    assert result.exit_code == 1
    assert "The site needs an admin: make somebody else one first" in result.output
    assert (root.role, root.status) == (USER.Role.ADMIN, USER.Status.ACTIVE)
    assert entries(db, root) == []
    make_user(db, "other-root", role=USER.Role.ADMIN)
    assert command(*arguments).exit_code == 0


@pytest.mark.parametrize(
    "arguments", [("role", "nobody", "STAFF"), ("status", "nobody", "ACTIVE")], ids=["role", "status"]
)
def test_a_name_that_nobody_has_is_told(command: Callable[..., Result], arguments: tuple[str, ...]) -> None:
    result = command(*arguments)
    assert (result.exit_code, result.output) == (1, "Error: Nobody is called nobody\n")


def test_a_role_that_there_is_not_is_refused(command: Callable[..., Result], db: Session) -> None:
    make_user(db, "ann")
    result = command("role", "ann", "KING")
    assert result.exit_code == 2
    assert "'admin', 'staff', 'user'" in result.output.lower()


def test_the_list_shows_the_newest_members(command: Callable[..., Result], db: Session) -> None:
    make_user(db, "ann", role=USER.Role.STAFF)
    make_user(db, "bob", status=USER.Status.NEW)
    lines = [line.split() for line in command("list").output.splitlines()]
    assert [line[1:4] for line in lines] == [["bob", "USER", "NEW"], ["ann", "STAFF", "ACTIVE"]]
    assert len(command("list", "--limit", "1").output.splitlines()) == 1


def test_a_second_factor_that_was_lost_is_turned_off_with_an_audit_row_and_a_mail(
    command: Callable[..., Result], client: Client, db: Session, mails: Callable[..., list[EmailMessage]]
) -> None:
    user = make_user(db, "ann")
    turn_on(db, user)
    sign_in(client, user)
    result = command("reset-second-factor", "ANN", "--reason", "She showed her passport")
    assert (result.exit_code, result.output) == (
        0,
        "ANN signs in without a second factor now; every device is signed out, and a mail says so\n",
    )
    assert user.second_factor_at is None
    client.get("/users/me/", status=303)
    entry = entries(db, user)[-1]
    assert (entry.action, entry.actor_name, entry.reason) == (
        "user.second_factor",
        "command line",
        "She showed her passport",
    )
    assert (entry.before, entry.after) == ({"second_factor": "ON"}, {"second_factor": "OFF"})
    assert "no longer asks for a code" in text_of(mails(to="ann@example.org")[-1])
    assert client.login("ann").location.endswith("/users/me/")


@pytest.mark.parametrize(
    ("name", "problem"), [("ann", "This account has no second factor"), ("nobody", "Nobody is called nobody")]
)
def test_where_there_is_no_second_factor_none_is_reset(
    command: Callable[..., Result], db: Session, name: str, problem: str
) -> None:
    make_user(db, "ann")
    result = command("reset-second-factor", name)
    assert (result.exit_code, result.output) == (1, f"Error: {problem}\n")
    assert "user.second_factor" not in {entry.action for entry in db.scalars(sa.select(AuditEntry))}


def test_an_admin_made_here_needs_the_longer_password_of_staff(
    command: Callable[..., Result], tmp_path: Path
) -> None:
    file = tmp_path / "password"
    file.write_text("fourteen chars\n")
    made = ("create", "ann", "ann@example.org", "--password-file", str(file))
    refused = command(*made, "--role", "admin")
    assert refused.exit_code == 1
    assert "Write at least 15 characters" in refused.output
    assert command(*made).exit_code == 0


def test_a_link_for_a_new_password_is_mailed_and_not_shown(
    command: Callable[..., Result], db: Session, mails: Callable[..., list[EmailMessage]]
) -> None:
    user = make_user(db, "ann")
    result = command("reset-link", "ANN", "--reason", "She rang us")
    assert (result.exit_code, result.output) == (0, "A link to choose a new password goes to ANN by mail\n")
    assert "/users/reset-password/" in text_of(mails(to="ann@example.org")[-1])
    entry = entries(db, user)[-1]
    assert (entry.action, entry.actor_name, entry.reason) == ("user.password_reset", "command line", "She rang us")
    user.status = USER.Status.INACTIVE
    db.commit()
    assert "This account has been shut" in command("reset-link", "ann").output
