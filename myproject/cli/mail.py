"""`myproject mail`: what concerns the site's mail."""

import sys
from typing import TextIO

import click

from myproject.cli.context import Site
from myproject.cli.troubles import Trouble, words_for
from myproject.emails import constants as EMAIL
from myproject.emails.bounces.believing import take_message
from myproject.emails.doctor.conversation import send_test
from myproject.emails.doctor.examination import examine, lines_of, sender_of
from myproject.emails.doctor.findings import Mark
from myproject.emails.doctor.probe import HEADERS_MAX_LENGTH, NoHeaders, read_probe
from myproject.emails.message import mailbox
from myproject.settings import settings_of
from myproject.settings_values import MAIL_ADDRESS

EX_TEMPFAIL = 75


@click.group()
def mail() -> None:
    """Looks after the site's mail."""


@mail.command()
@click.pass_obj
def bounce(site: Site) -> None:
    """Reads one message that came back, from standard input: for a mail server that hands each to a command.

    It succeeds whatever the message says. Where it fails, for the database is away or a setting is wrong, the mail
    server keeps the message and tries again (EX_TEMPFAIL of sysexits.h).
    """
    data = sys.stdin.buffer.read(EMAIL.REPORT_MAX_BYTES)
    # The rest is read too: a mail server takes a pipe that closes early for a failure.
    while sys.stdin.buffer.read(EMAIL.REPORT_MAX_BYTES):
        pass
    try:
        click.echo(take_message(site.registry(), data).value)
    except SystemExit:
        # Wrong settings, which have been named.
        sys.exit(EX_TEMPFAIL)
    except Trouble as trouble:
        trouble.show()
        sys.exit(EX_TEMPFAIL)
    except Exception as error:
        words = words_for(error, site.ini, site.settings())
        click.echo(words or f"{type(error).__name__}: {error}", err=True)
        sys.exit(EX_TEMPFAIL)


@mail.command()
@click.argument("address")
@click.pass_obj
def test(site: Site, address: str) -> None:
    """Sends one mail to ADDRESS at once, and says what each step of the way answered. Fails where it stayed here.

    It goes past the outbox, by the way that the settings of `mail.*` name.
    """
    is_address = MAIL_ADDRESS.fullmatch(address) is not None
    try:
        mailbox("", address)
    except ValueError:
        # A domain that no DNS has, such as one with two dots in a row.
        is_address = False
    if not is_address:
        raise click.BadParameter("this is no mail address", param_hint="ADDRESS")
    registry = site.registry()
    talk = send_test(registry, address)
    redirected = settings_of(registry).mail_redirect_all_to
    if redirected:
        click.echo(f"note  it goes to {redirected}: see mail.redirect_all_to")
    for step in talk.steps:
        click.echo(f"{'ok   ' if step.code < 400 else 'WRONG'} {step.name}: {step.words}")
    if talk.problem:
        click.echo(f"WRONG {talk.problem}")
        if talk.mend:
            click.echo(f"      {talk.mend}")
        sys.exit(1)
    click.echo("Sent. Whether it arrives, its reader knows; what they look at, `myproject mail doctor` does too.")


@mail.command()
@click.option("--headers", type=click.File(errors="replace"), help="The source of a mail that came from the site.")
@click.pass_obj
def doctor(site: Site, headers: TextIO | None) -> None:
    """Looks at what the DNS says of the sender's domain: MX, SPF, DKIM, DMARC and PTR, with the records to paste.

    Fails where something is wrong.
    """
    settings = site.settings()
    probe = None
    if headers:
        try:
            probe = read_probe(headers.read(HEADERS_MAX_LENGTH), sender_of(settings).rpartition("@")[2])
        except NoHeaders:
            raise click.BadParameter("these are no headers of a mail", param_hint="--headers") from None
    examination = examine(settings, probe)
    for line in lines_of(examination.findings):
        click.echo(line)
    sys.exit(1 if examination.mark is Mark.BAD else 0)
