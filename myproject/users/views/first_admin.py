"""The page that makes the first admin of a site."""

from typing import Any

import colander
import deform
from pyramid.httpexceptions import HTTPNotFound
from pyramid.response import Response

from myproject.forms.view import FormView
from myproject.i18n import _
from myproject.security.ratelimit import client_key, limiter_of
from myproject.transactions import reading
from myproject.users import errors, schemas
from myproject.users.services import first_admin, terms
from myproject.users.services.new_passwords import hash_new_password
from myproject.users.views.client import client_of
from myproject.web.request import Request


class Link:
    """The context of `/users/setup/TOKEN/`. Raises HTTPNotFound where the link makes nobody an admin."""

    def __init__(self, request: Request) -> None:
        self.token: str = request.matchdict["token"]
        with reading(request) as db:
            if not first_admin.is_open(db, self.token):
                raise HTTPNotFound


class MakeFirstAdmin(FormView):
    """Makes the account of who runs the site, an admin from the first moment on."""

    title = _("Set up your site")
    template = "myproject:templates/users/first_admin.html"
    buttons = (deform.Button("make", _("Make me the admin")),)

    def make_schema(self) -> colander.SchemaNode:
        site = self.request.site
        return schemas.first_admin(site.password_minimum(staff=True), (site.site_title,))

    def submit(self, data: dict[str, Any]) -> Response:
        request = self.request
        limiter_of(request.registry).hit("register_tries", client_key(request.client_addr))
        password_hash = hash_new_password(request.registry, data["password"])
        try:
            user = first_admin.make(
                request.dbsession,
                request.context.token,
                name=data["name"],
                email=data["email"],
                password_hash=password_hash,
                address=request.client_addr,
            )
        except errors.StepGone:
            # Somebody was faster.
            raise HTTPNotFound from None
        terms.accept_terms(request.dbsession, user.id, request.site.site_terms_version, client_of(request))
        request.flash(_("${name} is the admin of this site now. Sign in.", mapping={"name": user.name}))
        return self.redirect("users.login")
