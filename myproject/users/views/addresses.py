"""Changing the address: asked for while signed in, confirmed from the new one, undone from the old one."""

from typing import Any, ClassVar

import colander
import deform
from pyramid.httpexceptions import HTTPSeeOther
from pyramid.renderers import render_to_response
from pyramid.response import Response
from translationstring import TranslationString

from myproject.db import reading, sessions_of
from myproject.errors import InputError
from myproject.forms.view import FormView
from myproject.i18n import _
from myproject.security.policy import end_session
from myproject.security.ratelimit import client_key, limiter_of
from myproject.users import constants as USER
from myproject.users import schemas
from myproject.users.models import User
from myproject.users.services import addresses, sign_ins, tokens
from myproject.users.views.client import client_of
from myproject.users.views.reauth import check_password
from myproject.web.request import Request
from myproject.web.templating import url


class ChangeEmail(FormView):
    """Asks for the new address. The answer is the same whether somebody else has it or not."""

    title = _("Change your address")
    template = "myproject:templates/users/change_email.html"
    buttons = (deform.Button("send", _("Send me a link")),)

    def make_schema(self) -> colander.SchemaNode:
        with sessions_of(self.request.registry).reading() as db:
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


class AddressLink:
    """A mail's link: looking at it changes nothing, its button acts. It works without being signed in."""

    template = "myproject:templates/users/address_link.html"
    purpose: ClassVar[USER.TokenPurpose]
    title: ClassVar[TranslationString]
    question: ClassVar[TranslationString]
    button: ClassVar[TranslationString]

    def __init__(self, request: Request) -> None:
        self.request = request
        self.token: str = request.matchdict["token"]

    def get(self) -> Response:
        with reading(self.request) as db:
            owner = tokens.token_owner(db, self.token, self.purpose)
        return self.page(owner, 200 if owner else 410)

    def post(self) -> Response:
        limiter_of(self.request.registry).hit("verify_address", client_key(self.request.client_addr))
        try:
            return self.act()
        except InputError as error:
            return self.page(None, 410, str(self.request.translate(error.message)))

    def act(self) -> Response:
        """Spends the link and answers. Raises InputError."""
        raise NotImplementedError

    def page(self, owner: Any, status: int, problem: str = "") -> Response:
        known = {"name": owner.name, "email": owner.new_email} if owner else {}
        values = {
            "title": self.title,
            "question": _(self.question, mapping=known) if owner else "",
            "button": self.button,
            "problem": problem,
        }
        response = render_to_response(self.template, values, request=self.request)
        response.status_int = status
        return response


class ConfirmEmail(AddressLink):
    """The link to the new address, which becomes the account's own."""

    purpose = USER.TokenPurpose.CHANGE_EMAIL
    title = _("Confirm your new address")
    question = _("From now on ${email} is the address of the account ${name}.")
    button = _("Confirm the address")

    def act(self) -> Response:
        user: User = addresses.confirm_change(self.request.dbsession, self.token, client_of(self.request))
        self.request.flash(_("Your address is ${email} now", mapping={"email": user.email}))
        return HTTPSeeOther(url(self.request, "users.security" if self.request.identity else "users.login"))


class UndoEmail(AddressLink):
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
