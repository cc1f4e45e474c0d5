"""Addresses of notifications, each with its views."""

from pyramid.config import Configurator
from pyramid.events import NewResponse

from myproject.notifications.views import inbox, log, settings, unread
from myproject.security.permissions import Permission
from myproject.users import constants as USER


def includeme(config: Configurator) -> None:
    config.add_request_method(unread.unread_of, "unread", reify=True)
    config.add_subscriber(unread.note_reading, NewResponse)

    config.add_route("notifications.list", "/notifications/")
    config.add_view(
        inbox.show_inbox,
        route_name="notifications.list",
        request_method="GET",
        permission=Permission.NOTIFICATION_READ,
        renderer="myproject:templates/notifications/list.html",
    )

    config.add_route("notifications.read", "/notifications/read/")
    config.add_view(
        inbox.mark_read,
        route_name="notifications.read",
        request_method="POST",
        permission=Permission.NOTIFICATION_READ,
    )

    config.add_route("notifications.settings", "/notifications/settings/")
    config.add_form_view(
        settings.Settings, route_name="notifications.settings", permission=Permission.NOTIFICATION_READ
    )

    config.add_route("notifications.log", "/admin/users/{id:[0-9]{1,18}}/notifications/")
    config.add_view(
        log.show_log,
        route_name="notifications.log",
        request_method="GET",
        permission=Permission.ADMIN_VIEW,
        fresh=USER.ADMIN_REAUTH_MINUTES,
        renderer="myproject:templates/notifications/log.html",
    )
