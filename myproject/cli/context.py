"""What every subcommand works on: the site of one ini file."""

import sys

import click
from pyramid.paster import get_app, get_appsettings
from pyramid.registry import Registry

from myproject.cli.troubles import check_file
from myproject.db import Sessions, sessions_of
from myproject.settings import Settings, SettingsError, load_settings


class Site:
    """The site that `ini` describes. What is wrong with its settings ends the command with a list of mends."""

    def __init__(self, ini: str) -> None:
        self.ini = ini

    def settings(self) -> Settings:
        try:
            return load_settings(get_appsettings(self.ini))
        except SettingsError as error:
            click.echo(str(error), err=True)
            sys.exit(1)

    def registry(self) -> Registry:
        """The registry of the application. Raises Trouble where there is no database to work on."""
        check_file(self.ini, self.settings())
        return get_app(self.ini).registry

    def sessions(self) -> Sessions:
        return sessions_of(self.registry())
