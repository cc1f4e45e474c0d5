"""Changing the address: asked for while signed in, confirmed from the new one, undone from the old one."""

from typing import Any

import colander
import deform
from pyramid.httpexceptions import HTTPSeeOther
from pyramid.response import Response

from myproject.forms.view import FormView
from myproject.i18n import _
from myproject.security.policy import end_session
from myproject.security.ratelimit import limiter_of
from myproject.transactions import reading
from myproject.users import constants as USER
from myproject.users import schemas
from myproject.users.models import User
from myproject.users.services import addresses, sign_ins
from myproject.users.views.client import client_of
from myproject.users.views.mailed_links import MailedLink
from myproject.users.views.reauth import check_password
from myproject.web.templating import url


class ChangeEmail(FormView):
    """Asks for the new address. The answer is the same whether somebody else has it or not."""

    title = _("Change your address")
    template = "myproject:templates/users/change_email.html"
    buttons = (deform.Button("send", _("Send me a link")),)

    def make_schema(self) -> colander.SchemaNode:
        with reading(self.request) as db:
            credentials = sign_ins.credentials_of(db, self.request.member.id)
        self.has_password = credentials.password is not None
        return schemas.change_email(with_password=self.has_password)

    def get(self) -> Response:
        if not self.request.member.verified:
            return HTTPSeeOther(url(self.request, "users.correct_email"))
        return super().get()

    def values(self) -> dict[str, Any]:
        return {"member": self.request.member, "days": USER.UNDO_EMAIL_DAYS}

    def submit(self, data: dict[str, Any]) -> Response:
        request = self.request
        if self.has_password:
            check_password(request, data["password"])
        limiter_of(request.registry).hit("verify_account", str(request.member.id))
        addresses.ask_for_change(request.dbsession, request.member.id, data["email"], client_of(request))
        request.flash(
            _(
                "We have sent a link to ${email}. Your address is changed once you follow it, within an hour.",
                mapping={"email": data["email"]},
            ),
            "info",
        )
        return self.redirect("users.security")


class ConfirmEmail(MailedLink):
    """The link to the new address, which becomes the account's own."""

    purpose = USER.TokenPurpose.CHANGE_EMAIL
    title = _("Confirm your new address")
    question = _("From now on ${email} is the address of the account ${name}.")
    button = _("Confirm the address")

    def act(self) -> Response:
        user: User = addresses.confirm_change(self.request.dbsession, self.token, client_of(self.request))
        self.request.flash(_("Your address is ${email} now", mapping={"email": user.email}))
        return self.onward("users.security")


class UndoEmail(MailedLink):
    """The link to the old address, which becomes the account's own again."""

    purpose = USER.TokenPurpose.UNDO_EMAIL
    title = _("Put your address back")
    question = _(
        "${email} becomes the address of the account ${name} again, every device is signed out, what was "
        "added to sign in with in the week before or since is taken off, and we mail you a link to choose a new "
        "password."
    )
    button = _("Put the address back")

    def act(self) -> Response:
        user = addresses.undo_change(self.request.dbsession, self.token, client_of(self.request))
        if self.request.identity is not None and self.request.identity.id == user.id:
            end_session(self.request)
        self.request.flash(
            _(
                "Your address is ${email} again, and nobody is signed in. Follow the link that we have mailed you "
                "to choose a new password.",
                mapping={"email": user.email},
            )
        )
        return HTTPSeeOther(url(self.request, "users.login"))
