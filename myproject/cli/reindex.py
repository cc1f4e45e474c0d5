"""`myproject reindex`: the index of search, written anew from the posts and comments there are."""

import click

from myproject.cli.context import Site
from myproject.search.services import indexing


@click.command()
@click.option("--anew", is_flag=True, help="Empty the index first: until the end, less is found than there is.")
@click.pass_obj
def reindex(site: Site, anew: bool) -> None:
    """Writes the index of search again, while the site runs: after an upgrade that says so, or after rows were
    written past the site. Safe to run again, and to break off.
    """
    done = 0
    for done in indexing.reindex(site.sessions(), anew=anew):
        click.echo(f"\r{done}", nl=False, err=True)
    click.echo(f"\rIndexed {done} posts and comments")
