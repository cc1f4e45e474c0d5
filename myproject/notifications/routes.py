"""Addresses of notifications, each with its views."""

from pyramid.config import Configurator
from pyramid.events import NewResponse

from myproject.notifications.views import inbox, log, settings, unread, why
from myproject.security.permissions import Permission
from myproject.users import constants as USER


def includeme(config: Configurator) -> None:
    config.add_request_method(unread.unread_of, "unread", reify=True)
    config.add_subscriber(unread.note_reading, NewResponse)
    config.add_subscriber(unread.note_visit, NewResponse)

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

    config.add_route(
        "notifications.choices", "/notifications/settings/{token:[A-Za-z0-9_.-]{1,300}}/", factory=settings.Link
    )
    config.add_form_view(
        settings.LinkedSettings, route_name="notifications.choices", permission=Permission.NOTIFICATION_CHOOSE
    )

    config.add_route("notifications.why", "/posts/{id:[0-9]{1,18}}/why/")
    config.add_view(
        why.why_of_post,
        route_name="notifications.why",
        request_method="GET",
        permission=Permission.NOTIFICATION_READ,
        renderer="myproject:templates/notifications/why.html",
    )

    for name, address, view, template in (
        ("log", "notifications", log.show_log, "log"),
        ("why_member", "why", why.why_of_member, "why_member"),
    ):
        config.add_route(f"notifications.{name}", f"/admin/users/{{id:[0-9]{{1,18}}}}/{address}/")
        config.add_view(
            view,
            route_name=f"notifications.{name}",
            request_method="GET",
            permission=Permission.ADMIN_VIEW,
            fresh=USER.ADMIN_REAUTH_MINUTES,
            renderer=f"myproject:templates/notifications/{template}.html",
        )
