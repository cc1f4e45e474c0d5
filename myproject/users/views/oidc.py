"""Signing in, registering and connecting by way of a third party: going there, and coming back.

The browser leaves by a page that leads on at once, and not by a redirect: `form-action 'self'` would hold for
wherever the third party sends it next, which nobody here knows.
"""

import logging
import time
from enum import StrEnum
from typing import Any

import colander
import deform
from pyramid.httpexceptions import HTTPNotFound, HTTPSeeOther
from pyramid.renderers import render_to_response
from pyramid.response import Response

from myproject.db import sessions_of
from myproject.errors import InputError
from myproject.forms.schema import EmailType
from myproject.forms.view import FormView
from myproject.i18n import _
from myproject.pagination import row_number
from myproject.security import oidc
from myproject.security.cookies import cookies_of
from myproject.security.policy import begin_session
from myproject.security.ratelimit import client_key, limiter_of
from myproject.security.redirects import local_path
from myproject.settings_users import Registration
from myproject.transactions import reading, release
from myproject.users import constants as USER
from myproject.users import errors, schemas
from myproject.users.services import connections, names, registration, sign_ins, steps
from myproject.users.views.client import client_of
from myproject.users.views.device import remember_device
from myproject.users.views.enter import enter
from myproject.web.request import Request
from myproject.web.templating import url

log = logging.getLogger(__name__)

# What is on its way in two tabs at once must not be mixed up: each has a cookie.
PROVIDER_COOKIE = "provider"
REGISTRATION_COOKIE = "joining"
COOKIE_SECONDS = USER.STEP_MINUTES * 60
# No invitation of ours is longer, and what comes along is stored.
INVITATION_MAX_LENGTH = 100
RETRY_SECONDS = 10


class Purpose(StrEnum):
    """What somebody goes to a third party for."""

    SIGN_IN = "sign_in"
    CONNECT = "connect"
    PROVE = "prove"


def client_for(request: Request) -> oidc.Client:
    """The context of `/users/oidc/PROVIDER/`. Raises HTTPNotFound where the settings have no such provider."""
    client = oidc.clients_of(request.registry).get(request.matchdict["provider"])
    if client is None:
        raise HTTPNotFound
    return client


def problem(request: Request, party: oidc.Client, status: int) -> Response:
    """The page that says that the third party does not answer (503), or that its answer proves nothing (400)."""
    values = {"provider": party.provider, "away": status == 503}
    response = render_to_response("myproject:templates/users/provider_problem.html", values, request=request)
    response.status_int = status
    if status == 503:
        response.headers["Retry-After"] = str(RETRY_SECONDS)
    return response


# Going


def depart(
    request: Request, party: oidc.Client, purpose: Purpose, *, target: str, invitation: str = ""
) -> Response:
    """Sends the browser to the third party; where it comes back, it is to have `purpose` and go on to `target`."""
    limiter_of(request.registry).hit("provider_address", client_key(request.client_addr))
    try:
        departure = party.begin(again=purpose is Purpose.PROVE)
    except (oidc.Away, oidc.Refused) as error:
        log.warning("oidc: %s", error)
        return problem(request, party, 503)
    data = {
        "provider": party.provider.name,
        "purpose": purpose,
        "target": target,
        "invitation": invitation,
        "sent_at": int(time.time()),
        "memory": departure.memory,
    }
    member_id = None if purpose is Purpose.SIGN_IN else request.member.id
    token = steps.begin_step(request.dbsession, USER.Step.PROVIDER, data, user_id=member_id)
    cookies_of(request.registry).set(request, PROVIDER_COOKIE, token, COOKIE_SECONDS)
    values = {"provider": party.provider, "address": departure.url}
    response = render_to_response("myproject:templates/users/provider_leave.html", values, request=request)
    # At once, with scripts and without (HTML, 7.4.6: shared declarative refresh steps).
    response.headers["Refresh"] = f"0; url={departure.url}"
    return response


def start(party: oidc.Client, request: Request) -> Response:
    target = local_path(request.POST.get("next"), url(request, "users.home"))
    invitation = request.POST.get("invitation", "")
    if not isinstance(invitation, str) or len(invitation) > INVITATION_MAX_LENGTH:
        invitation = ""
    return depart(request, party, Purpose.SIGN_IN, target=target, invitation=invitation)


def prove(party: oidc.Client, request: Request) -> Response:
    """A fresh sign-in, for members who have no password."""
    target = local_path(request.POST.get("next"), url(request, "users.security"))
    return depart(request, party, Purpose.PROVE, target=target)


# Coming back


def come_back(party: oidc.Client, request: Request) -> Response:
    """The third party sends the browser here, by GET as the standard has it: the one address that writes on a safe
    method. Its step is single use, and only the browser that began it has its cookie.

    What is slow, the calls to the third party, happens between two short transactions.
    """
    limiter_of(request.registry).hit("provider_address", client_key(request.client_addr))
    cookies = cookies_of(request.registry)
    token, answer = cookies.get(request, PROVIDER_COOKIE), dict(request.GET)
    back = url(request, "users.connections" if request.identity else "users.login")
    with reading(request) as db:
        step = steps.find_step(db, token, USER.Step.PROVIDER)
    ours = step is not None and step.data["provider"] == party.provider.name
    if not ours or not oidc.same_state(step.data["memory"], answer):
        return problem(request, party, 400)
    cookies.delete(request, PROVIDER_COOKIE)
    release(request)
    try:
        with sessions_of(request.registry).writing() as db:
            step = steps.end_step(db, token, USER.Step.PROVIDER)
        person = party.finish(step.data["memory"], answer)
    except oidc.Away as error:
        log.warning("oidc: %s", error)
        return problem(request, party, 503)
    except (oidc.Refused, errors.StepGone) as error:
        log.warning("oidc: refused: %s", error)
        return problem(request, party, 400)
    except oidc.Cancelled:
        request.flash(_("You have not signed in at ${label}", mapping={"label": party.provider.title}), "info")
        return HTTPSeeOther(back)
    try:
        return ARRIVALS[Purpose(step.data["purpose"])](request, party, person, step)
    except InputError as error:
        request.flash(error.message, "error")
        return HTTPSeeOther(back)


def arrive_to_sign_in(request: Request, party: oidc.Client, person: oidc.Person, step: Any) -> Response:
    with sessions_of(request.registry).writing() as db:
        opened = connections.sign_in(db, person, client_of(request))
        if opened is not None:
            return enter(request, opened, None, step.data["target"], db)
        if request.identity is not None:
            # Never by itself: somebody may have led this browser here with an account of their own.
            request.flash(_("This account elsewhere is not connected to yours. You can connect it here."), "info")
            return HTTPSeeOther(url(request, "users.connections"))
        email = usable_email(person.email)
        data = {
            "provider": party.provider.name,
            "person": vars(person) | {"email": email, "email_verified": person.email_verified and bool(email)},
            "target": step.data["target"],
            "invitation": step.data["invitation"],
        }
        token = steps.begin_step(db, USER.Step.PROVIDER_REGISTRATION, data)
    cookies_of(request.registry).set(request, REGISTRATION_COOKIE, token, COOKIE_SECONDS)
    return HTTPSeeOther(url(request, "users.oidc.register", provider=party.provider.name))


def arrive_to_connect(request: Request, party: oidc.Client, person: oidc.Person, step: Any) -> Response:
    if request.identity is None or request.member.id != step.user_id:
        return problem(request, party, 400)
    with sessions_of(request.registry).writing() as db:
        connections.connect(db, request.member.id, party.provider, person, client_of(request))
    request.flash(_("You can now sign in with ${label}", mapping={"label": party.provider.title}))
    return HTTPSeeOther(step.data["target"])


def arrive_to_prove(request: Request, party: oidc.Client, person: oidc.Person, step: Any) -> Response:
    if request.identity is None or request.member.id != step.user_id:
        return problem(request, party, 400)
    with sessions_of(request.registry).writing() as db:
        # The same account elsewhere, and not only some account, has to prove it, and just now.
        fresh = oidc.is_fresh(person, step.data["sent_at"])
        if connections.find_owner(db, person) != request.member.id or not fresh:
            raise errors.NotProved
        token, max_age = sign_ins.renew_session(db, request.member.session_id)
    begin_session(request, token, max_age)
    return HTTPSeeOther(step.data["target"])


ARRIVALS = {
    Purpose.SIGN_IN: arrive_to_sign_in,
    Purpose.CONNECT: arrive_to_connect,
    Purpose.PROVE: arrive_to_prove,
}


def usable_email(text: str) -> str:
    """An address as our forms take it; empty where it is none."""
    node = colander.SchemaNode(EmailType())
    try:
        value = node.typ.deserialize(node, text)
    except colander.Invalid:
        return ""
    return "" if value is colander.null else str(value)


# Registering


class RegisterByProvider(FormView):
    """Makes an account for somebody whom a third party knows: asks what that can't tell, and the terms."""

    title = _("Register")
    template = "myproject:templates/users/provider_register.html"
    buttons = (deform.Button("register", _("Register")),)

    def __init__(self, request: Request) -> None:
        self.provider = request.context.provider
        self.token = cookies_of(request.registry).get(request, REGISTRATION_COOKIE)
        with reading(request) as db:
            step = steps.find_step(db, self.token, USER.Step.PROVIDER_REGISTRATION)
        known = step is not None and step.data["provider"] == self.provider.name
        self.data: dict[str, Any] = step.data if known else {}
        self.person = oidc.Person(**self.data["person"]) if known else None
        super().__init__(request)

    def make_schema(self) -> colander.SchemaNode:
        return schemas.provider_registration(
            ask_email=self.person is None or not self.person.email_verified,
            ask_reason=self.request.site.users_registration is Registration.APPROVAL,
        )

    def get(self) -> Response:
        return super().get() if self.person else self.begin_again()

    def post(self) -> Response:
        return super().post() if self.person else self.begin_again()

    def expired(self) -> Response:
        return super().expired() if self.person else self.begin_again()

    def begin_again(self) -> Response:
        self.request.flash(errors.StepGone.message, "info")
        return self.redirect("users.login")

    def initial(self) -> dict[str, Any]:
        assert self.person is not None
        with reading(self.request) as db:
            name = connections.suggest_name(db, self.person.name)
        return {"name": name, "email": self.person.email}

    def values(self) -> dict[str, Any]:
        assert self.person is not None
        with reading(self.request) as db:
            has_owner = connections.has_owner(db, self.person)
            try:
                registration.check_admission(db, self.request.site.users_registration, self.data["invitation"])
                refusal = ""
            except InputError as error:
                refusal = error.message
        return {
            "provider": self.provider,
            "person": self.person,
            "has_owner": has_owner,
            "refusal": refusal,
            "needs_approval": self.request.site.users_registration is Registration.APPROVAL,
        }

    def submit(self, data: dict[str, Any]) -> Response:
        request, site, person = self.request, self.request.site, self.person
        assert person is not None
        limiter, address = limiter_of(request.registry), client_key(request.client_addr)
        limiter.hit("register_tries", address)
        with reading(request) as db:
            names.check_name(db, data["name"])
        limiter.hit("register_address", address)
        db, client = request.dbsession, client_of(request)
        steps.end_step(db, self.token, USER.Step.PROVIDER_REGISTRATION)
        admission = registration.admit(
            db, site.users_registration, invitation=self.data["invitation"], reason=data.get("reason", "")
        )
        user = connections.register(
            db,
            self.provider,
            person,
            name=data["name"],
            email=data.get("email") or person.email,
            client=client,
            admission=admission,
            terms_version=site.site_terms_version,
        )
        cookies_of(request.registry).delete(request, REGISTRATION_COOKIE)
        if user.approval is USER.Approval.WAITING:
            return self.redirect("users.waiting")
        if request.session_token:
            sign_ins.sign_out(db, request.session_token)
        token = sign_ins.begin_session(db, user, client, None, USER.Way.REGISTRATION)
        begin_session(request, token, None)
        remember_device(request, user)
        request.flash(_("Thanks for registering"))
        return HTTPSeeOther(self.data["target"])


# Connections


class Connections:
    """A member's connections: connects another account elsewhere, or takes one away."""

    def __init__(self, request: Request) -> None:
        self.request = request

    def get(self) -> dict[str, Any]:
        rows = connections.list_connections(self.request.dbsession, self.request.member.id)
        taken = {row.provider for row in rows}
        return {
            "rows": rows,
            "titles": {provider.name: provider.title for provider in self.request.site.oidc},
            "others": [provider for provider in self.request.site.oidc if provider.name not in taken],
            "verified": self.request.member.verified,
        }

    def post(self) -> Response:
        request = self.request
        here = url(request, "users.connections")
        party = oidc.clients_of(request.registry).get(str(request.POST.get("connect", "")))
        if party is not None:
            return depart(request, party, Purpose.CONNECT, target=here)
        number = row_number(str(request.POST.get("disconnect", "")))
        if number is not None:
            self.disconnect(number)
        return HTTPSeeOther(here)

    def disconnect(self, connection_id: int) -> None:
        request = self.request
        try:
            connections.disconnect(
                request.dbsession,
                request.member.id,
                connection_id,
                request.site.oidc,
                client_of(request),
                keep_session_id=request.member.session_id,
            )
        except InputError as error:
            request.flash(error.message, "error")
        else:
            request.flash(_("This account elsewhere is disconnected"))
