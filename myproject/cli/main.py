"""The `myproject` command: one group, its subcommands below it or in the files beside this one."""

import os
import secrets
import sys
from dataclasses import replace
from pathlib import Path

import alembic.command
import alembic.config
import alembic.script
import click
import sqlalchemy as sa
from pyramid.paster import get_appsettings, setup_logging

from myproject.cli import demo, mail, reindex, rerender, users
from myproject.cli.context import Site
from myproject.cli.troubles import Trouble, TroubleGroup, check_file, lacking, shown_url, words_for
from myproject.db import make_engine
from myproject.emails.bounces.mailbox import MailboxBusy, MailboxError, check_mailbox
from myproject.emails.errors import DeliveryError
from myproject.emails.transport import make_transport
from myproject.settings import Settings, SettingsError, load_settings, read, settings_of
from myproject.settings_mail import MailTransport
from myproject.settings_values import path as parse_path
from myproject.tasks import make_huey, make_worker
from myproject.users.subscribers import ask_for_first_admin

KEY_BYTES = 48
# How long the doctor waits for the mail server at most: somebody sits in front of it.
MAIL_SECONDS = 5


@click.group(cls=TroubleGroup)
@click.option(
    "--config",
    "ini",
    type=click.Path(exists=True, dir_okay=False),
    default=lambda: os.environ.get("MYPROJECT_CONFIG", "production.ini"),
    show_default="MYPROJECT_CONFIG, or production.ini",
    help="The site's ini file.",
)
@click.pass_context
def main(context: click.Context, ini: str) -> None:
    """Runs a community site: sets it up, looks after it, works its queue."""
    context.obj = Site(ini)


@main.command()
@click.option(
    "--no-admin-link",
    is_flag=True,
    help="Print no link that makes the first admin: the demo makes one, or the site's start prints it.",
)
@click.pass_obj
def init(site: Site, no_admin_link: bool) -> None:
    """Makes the secret key where there is none, and brings the database up to date. Safe to run again."""
    options = get_appsettings(site.ini)
    key_file = parse_path(read(options, os.environ, "secret_key.file", "var/secret.key"))
    try:
        if not key_file.exists():
            make_key(key_file)
            click.echo(f"Made a secret key: {key_file}")
    except OSError as error:
        raise click.ClickException(
            f"secret_key.file: can't make {key_file} ({error.strerror}); see that its folder can be written to"
        ) from None
    settings = site.settings()
    alembic.command.upgrade(alembic.config.Config(site.ini), "head")
    click.echo(f"The database is up to date: {shown_url(settings)}")
    words = "" if no_admin_link else ask_for_first_admin(site.registry())
    if words:
        click.echo(words)


def make_key(file: Path) -> None:
    """Writes a new random key that only its owner can read, from the first byte on."""
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(secrets.token_urlsafe(KEY_BYTES) + "\n")


@main.command()
@click.pass_obj
def worker(site: Site) -> None:
    """Works the queue until SIGTERM: for sites with `tasks.embedded = false`, as many as you like on any
    machine.
    """
    setup_logging(site.ini)
    registry = site.registry()
    click.echo(f"Working the queue of {settings_of(registry).site_title}")
    make_worker(registry, embedded=False).run()


@main.command()
@click.pass_obj
def doctor(site: Site) -> None:
    """Checks settings, database, migrations, queue and mail, and says how to mend what is wrong."""
    problems = 0
    for name, check in CHECKS.items():
        try:
            result = check(site)
            if result:
                click.echo(f"ok    {name}: {result}")
        except SettingsError as error:
            problems += len(error.problems)
            click.echo(f"WRONG {name}:\n" + "\n".join(f"      - {problem}" for problem in error.problems))
            break
        except (DeliveryError, MailboxError, Trouble) as error:
            problems += 1
            click.echo(f"WRONG {name}: {error}")
        except Exception as error:
            problems += 1
            words = words_for(error, site.ini, site.settings())
            click.echo(f"WRONG {name}: {words or f'{type(error).__name__}: {error}'}")
    sys.exit(1 if problems else 0)


def check_settings(site: Site) -> str:
    settings = load_settings(get_appsettings(site.ini))
    return f"{settings.site_mode} mode, {settings.site_url}, proxy.count {settings.proxy_count}"


def check_database(site: Site) -> str:
    settings = site.settings()
    check_file(site.ini, settings)
    engine = make_engine(settings)
    with engine.connect() as connection:
        current = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalars().all()
    engine.dispose()
    script = alembic.script.ScriptDirectory.from_config(alembic.config.Config(site.ini))
    if set(current) != set(script.get_heads()):
        raise Trouble(lacking(site.ini, settings))
    return f"{shown_url(settings)}, migrated"


def check_queue(site: Site) -> str:
    settings = site.settings()
    waiting = make_huey(settings).pending_count()
    return f"{'Redis' if settings.redis_url else settings.tasks_file}, {waiting} waiting"


def patient_settings(site: Site) -> Settings:
    """The settings, but that nobody waits for a mail server for longer than MAIL_SECONDS."""
    settings = site.settings()
    return replace(settings, mail_timeout=min(settings.mail_timeout, MAIL_SECONDS))


def check_mail(site: Site) -> str:
    """Connects, and signs in where a user is set, but sends nothing."""
    settings = patient_settings(site)
    make_transport(settings).check()
    if settings.mail_transport is MailTransport.FILES:
        return f"files in {settings.mail_folder}"
    user = f", signed in as {settings.mail_username}" if settings.mail_username else ""
    return f"smtp {settings.mail_host}, port {settings.mail_port}, tls {settings.mail_tls}{user}"


def check_bounces(site: Site) -> str:
    """Signs in to the mailbox that mail returns to, and changes nothing; empty where there is none."""
    settings = patient_settings(site)
    if not settings.mail_bounces_host:
        return ""
    try:
        return f"{check_mailbox(settings)} in the mailbox at {settings.mail_bounces_host}"
    except MailboxBusy:
        # A worker reads it: so it can be read.
        return f"the mailbox at {settings.mail_bounces_host} is in use just now"


CHECKS = {
    "settings": check_settings,
    "database": check_database,
    "queue": check_queue,
    "mail": check_mail,
    "bounces": check_bounces,
}

main.add_command(rerender.rerender)
main.add_command(users.user)
main.add_command(users.invitation)
main.add_command(demo.demo)
main.add_command(mail.mail)
main.add_command(reindex.reindex)
