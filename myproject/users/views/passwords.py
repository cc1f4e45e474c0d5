"""Lost and changed passwords."""

from typing import Any

import colander
import deform
from pyramid.renderers import render_to_response
from pyramid.response import Response

from myproject.forms.view import FormView
from myproject.i18n import _
from myproject.security.policy import begin_session, end_session
from myproject.security.ratelimit import RateLimited, account_key, client_key, limiter_of
from myproject.tasks import enqueue_surely
from myproject.transactions import reading
from myproject.users import constants as USER
from myproject.users import errors, schemas, tasks
from myproject.users.services import passwords, sign_ins, tokens
from myproject.users.services.new_passwords import hash_new_password
from myproject.users.views.client import client_of
from myproject.users.views.device import remember_device
from myproject.users.views.reauth import check_password


class LostPassword(FormView):
    """Asks for a link to set a new password. The answer is the same whether the address is known or not."""

    schema = schemas.LostPassword
    title = _("Lost password")
    template = "myproject:templates/users/lost_password.html"
    buttons = (deform.Button("send", _("Send me a link")),)

    def submit(self, data: dict[str, Any]) -> Response:
        limiter = limiter_of(self.request.registry)
        limiter.hit("lost_password_address", client_key(self.request.client_addr))
        sparing = False
        try:
            limiter.hit("lost_password_account", account_key(data["email"]))
        except RateLimited:
            # Strangers may have asked: they can't shut its owner out, nor learn of it.
            sparing = True
        # A known address costs mails and tokens: in a task, so that the answer takes as long for any.
        client = client_of(self.request)
        enqueue_surely(
            self.request.registry,
            tasks.ask_for_reset,
            email=data["email"],
            address=client.address,
            user_agent=client.user_agent[: USER.USER_AGENT_MAX_LENGTH],
            sparing=sparing,
        )
        self.request.flash(
            _(
                "If an account has the address ${email}, we have sent a link there. It works for an hour.",
                mapping={"email": data["email"]},
            ),
            "info",
        )
        return self.redirect("users.login")


class ResetPassword(FormView):
    """The mail's link: shows the form, spends nothing; only a new password sent with it spends the link."""

    title = _("Choose a new password")
    buttons = (deform.Button("save", _("Save the new password")),)

    def make_schema(self) -> colander.SchemaNode:
        with reading(self.request) as db:
            self.owner = tokens.token_owner(db, self.token, USER.TokenPurpose.RESET_PASSWORD)
        site, owner = self.request.site, self.owner
        if owner is None:
            return schemas.reset_password(site.users_password_min_length)
        minimum = site.password_minimum(staff=owner.role <= USER.Role.STAFF)
        return schemas.reset_password(minimum, owner.name, (owner.email, site.site_title))

    @property
    def token(self) -> str:
        return str(self.request.matchdict["token"])

    def get(self) -> Response:
        return super().get() if self.owner else self.gone()

    def gone(self) -> Response:
        response = render_to_response("myproject:templates/users/link_gone.html", {}, request=self.request)
        response.status_int = 410
        return response

    def submit(self, data: dict[str, Any]) -> Response:
        if self.owner is None:
            return self.gone()
        password_hash = hash_new_password(self.request.registry, data["password"])
        try:
            user = passwords.reset_password(
                self.request.dbsession, self.token, password_hash, client_of(self.request)
            )
        except errors.LinkInvalid:
            return self.gone()
        if self.request.session_token:
            sign_ins.sign_out(self.request.dbsession, self.request.session_token)
            end_session(self.request)
        # Who reads the account's mails need not wait until a stranger has ended guessing at it.
        remember_device(self.request, user, signed_in=False)
        self.request.flash(_("Your new password is saved. Sign in with it."))
        return self.redirect("users.login")


class ChangePassword(FormView):
    """Changes the password: asks the present one, ends every other session, gives this browser a new one.

    Who signs in by other means, and has none, chooses the first one here.
    """

    title = _("Change your password")
    template = "myproject:templates/users/change_password.html"

    def make_schema(self) -> colander.SchemaNode:
        member, site = self.request.member, self.request.site
        minimum = site.password_minimum(staff=member.is_staff)
        with reading(self.request) as db:
            self.credentials = sign_ins.credentials_of(db, member.id)
        return schemas.change_password(
            minimum,
            member.name,
            (member.email, site.site_title),
            ask_present=self.credentials.password is not None,
        )

    def submit(self, data: dict[str, Any]) -> Response:
        request, member, credentials = self.request, self.request.member, self.credentials
        if credentials.password is not None:
            try:
                credentials = check_password(request, data["current"])
            except errors.NotYourPassword:
                raise errors.WrongPassword from None
        with reading(request) as db:
            remembered = sign_ins.is_remembered(db, member.session_id)
        password_hash = hash_new_password(request.registry, data["password"])
        client = client_of(request)
        user = passwords.change_password(request.dbsession, credentials, password_hash, client)
        days = request.site.retention_sessions_days if remembered else None
        token = sign_ins.begin_session(request.dbsession, user, client, days)
        begin_session(request, token, days * 86_400 if days else None)
        remember_device(request, user)
        request.flash(_("Your new password is saved. Every other device is signed out."))
        return self.redirect("users.home")
