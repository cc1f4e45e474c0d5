"""What mails hold of a person."""

from pyramid.config import Configurator

from myproject.emails import services


def includeme(config: Configurator) -> None:
    config.add_personal_data("emails", export=services.export_mails, erase=services.erase_mails)
