"""What mails hold of a person."""

from pyramid.config import Configurator

from myproject.emails.services import personal, suppression


def includeme(config: Configurator) -> None:
    config.add_personal_data("emails", export=personal.export_mails, erase=personal.erase_mails)
    config.add_personal_data(
        "suppressions", export=suppression.export_suppressions, erase=suppression.erase_suppressions
    )
