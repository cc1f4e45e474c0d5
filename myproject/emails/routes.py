"""Addresses of mails, each with its views."""

from pyramid.config import Configurator

from myproject.emails.views import mailbox, webhooks
from myproject.emails.views.unsubscribe import Unsubscribe
from myproject.security.permissions import Permission
from myproject.settings import settings_of


def includeme(config: Configurator) -> None:
    config.add_route("emails.unsubscribe", "/emails/unsubscribe/{token:[A-Za-z0-9_.-]{1,300}}/")
    for method in ("get", "post"):
        config.add_view(
            Unsubscribe,
            attr=method,
            route_name="emails.unsubscribe",
            request_method=method.upper(),
            permission=Permission.MAIL_STOP,
            # The token is signed, and says all that can be done with it: mail programs have no form of ours.
            require_csrf=False,
            renderer="myproject:templates/mailbox/unsubscribe.html",
        )
    config.add_route("emails.webhooks", "/emails/webhooks/{provider:[a-z]{1,20}}/")
    config.add_view(
        webhooks.receive,
        route_name="emails.webhooks",
        request_method="POST",
        permission=Permission.BOUNCE_TELL,
        # The provider's signature is what counts: see `bounces/providers.py`.
        require_csrf=False,
    )
    if settings_of(config.registry).development:
        include_mailbox(config)


def include_mailbox(config: Configurator) -> None:
    """The mailbox shows everybody's mails, so it is there in development only."""
    name = f"{{name:{mailbox.NAME_PATTERN}}}"
    for route, path, view, renderer in (
        ("emails.mailbox.list", "/dev/mailbox/", mailbox.list_mails, "mailbox/list.html"),
        ("emails.mailbox.show", f"/dev/mailbox/{name}/", mailbox.show_mail, "mailbox/show.html"),
        ("emails.mailbox.html", f"/dev/mailbox/{name}/html/", mailbox.show_html, None),
    ):
        config.add_route(route, path)
        config.add_view(
            view,
            route_name=route,
            request_method="GET",
            permission=Permission.SITE_DEVELOP,
            renderer=f"myproject:templates/{renderer}" if renderer else None,
        )
