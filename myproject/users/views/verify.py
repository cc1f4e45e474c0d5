"""Verifying an address: by the link's button, by the typed code; sending the mail again, mending the address."""

from typing import Any

import deform
from pyramid.httpexceptions import HTTPSeeOther
from pyramid.response import Response

from myproject.db import sessions_of
from myproject.errors import InputError
from myproject.forms.view import FormView
from myproject.i18n import _
from myproject.security.ratelimit import client_key, limiter_of
from myproject.users import constants as USER
from myproject.users import schemas
from myproject.users.services import tokens, verification
from myproject.users.views.client import client_of
from myproject.users.views.mailed_links import MailedLink
from myproject.web.templating import url


class Verify(FormView):
    """Takes the typed code. The page also links to sending the mail again and to mending the address. It is there
    for an address that was verified and that mail comes back from, too.
    """

    schema = schemas.VerifyCode
    title = _("Verify your address")
    template = "myproject:templates/users/verify.html"
    buttons = (deform.Button("verify", _("Verify")),)

    def get(self) -> Response:
        member = self.request.member
        if member.verified and member.mail_stopped_at is None:
            return HTTPSeeOther(url(self.request, "users.home"))
        return super().get()

    def post(self) -> Response:
        if "resend" in self.request.POST:
            return self.resend()
        return super().post()

    def submit(self, data: dict[str, Any]) -> Response:
        request = self.request
        limiter_of(request.registry).hit("verify_address", client_key(request.client_addr))
        limiter_of(request.registry).hit("code_account", str(request.member.id))
        with sessions_of(request.registry).writing() as db:
            verification.count_code_try(db, request.member.id)
        verification.verify_by_code(request.dbsession, request.member.id, data["code"], client_of(request))
        request.flash(_("Thank you, your address is verified"))
        return self.redirect("users.home")

    def resend(self) -> Response:
        limiter_of(self.request.registry).hit("verify_account", str(self.request.member.id))
        try:
            verification.resend_verification(self.request.dbsession, self.request.member.id)
        except InputError as error:
            self.request.flash(error.message, "info")
            return self.redirect("users.home")
        self.request.flash(_("We have sent the mail again"))
        return self.redirect("users.verify")


class CorrectEmail(FormView):
    """Mends a mistyped address before it was ever verified; the mail goes to the new one."""

    schema = schemas.CorrectEmail
    title = _("Correct your address")
    buttons = (deform.Button("correct", _("Save and send the mail")),)

    def get(self) -> Response:
        if self.request.member.verified:
            return HTTPSeeOther(url(self.request, "users.home"))
        return super().get()

    def initial(self) -> dict[str, Any]:
        return {"email": self.request.member.email}

    def submit(self, data: dict[str, Any]) -> Response:
        limiter_of(self.request.registry).hit("verify_account", str(self.request.member.id))
        db, member = self.request.dbsession, self.request.member
        verification.correct_email(db, member.id, data["email"], client_of(self.request))
        self.request.flash(_("We have sent a mail to ${email}", mapping={"email": data["email"]}))
        return self.redirect("users.verify")


class VerifyLink(MailedLink):
    """Verifies the address that the link was mailed to."""

    purpose = USER.TokenPurpose.VERIFY_EMAIL
    title = _("Verify your address")
    question = _("One press and it is done.")
    button = _("Verify my address")
    instead = ("users.verify", _("Send me a new mail"))

    def page(self, problem: str = "", question: str = "") -> Response:
        member = self.request.identity
        if (
            problem == self.over
            and member
            and member.verified
            and member.mail_stopped_at is None
            and self.is_own()
        ):
            # Who opens it once more has nothing left to do.
            words = _("Your address ${email} is verified", mapping={"email": member.email})
            self.request.flash(words, "info")
            return self.onward()
        return super().page(problem, question)

    def is_own(self) -> bool:
        """Whether it is the link that the member's own address was verified with, or could have been."""
        return tokens.is_spent(self.request.dbsession, self.token, self.purpose, self.request.member.id)

    def act(self) -> Response:
        user = verification.verify_by_token(self.request.dbsession, self.token, client_of(self.request))
        self.request.flash(_("Thank you ${name}, your address is verified", mapping={"name": user.title}))
        if user.approval is USER.Approval.WAITING:
            return HTTPSeeOther(url(self.request, "users.waiting"))
        return self.onward()
