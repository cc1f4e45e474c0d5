"""`myproject rerender`: brings stored HTML up to the present renderer of Markdown."""

import click

from myproject import rerender as texts
from myproject.cli.context import Site


@click.command()
@click.pass_obj
def rerender(site: Site) -> None:
    """Renders posts, comments and profiles anew that an older version of the site rendered. Safe to run again."""
    texts.rerender(site.registry())
    click.echo("All texts are rendered by the present version.")
