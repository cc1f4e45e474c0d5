"""The second factor: shown at a sign-in, set up, renewed and turned off."""

from typing import Any
from urllib.parse import quote

import colander
import deform
from markupsafe import Markup
from pyramid.httpexceptions import HTTPSeeOther
from pyramid.renderers import render_to_response
from pyramid.response import Response

from myproject.db import sessions_of
from myproject.errors import InputError
from myproject.forms.view import FormView
from myproject.i18n import _
from myproject.security import totp
from myproject.security.cookies import cookies_of
from myproject.security.keys import keys_of
from myproject.security.policy import lacks_second_factor
from myproject.security.ratelimit import RateLimited, limiter_of
from myproject.security.redirects import local_path
from myproject.settings_users import SecondFactorFor
from myproject.transactions import commit, reading
from myproject.users import constants as USER
from myproject.users import errors, schemas
from myproject.users.models import User
from myproject.users.services import passkeys, second_factor, sign_ins
from myproject.users.views.client import client_of
from myproject.users.views.device import device_with_factor, fingerprint, remember_device
from myproject.users.views.enter import STEP_COOKIE, WaitingSignIn, enter
from myproject.users.views.lost_second_factor import warning
from myproject.web.request import Request
from myproject.web.templating import url

ADDING_COOKIE = "authenticator"


class ShowSecondFactor(WaitingSignIn):
    """The second half of a sign-in: a code of the app, or a recovery code."""

    title = _("Second factor")
    template = "myproject:templates/users/second_factor.html"
    buttons = (deform.Button("enter", _("Sign in")),)

    def __init__(self, request: Request) -> None:
        self.recovery = "recovery" in request.GET
        super().__init__(request)

    def make_schema(self) -> colander.SchemaNode:
        return schemas.recovery_code() if self.recovery else schemas.app_code()

    def target(self) -> str:
        """Where to go once signed in: the `next` of the query where it is a path of ours."""
        return local_path(self.request.GET.get("next"), url(self.request, "users.home"))

    def values(self) -> dict[str, Any]:
        with reading(self.request) as db:
            has_passkey = self.user_id is not None and passkeys.has_passkey(db, self.user_id)
        here = url(self.request, "users.second_factor") + self.onward()
        return {"recovery": self.recovery, "here": here, "has_passkey": has_passkey}

    def onward(self) -> str:
        return "?next=" + quote(self.target(), safe="/")

    def submit(self, data: dict[str, Any]) -> Response:
        request = self.request
        assert self.user_id is not None
        limiter = limiter_of(request.registry)
        with reading(request) as db:
            credentials = sign_ins.credentials_of(db, self.user_id)
        device = device_with_factor(request, credentials)
        row = str(self.user_id), fingerprint(credentials.password), "known" if device else "new"
        # Who knows only the password can't use up the tries of the browsers that its owner signed in with before;
        # and another password begins those of new browsers, and the row of failures, anew, for who knows only the
        # old one gets no further than that. The tries of a day end for all passwords together: somebody who reads
        # the owner's mails may set as many as they like. Those with one leave some for the owner's next.
        if device:
            limiter.hit("second_factor_device", device)
        else:
            try:
                limiter.hit("second_factor_password", *row)
            except RateLimited as error:
                return self.too_many(error)
            limiter.hit("second_factor_account", str(self.user_id))
        keys, client = keys_of(request.registry), client_of(request)
        try:
            # Of its own, and whole: a wrong code counts though the answer to it is no success.
            with sessions_of(request.registry).writing() as db:
                failures = limiter.fail_within(db, "second_factor_failures", *row)
                opened = second_factor.try_code(db, keys, self.token, data["code"], client)
                if opened is None:
                    second_factor.tell_of_failures(db, self.user_id, failures, client)
                else:
                    limiter.forgive_within(db, "second_factor_failures", *row)
        except errors.StepGone:
            return self.begin_again()
        except RateLimited as error:
            return self.too_many(error)
        if opened is None:
            raise errors.SecondFactorWrong
        cookies_of(request.registry).delete(request, STEP_COOKIE)
        return enter(request, opened, opened.remember_days, self.target())

    def too_many(self, error: RateLimited) -> Response:
        """The form, which takes no code until there is another password."""
        self.refuse(errors.TooManyWrongCodes.message)
        response = self.page(429)
        response.headers["Retry-After"] = str(error.retry_after)
        return response


def show_settings(request: Request) -> dict[str, Any]:
    """Whether there is a second factor, and what can be done about that."""
    user = request.dbsession.get_one(User, request.member.id)
    return {
        "since": user.second_factor_at,
        "codes_left": second_factor.count_recovery_codes(request.dbsession, user.id),
        "few_codes": second_factor.few_recovery_codes(request.dbsession, request.member),
        "verified": user.verified,
        "lacking": lacks_second_factor(request),
        "use_passkey": must_use_passkey(request),
        "required": is_required(request),
    } | warning(request)


def is_required(request: Request) -> bool:
    """Whether the member's role must have a second factor."""
    return request.site.users_require_second_factor is SecondFactorFor.STAFF and request.member.is_staff


def must_use_passkey(request: Request) -> bool:
    """Whether the member has yet to show a passkey of theirs, as their role needs a second factor: who has only
    their password must not get by that with an app of their own.
    """
    return lacks_second_factor(request) and passkeys.has_passkey(request.dbsession, request.member.id)


def begin_adding(request: Request) -> Response:
    """Begins to add an authenticator, or another in place of the one there is."""
    if must_use_passkey(request):
        return HTTPSeeOther(url(request, "users.second_factor.settings"))
    if not request.member.verified:
        # Who signs up with somebody else's address must not be able to lock them out for good.
        request.flash(_("Verify your address first"), "info")
        return HTTPSeeOther(url(request, "users.verify"))
    token = second_factor.begin_adding(request.dbsession, keys_of(request.registry), request.member.id)
    cookies_of(request.registry).set(request, ADDING_COOKIE, token, USER.STEP_MINUTES * 60)
    return HTTPSeeOther(url(request, "users.second_factor.add"))


class AddAuthenticator(FormView):
    """Shows the secret of a new authenticator, as QR code and as text, and takes its first code."""

    title = _("Set up an authenticator app")
    template = "myproject:templates/users/second_factor_add.html"
    buttons = (deform.Button("confirm", _("Turn on")),)

    def __init__(self, request: Request) -> None:
        self.token = cookies_of(request.registry).get(request, ADDING_COOKIE)
        keys = keys_of(request.registry)
        with reading(request) as db:
            self.secret = second_factor.find_adding(db, keys, self.token, request.member.id)
        super().__init__(request)

    def make_schema(self) -> colander.SchemaNode:
        return schemas.app_code()

    def values(self) -> dict[str, Any]:
        assert self.secret is not None
        name = totp.address(self.secret, self.request.member.name, self.request.site.site_title)
        return {
            # Made by the library of nothing but the code's own squares.
            "qr_code": Markup(totp.qr_code(name)),  # noqa: S704
            "secret": totp.grouped(self.secret),
            "address": name,
        }

    def get(self) -> Response:
        return self.begin_again() if self.secret is None else super().get()

    def post(self) -> Response:
        return self.begin_again() if self.secret is None else super().post()

    def expired(self) -> Response:
        return self.begin_again() if self.secret is None else super().expired()

    def begin_again(self) -> Response:
        if self.token:
            cookies_of(self.request.registry).delete(self.request, ADDING_COOKIE)
            self.request.flash(errors.StepGone.message, "error")
        return self.redirect("users.second_factor.settings")

    def submit(self, data: dict[str, Any]) -> Response:
        request = self.request
        keys, member = keys_of(request.registry), request.member
        try:
            codes = second_factor.turn_on(
                request.dbsession,
                keys,
                self.token,
                data["code"],
                user_id=member.id,
                session_id=member.session_id,
                client=client_of(request),
            )
        except errors.StepGone:
            return self.begin_again()
        cookies_of(request.registry).delete(request, ADDING_COOKIE)
        # No other browser has tries of its own at what is asked for from now on.
        remember_device(request, request.dbsession.get_one(User, member.id))
        return show_codes(request, codes, added=True)


def renew_codes(request: Request) -> Response:
    """New recovery codes, shown this once."""
    db, keys = request.dbsession, keys_of(request.registry)
    try:
        codes = second_factor.renew_recovery_codes(db, keys, request.member.id, client_of(request))
    except InputError as error:
        request.flash(error.message, "error")
        return HTTPSeeOther(url(request, "users.second_factor.settings"))
    return show_codes(request, codes, added=False)


def show_codes(request: Request, codes: list[str], *, added: bool) -> Response:
    """The recovery codes, in the answer to the form that made them: nothing keeps them for a further page."""
    commit(request)
    values = {"codes": codes, "added": added}
    return render_to_response("myproject:templates/users/second_factor_codes.html", values, request=request)


def turn_off(request: Request) -> Response:
    """Turns the second factor off, unless the member's role must have one."""
    if is_required(request):
        request.flash(_("Your role needs a second factor: you can set up another, but not turn it off"), "error")
    else:
        member = request.member
        second_factor.turn_off(request.dbsession, member.id, member.session_id, client_of(request))
        request.flash(_("The second factor is off. Every other device is signed out."))
    return HTTPSeeOther(url(request, "users.second_factor.settings"))
