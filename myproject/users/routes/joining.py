"""Addresses of joining: the first admin, waiting to be let in, invitations, new terms."""

from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPNotFound

from myproject.security.permissions import Permission
from myproject.users.views import first_admin, invitations, register, terms
from myproject.web.request import Request


def inviting(request: Request) -> invitations.Inviting:
    """The context of the invitations. Raises HTTPNotFound where registration is not by invitation."""
    found = invitations.inviting_of(request.site)
    if found is None:
        raise HTTPNotFound
    return found


def includeme(config: Configurator) -> None:
    config.add_route("users.waiting", "/users/register/waiting/")
    config.add_view(
        register.waiting,
        route_name="users.waiting",
        request_method="GET",
        permission=Permission.ACCOUNT_ENTER,
        renderer="myproject:templates/users/waiting.html",
    )

    config.add_route("users.first_admin", "/users/setup/{token:[A-Za-z0-9_-]{20,100}}/", factory=first_admin.Link)
    config.add_form_view(
        first_admin.MakeFirstAdmin, route_name="users.first_admin", permission=Permission.ACCOUNT_ENTER
    )

    config.add_route("users.invitations", "/users/me/invitations/", factory=inviting)
    config.add_form_view(
        invitations.Invitations, route_name="users.invitations", permission=Permission.INVITATION_WRITE
    )
    config.add_route(
        "users.invitations.revoke", "/users/me/invitations/{id:[0-9]{1,18}}/revoke/", factory=inviting
    )
    config.add_view(
        invitations.revoke,
        route_name="users.invitations.revoke",
        request_method="POST",
        permission=Permission.INVITATION_WRITE,
    )

    config.add_route("users.terms", "/users/terms/")
    config.add_form_view(
        terms.AcceptTerms, route_name="users.terms", permission=Permission.TERMS_ACCEPT, before_terms=True
    )
