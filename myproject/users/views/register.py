"""Registration."""

from typing import Any

import colander
import deform
from pyramid.response import Response

from myproject.db import sessions_of
from myproject.errors import InputError
from myproject.forms.view import FormView
from myproject.i18n import _
from myproject.security.captcha import CaptchaFailed, CaptchaUnavailable, captcha_of
from myproject.security.passwords import hasher_of
from myproject.security.policy import begin_session
from myproject.security.ratelimit import client_key, limiter_of
from myproject.settings import Registration
from myproject.users import constants as USER
from myproject.users import schemas
from myproject.users.services import registration, sign_ins
from myproject.users.views.client import client_of


class RegistrationClosed(InputError):
    message = _("This site takes no new members at present")


class Register(FormView):
    """Makes an account, signs its owner in, and sends them home."""

    title = _("Register")
    template = "myproject:templates/users/register.html"
    buttons = (deform.Button("register", _("Register")),)
    captcha_error: str | None = None

    def make_schema(self) -> colander.SchemaNode:
        return schemas.registration(self.request.site.users_password_min_length)

    def submit(self, data: dict[str, Any]) -> Response:
        request, site = self.request, self.request.site
        if site.users_registration is not Registration.OPEN:
            raise RegistrationClosed
        # All that is slow, or needs only a look, comes before the transaction's first statement.
        limiter_of(request.registry).hit("register_address", client_key(request.client_addr))
        with sessions_of(request.registry).reading() as db:
            registration.check_name(db, data["name"])
        try:
            captcha_of(request.registry).verify(request)
        except (CaptchaFailed, CaptchaUnavailable) as error:
            self.captcha_error = request.translate(error.message)
            raise InputError(error.message) from None
        password_hash = hasher_of(request.registry).hash(data["password"])
        user = registration.register(
            request.dbsession,
            name=data["name"],
            email=data["email"],
            password_hash=password_hash,
            terms_version=site.site_terms_version,
            address=request.client_addr,
        )
        if request.session_token:
            sign_ins.sign_out(request.dbsession, request.session_token)
        token = sign_ins.begin_session(request.dbsession, user, client_of(request), None, USER.Way.REGISTRATION)
        begin_session(request, token, None)
        request.flash(_("Thanks for registering"))
        return self.redirect("users.home")

    def page(self, status: int = 200) -> Response:
        captcha = captcha_of(self.request.registry)
        self.request.allow_hosts(captcha.hosts)
        self.form.captcha = captcha.render(self.request, self.captcha_error)
        return super().page(status)
