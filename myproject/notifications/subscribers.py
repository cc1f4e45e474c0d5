"""What members are told of as it happens, and what notifications hold of a person."""

from pyramid.config import Configurator

from myproject.notifications.services import personal


def includeme(config: Configurator) -> None:
    config.add_personal_data(
        "notifications", export=personal.export_notifications, erase=personal.erase_notifications
    )
