"""`myproject user`: accounts from the command line, with the same services and audit rows as the admin pages."""

import secrets
import sys
from enum import IntEnum
from typing import TextIO

import click
import colander
import sqlalchemy as sa
from sqlalchemy.orm import Session
from translationstring import TranslationString

from myproject.audit import COMMAND_LINE
from myproject.cli.context import Site
from myproject.db import sessions_of, utc_now
from myproject.errors import InputError
from myproject.settings import settings_of
from myproject.settings_users import Registration
from myproject.text import canonical
from myproject.users import constants as USER
from myproject.users.models import User
from myproject.users.schemas import registration as registration_schema
from myproject.users.services import invitations, passwords, registration, roles, second_factor
from myproject.users.services.new_passwords import hash_new_password
from myproject.web.templating import site_url


@click.command()
@click.option("--uses", type=click.IntRange(1, USER.INVITATION_USES_MAX), default=1, show_default=True)
@click.option("--days", type=click.IntRange(1, USER.INVITATION_DAYS_MAX), default=7, show_default=True)
@click.pass_obj
def invitation(site: Site, uses: int, days: int) -> None:
    """Makes an invitation and prints its link: for the first members where users.registration = invite."""
    registry = site.registry()
    with sessions_of(registry).writing() as db:
        token = invitations.make_invitation(db, None, uses=uses, days=days)
    if settings_of(registry).users_registration is not Registration.INVITE:
        click.echo("It has no effect yet: users.registration is not `invite`.", err=True)
    click.echo(site_url(registry, "users.register") + f"?invitation={token}")


def names(enum: type[IntEnum]) -> click.Choice[str]:
    return click.Choice([member.name for member in enum], case_sensitive=False)


# Without one there is none: that the command line did it stands in the audit anyway.
reason_option = click.option("--reason", default="", help="Why; it stands in the audit.")


@click.group()
def user() -> None:
    """Makes and changes accounts."""


@user.command()
@click.argument("name")
@click.argument("email")
@click.option("--role", type=names(USER.Role), default=USER.Role.USER.name, show_default=True)
@click.option("--password-file", type=click.File(), help="Read the password from here; - is standard input.")
@click.pass_obj
def create(site: Site, name: str, email: str, role: str, password_file: TextIO | None) -> None:
    """Makes an account whose address counts as verified. Asks for the password, or makes one up and prints
    it.
    """
    registry = site.registry()
    minimum = settings_of(registry).password_minimum(staff=USER.Role[role.upper()] <= USER.Role.STAFF)
    made_up = ""
    if password_file is not None:
        password = password_file.read().rstrip("\n")
    elif sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        password = made_up = secrets.token_urlsafe(minimum)
    try:
        data = registration_schema(minimum).deserialize(
            {"name": name, "email": email, "password": password, "confirm": password, "accept_tos": "true"}
        )
        password_hash = hash_new_password(registry, password)
        with sessions_of(registry).writing() as db:
            registration.create_verified(
                db,
                COMMAND_LINE,
                name=data["name"],
                email=data["email"],
                password_hash=password_hash,
                role=USER.Role[role.upper()],
            )
    except colander.Invalid as error:
        problems = [f"{field}: {told(message)}" for field, message in error.asdict().items()]
        raise click.ClickException("; ".join(problems)) from None
    except InputError as error:
        raise click.ClickException(told(error.message)) from None
    click.echo(f"Made {name} ({role.upper()})" + (f" with the password {made_up}" if made_up else ""))


@user.command()
@click.argument("name")
@click.argument("role", type=names(USER.Role))
@reason_option
@click.pass_obj
def role(site: Site, name: str, role: str, reason: str) -> None:
    """Changes a member's role."""
    with site.sessions().writing() as db:
        change(roles.change_role, db, name, USER.Role[role.upper()], reason)
    click.echo(f"{name} is {role.upper()}")


@user.command()
@click.argument("name")
@click.argument("status", type=names(USER.Status))
@click.option(
    "--reason", default="", help="Why; it stands in the audit, and a member whose account is shut reads it."
)
@click.pass_obj
def status(site: Site, name: str, status: str, reason: str) -> None:
    """Changes a member's status; INACTIVE ends all their sessions."""
    with site.sessions().writing() as db:
        change(roles.change_status, db, name, USER.Status[status.upper()], reason)
    click.echo(f"{name} is {status.upper()}")


@user.command("reset-link")
@click.argument("name")
@reason_option
@click.pass_obj
def reset_link(site: Site, name: str, reason: str) -> None:
    """Mails a member a link to choose a new password.

    It goes to the address of the account and is shown to nobody else; until it is used nothing changes. The audit
    keeps the reason.
    """
    with sessions_of(site.registry()).writing() as db:
        try:
            passwords.start_reset(db, COMMAND_LINE, number_of(db, name), reason)
        except InputError as error:
            raise click.ClickException(told(error.message)) from None
    click.echo(f"A link to choose a new password goes to {name} by mail")


@user.command("reset-second-factor")
@click.argument("name")
@reason_option
@click.pass_obj
def reset_second_factor(site: Site, name: str, reason: str) -> None:
    """Turns the second factor off at once for a member who has lost app and recovery codes.

    All their sessions end, the audit keeps the reason, and a mail tells them. Be sure that it is they who ask:
    nobody else can be sure for you. Members can also ask for it themselves, and wait for the days of
    users.second_factor_reset_days.
    """
    with site.sessions().writing() as db:
        try:
            second_factor.reset(db, COMMAND_LINE, number_of(db, name), reason)
        except InputError as error:
            raise click.ClickException(told(error.message)) from None
    click.echo(f"{name} signs in without a second factor now; every device is signed out, and a mail says so")


def number_of(db: Session, name: str) -> int:
    """The row number of a member."""
    user_id = db.scalar(sa.select(User.id).where(User.name_canonical == canonical(name)))
    if user_id is None:
        raise click.ClickException(f"Nobody is called {name}")
    return user_id


def change(verb: object, db: Session, name: str, value: IntEnum, reason: str) -> None:
    try:
        verb(db, COMMAND_LINE, number_of(db, name), value, reason)  # type: ignore[operator]
    except InputError as error:
        raise click.ClickException(told(error.message)) from None


def told(message: str) -> str:
    """A message of a form, its blanks filled in."""
    return message.interpolate() if isinstance(message, TranslationString) else message


@user.command("list")
@click.option("--limit", default=50, show_default=True)
@click.pass_obj
def list_users(site: Site, limit: int) -> None:
    """Prints the newest members."""
    with site.sessions().reading() as db:
        for row in db.scalars(sa.select(User).order_by(User.id.desc()).limit(limit)):
            age = (utc_now() - row.created_at).days
            click.echo(f"{row.id:>6}  {row.name:<30}  {row.role.name:<5}  {row.status.name:<8}  {age} days")
