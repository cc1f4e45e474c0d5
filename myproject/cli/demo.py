"""`myproject demo`."""

import click

from myproject.cli.context import Site


@click.command()
@click.pass_obj
def demo(site: Site) -> None:
    """Fills an empty site."""
