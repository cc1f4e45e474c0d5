"""What mails hold of a person."""

from pyramid.config import Configurator

from myproject.emails.services import personal


def includeme(config: Configurator) -> None:
    config.add_personal_data("emails", export=personal.export_mails, erase=personal.erase_mails)
