from pyramid.config import Configurator

from myproject.emails import views
from myproject.security.permissions import Permission
from myproject.settings import settings_of


def includeme(config: Configurator) -> None:
    """The mailbox shows everybody's mails, so it is there in development only."""
    if not settings_of(config.registry).development:
        return
    name = f"{{name:{views.NAME_PATTERN}}}"
    for route, path, view, renderer in (
        ("emails.mailbox.list", "/dev/mailbox/", views.list_mails, "mailbox/list.html"),
        ("emails.mailbox.show", f"/dev/mailbox/{name}/", views.show_mail, "mailbox/show.html"),
        ("emails.mailbox.html", f"/dev/mailbox/{name}/html/", views.show_html, None),
    ):
        config.add_route(route, path)
        config.add_view(
            view,
            route_name=route,
            request_method="GET",
            permission=Permission.SITE_DEVELOP,
            renderer=f"myproject:templates/{renderer}" if renderer else None,
        )
