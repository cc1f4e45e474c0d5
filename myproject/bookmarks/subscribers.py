"""What bookmarks hold of a person."""

from pyramid.config import Configurator

from myproject.bookmarks import services


def includeme(config: Configurator) -> None:
    config.add_personal_data("bookmarks", export=services.export_bookmarks, erase=services.erase_bookmarks)
