"""`myproject mail`: what concerns the site's mail."""

import sys

import click

from myproject.cli.context import Site
from myproject.emails import constants as EMAIL
from myproject.emails.bounces.believing import take_message

EX_TEMPFAIL = 75


@click.group()
def mail() -> None:
    """Looks after the site's mail."""


@mail.command()
@click.pass_obj
def bounce(site: Site) -> None:
    """Reads one message that came back, from standard input: for a mail server that hands each to a command.

    It succeeds whatever the message says. Where it fails, for the database is away, the mail server keeps the
    message and tries again (EX_TEMPFAIL of sysexits.h).
    """
    data = sys.stdin.buffer.read(EMAIL.REPORT_MAX_BYTES)
    # The rest is read too: a mail server takes a pipe that closes early for a failure.
    while sys.stdin.buffer.read(EMAIL.REPORT_MAX_BYTES):
        pass
    try:
        click.echo(take_message(site.registry(), data).value)
    except Exception as error:
        click.echo(f"{type(error).__name__}: {error}", err=True)
        sys.exit(EX_TEMPFAIL)
