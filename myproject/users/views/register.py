"""Registration, and what who has to wait for it reads."""

from datetime import timedelta
from typing import Any

import colander
import deform
from pyramid.response import Response
from sqlalchemy.orm import Session

from myproject.db import utc_now
from myproject.errors import InputError
from myproject.forms import once
from myproject.forms.view import FormView
from myproject.i18n import _
from myproject.security.captcha.base import Captcha, CaptchaFailed, CaptchaUnavailable, NoCaptcha
from myproject.security.captcha.provider import captcha_of
from myproject.security.cookies import cookies_of
from myproject.security.keys import keys_of
from myproject.security.passwords import hasher_of
from myproject.security.policy import begin_session
from myproject.security.ratelimit import client_key, limiter_of
from myproject.settings_users import Registration
from myproject.switches import Name, is_on_now
from myproject.transactions import reading
from myproject.users import constants as USER
from myproject.users import schemas
from myproject.users.models import User
from myproject.users.services import names, new_passwords, registration, sign_ins, tokens
from myproject.users.views.client import client_of
from myproject.users.views.device import remember_device
from myproject.web.request import Request

CAPTCHA_RETRY_SECONDS = 60
# For how long a form that is sent again leads to the account that it has made.
SENT_SECONDS = 10 * 60


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

    def get(self) -> Response:
        return self.redirect("users.home") if self.request.identity else super().get()

    def post(self) -> Response:
        return self.redirect("users.home") if self.request.identity else super().post()

    def expired(self) -> Response:
        # Who registers, goes back and sends the form again is signed in, and the form was a guest's.
        return self.redirect("users.home") if self.request.identity else super().expired()

    def submit(self, data: dict[str, Any]) -> Response:
        request, limiter = self.request, limiter_of(self.request.registry)
        # All that is slow, or needs only a look, comes before the transaction's first statement.
        address, token = client_key(request.client_addr), self.token_of(data)
        # Who mistypes may try on: few accounts are made from one place, but many forms sent. That bounds also how
        # often one may ask which nicknames are taken, and guess at the captcha.
        limiter.hit("register_tries", address)
        again = self.is_sent(token)
        if not again:
            try:
                self.check(data, address)
            except CaptchaUnavailable as error:
                self.refuse(error.message)
                # RFC 9110, 15.6.4: it is the site that can't, and not the visitor who did something wrong.
                response = self.page(503)
                response.headers["Retry-After"] = str(CAPTCHA_RETRY_SECONDS)
                return response
            except InputError:
                # Of a double click the other one may have used the answer up, or taken the name, just now.
                if not self.is_sent(token):
                    raise
                self.captcha_error = None
            again = not limiter.once("registration", token, SENT_SECONDS)
        with reading(request) as db:
            made = self.find_made(db, token) is not None
        password_hash = "" if made else self.hash_password(data["password"], None if again else address)
        user = self.account(data, token, password_hash)
        if user.approval is USER.Approval.WAITING and "reason" in data:
            # Who has gone back may have found better words.
            user.approval_reason = data["reason"]
        return self.enter(user)

    def act(self) -> Response:
        try:
            return super().act()
        except deform.ValidationFailure:
            self.note_others()
            raise

    def note_others(self) -> None:
        """Marks what else is wrong with a form that its schema refuses, as far as that can be told at once:
        passwords are typed anew in each round. Raises RateLimited.
        """
        request = self.request
        # It tells as much of nicknames and the captcha as a form that is checked to its end.
        limiter_of(request.registry).hit("register_tries", client_key(request.client_addr))
        schema = self.form.schema
        data = {
            child.name: child.schema.deserialize(child.cstruct) for child in self.form.children if not child.error
        }
        if {"password", "confirm"} <= data.keys():
            try:
                schema.validator(schema, data)
            except colander.Invalid as error:
                for wrong in error.children:
                    self.refuse(wrong.msg, wrong.node.name)
        if "name" in data:
            try:
                with reading(request) as db:
                    names.check_name(db, data["name"])
            except InputError as error:
                self.refuse(error.message, error.field)
        self.look_at_captcha()

    def look_at_captcha(self) -> None:
        """Marks the answer to the captcha where it is wrong; where it is right, it stays good."""
        try:
            captcha_for(self.request).look(self.request)
        except CaptchaFailed as error:
            self.captcha_error = self.request.translate(error.message)

    def token_of(self, data: dict[str, Any]) -> str:
        """What a form has in common with the same one sent again: the browser and what it says. Nobody else can
        make it, as it takes the guest's cookie, nor learn from it what the password is.
        """
        guest = cookies_of(self.request.registry).get(self.request, "guest")
        said = once.content_hash(guest, data["name"], data["email"], data["password"])
        return once.signature(keys_of(self.request.registry).derive("registration")[0], said)

    def is_sent(self, token: str) -> bool:
        """Whether the form of `token` has passed all checks a few minutes ago."""
        return limiter_of(self.request.registry).seen("registration", token, SENT_SECONDS)

    def find_made(self, db: Session, token: str) -> User | None:
        """The account that the form of `token` made a few minutes ago, if nothing but its password is needed to
        get in, and that is still the one.
        """
        sent = once.find_submission(db, token)
        if sent is None or utc_now() - sent.created_at > timedelta(seconds=SENT_SECONDS):
            return None
        user = db.get_one(User, sent.user_id)
        same = sent.content_hash == once.content_hash(user.password) and user.second_factor_at is None
        return user if same else None

    def check(self, data: dict[str, Any], address: str) -> None:
        """Raises RateLimited, CaptchaUnavailable, or InputError, where the form can't be taken; uses the answer to
        the captcha up.
        """
        request = self.request
        limiter_of(request.registry).check("register_address", address)
        try:
            with reading(request) as db:
                registration.check_admission(db, request.site.users_registration, invitation_of(request))
                names.check_name(db, data["name"])
        except InputError:
            self.look_at_captcha()
            raise
        try:
            captcha_for(request).verify(request)
        except CaptchaFailed as error:
            self.captcha_error = request.translate(error.message)
            # Told beside its field and, with a link to that, above the form.
            raise InputError from None

    def hash_password(self, password: str, address: str | None) -> str:
        """The hash of a password that may be chosen; counts an account made from `address`, if there is one."""
        registry = self.request.registry
        new_passwords.check_new_password(registry, password)
        if address is not None:
            limiter_of(registry).hit("register_address", address)
        return hasher_of(registry).hash(password)

    def account(self, data: dict[str, Any], token: str, password_hash: str) -> User:
        """The account that the form of `token` makes, or has made."""
        db = self.request.dbsession
        made = self.find_made(db, token)
        if made is not None:
            return made
        try:
            # With the account goes the use of the invitation.
            with db.begin_nested():
                user = self.make_account(db, data, password_hash)
        except InputError:
            # Two at once: this one has waited for the other.
            made = self.find_made(db, token)
            if made is None:
                raise
            return made
        once.claim(db, user.id, token, once.content_hash(user.password))
        return user

    def make_account(self, db: Session, data: dict[str, Any], password_hash: str) -> User:
        request, site = self.request, self.request.site
        admission = registration.admit(
            db, site.users_registration, invitation=invitation_of(request), reason=data.get("reason", "")
        )
        return registration.register(
            db,
            name=data["name"],
            email=data["email"],
            password_hash=password_hash,
            client=client_of(request),
            admission=admission,
            terms_version=site.site_terms_version,
        )

    def enter(self, user: User) -> Response:
        """Signs in who has registered, and sends them home; or to where it says that they have to wait."""
        request, db = self.request, self.request.dbsession
        if user.approval is USER.Approval.WAITING:
            return self.redirect("users.waiting")
        if request.session_token:
            sign_ins.sign_out(db, request.session_token)
        token = sign_ins.begin_session(db, user, client_of(request), None, USER.Way.REGISTRATION)
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
        self.form.captcha_error, self.form.captcha_anchor = self.captcha_error, captcha.anchor
        return super().page(status)


def waiting(request: Request) -> dict[str, Any]:
    """What happens next, for somebody who has registered where admins let people in."""
    return {}
