"""Registration, and what who has to wait for it reads."""

from typing import Any

import colander
import deform
from pyramid.response import Response

from myproject.errors import InputError
from myproject.forms.view import FormView
from myproject.i18n import _
from myproject.security.captcha.base import Captcha, CaptchaFailed, CaptchaUnavailable, NoCaptcha
from myproject.security.captcha.provider import captcha_of
from myproject.security.passwords import hasher_of
from myproject.security.policy import begin_session
from myproject.security.ratelimit import client_key, limiter_of
from myproject.settings_users import Registration
from myproject.switches import Name, is_on_now
from myproject.transactions import reading
from myproject.users import constants as USER
from myproject.users import schemas
from myproject.users.services import names, new_passwords, registration, sign_ins, tokens
from myproject.users.views.client import client_of
from myproject.users.views.device import remember_device
from myproject.web.request import Request

CAPTCHA_RETRY_SECONDS = 60


def invitation_of(request: Request) -> str:
    """The token of the invitation that the visitor followed. A form without an action keeps it in its address."""
    return request.GET.get("invitation", "")


def captcha_for(request: Request) -> Captcha:
    """The site's check that somebody is a person, or none while an admin has turned it off."""
    return captcha_of(request.registry) if is_on_now(request, Name.CAPTCHA) else NoCaptcha()


class Register(FormView):
    """Makes an account, signs its owner in, and sends them home; or says that an admin has to agree first."""

    title = _("Register")
    template = "myproject:templates/users/register.html"
    buttons = (deform.Button("register", _("Register")),)
    captcha_error: str | None = None

    def make_schema(self) -> colander.SchemaNode:
        site = self.request.site
        ask_reason = site.users_registration is Registration.APPROVAL
        return schemas.registration(site.users_password_min_length, (site.site_title,), ask_reason=ask_reason)

    def submit(self, data: dict[str, Any]) -> Response:
        request, site = self.request, self.request.site
        # All that is slow, or needs only a look, comes before the transaction's first statement.
        limiter, address = limiter_of(request.registry), client_key(request.client_addr)
        # Who mistypes may try on: few accounts are made from one place, but many forms sent. That bounds also how
        # often one may ask which nicknames are taken, and guess at the captcha.
        limiter.hit("register_tries", address)
        limiter.check("register_address", address)
        with reading(request) as db:
            registration.check_admission(db, site.users_registration, invitation_of(request))
            names.check_name(db, data["name"])
        captcha = captcha_for(request)
        try:
            captcha.verify(request)
        except CaptchaFailed as error:
            self.captcha_error = request.translate(error.message)
            raise InputError(error.message) from None
        except CaptchaUnavailable as error:
            self.refuse(error.message)
            # RFC 9110, 15.6.4: it is the site that can't, and not the visitor who did something wrong.
            response = self.page(503)
            response.headers["Retry-After"] = str(CAPTCHA_RETRY_SECONDS)
            return response
        new_passwords.check_new_password(request.registry, data["password"])
        limiter.hit("register_address", address)
        password_hash = hasher_of(request.registry).hash(data["password"])
        db, client = request.dbsession, client_of(request)
        admission = registration.admit(
            db, site.users_registration, invitation=invitation_of(request), reason=data.get("reason", "")
        )
        user = registration.register(
            db,
            name=data["name"],
            email=data["email"],
            password_hash=password_hash,
            client=client,
            admission=admission,
            terms_version=site.site_terms_version,
        )
        if user.approval is USER.Approval.WAITING:
            return self.redirect("users.waiting")
        if request.session_token:
            sign_ins.sign_out(db, request.session_token)
        token = sign_ins.begin_session(db, user, client, None, USER.Way.REGISTRATION)
        begin_session(request, token, None)
        remember_device(request, user)
        request.flash(_("Thanks for registering"))
        if not user.verified and not tokens.has_token(db, user.id, USER.TokenPurpose.VERIFY_EMAIL):
            request.flash(
                _(
                    "So many mails were sent to ${email} that this one can't go there now. Ask for it again in a"
                    " while.",
                    mapping={"email": user.email},
                ),
                "warning",
            )
        return self.redirect("users.home")

    def refusal(self) -> InputError | None:
        """Why nobody, or not this visitor, may register; None where they may."""
        with reading(self.request) as db:
            try:
                registration.check_admission(db, self.request.site.users_registration, invitation_of(self.request))
            except InputError as error:
                return error
        return None

    def values(self) -> dict[str, Any]:
        refusal = self.refusal()
        return {
            "refusal": refusal.message if refusal else "",
            "needs_approval": self.request.site.users_registration is Registration.APPROVAL,
        }

    def page(self, status: int = 200) -> Response:
        captcha = captcha_for(self.request)
        self.request.allow_hosts(captcha.hosts)
        self.form.captcha = captcha.render(self.request, self.captcha_error)
        return super().page(status)


def waiting(request: Request) -> dict[str, Any]:
    """What happens next, for somebody who has registered where admins let people in."""
    return {}
