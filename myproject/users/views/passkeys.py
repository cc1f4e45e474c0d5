"""Passkeys: their list, and the ends of what `static/js/passkeys.js` asks for and sends.

The script gets JSON: the options for the browser; then `{"location": PATH}`, where to go; or `{"error": WORDS}`,
with `field` where one is wrong. It sends forms, as everything on the site does, whose field `credential` is JSON.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import quote, urlsplit

import colander
import deform
from pyramid.httpexceptions import HTTPNotFound, HTTPSeeOther
from pyramid.response import Response

from myproject.db import sessions_of
from myproject.errors import InputError
from myproject.forms.schema import Schema
from myproject.forms.view import FormView
from myproject.forms.words import waiting_words
from myproject.i18n import _
from myproject.security.cookies import cookies_of
from myproject.security.ratelimit import RateLimited, client_key, limiter_of
from myproject.security.reauth import is_fresh
from myproject.security.redirects import local_path
from myproject.transactions import reading
from myproject.users import constants as USER
from myproject.users import errors, schemas
from myproject.users.services import accounts, passkeys, sign_ins, steps
from myproject.users.views.client import client_of
from myproject.users.views.enter import STEP_COOKIE, enter, enter_afresh
from myproject.web.request import Request
from myproject.web.templating import url

# Holds the token of the step that remembers the challenge.
COOKIE = "passkey"

View = Callable[[Request], Response]


def for_script(view: View) -> View:
    """The view, with its redirects and what is wrong said as JSON."""

    @wraps(view)
    def answer(request: Request) -> Response:
        try:
            response = view(request)
        except InputError as error:
            return json_answer(422, error=request.translate(error.message), field=error.field)
        except RateLimited as error:
            response = json_answer(429, error=request.translate(waiting_words(error.retry_after)))
            response.headers["Retry-After"] = str(error.retry_after)
            return response
        if isinstance(response, HTTPSeeOther):
            return json_answer(location=response.location)
        return response

    return answer


def json_answer(status: int = 200, **values: Any) -> Response:
    return Response(json_body=values, status=status, content_type="application/json", charset="utf-8")


def party_of(request: Request) -> passkeys.RelyingParty:
    """The site, from its settings: the Host header has no say in it."""
    site = request.site
    return passkeys.RelyingParty(urlsplit(site.site_url).hostname or "", site.site_title, site.site_url)


def begin(request: Request, begun: tuple[str, dict[str, Any]]) -> Response:
    """Gives the browser a step's token, and its script the options."""
    token, options = begun
    cookies_of(request.registry).set(request, COOKIE, token, USER.STEP_MINUTES * 60)
    return json_answer(publicKey=options)


def count(request: Request) -> None:
    """Counts one request of the address. Raises RateLimited.

    Who only asks counts for no account: who knows a password alone could use up its owner's tries by that.
    """
    limiter_of(request.registry).hit("passkey_address", client_key(request.client_addr))


def count_account(request: Request, user_id: int) -> None:
    """Counts one passkey proved or added. Raises RateLimited."""
    limiter_of(request.registry).hit("passkey_account", str(user_id))


def target(request: Request, otherwise: str) -> str:
    """Where the page that asked for the passkey leads to."""
    return local_path(request.POST.get("next"), otherwise)


def credential(request: Request) -> str:
    sent = request.POST.get("credential")
    return sent if isinstance(sent, str) else ""


# Asking for one


def ask(request: Request, use: passkeys.Use, user_id: int | None = None) -> Response:
    count(request)
    with sessions_of(request.registry).writing() as db:
        return begin(request, passkeys.ask_for_passkey(db, party_of(request), use, user_id))


def prove(request: Request, use: passkeys.Use, user_id: int | None = None) -> int:
    """The member whose passkey has answered the challenge. Raises StepGone or PasskeyRefused.

    The challenge is spent, right or wrong, and the use counted, whatever becomes of the request.
    """
    count(request)
    sessions, cookies = sessions_of(request.registry), cookies_of(request.registry)
    with sessions.writing() as db:
        challenge = passkeys.take_challenge(db, cookies.get(request, COOKIE), use, user_id)
    cookies.delete(request, COOKIE)
    with sessions.reading() as db:
        proof = passkeys.check_answer(db, party_of(request), challenge, credential(request), user_id)
    # Only now, when the answer has turned out right: strangers can't use this limit up.
    count_account(request, proof.user_id)
    with sessions.writing() as db:
        if passkeys.count_use(db, proof, client_of(request)):
            return proof.user_id
    raise errors.PasskeyRefused


@for_script
def ask_to_sign_in(request: Request) -> Response:
    """Options for signing in with whatever passkey the visitor has: they tell nothing of any member."""
    return ask(request, passkeys.Use.SIGN_IN)


@for_script
def sign_in(request: Request) -> Response:
    user = accounts.lock_user(request.dbsession, prove(request, passkeys.Use.SIGN_IN))
    days = request.site.retention_sessions_days if request.POST.get("remember") == "true" else None
    opened = sign_ins.open_session(request.dbsession, user, client_of(request), USER.Way.PASSKEY, days)
    return enter(request, opened, days, target(request, url(request, "users.home")))


@for_script
def ask_to_prove(request: Request) -> Response:
    """Options for a fresh sign-in of the member who is signed in."""
    return ask(request, passkeys.Use.REAUTH, request.member.id)


@for_script
def prove_again(request: Request) -> Response:
    prove(request, passkeys.Use.REAUTH, request.member.id)
    return enter_afresh(request, target(request, url(request, "users.security")), USER.Way.PASSKEY)


def waiting_member(request: Request) -> int:
    """Whose sign-in waits in this browser for its second factor. Raises StepGone."""
    with reading(request) as db:
        token = cookies_of(request.registry).get(request, STEP_COOKIE)
        step = steps.find_step(db, token, USER.Step.SECOND_FACTOR)
    if step is None:
        raise errors.StepGone
    return int(step.user_id)


@for_script
def ask_for_second_factor(request: Request) -> Response:
    """Options for the second half of a sign-in: a passkey of the account whose password was right."""
    return ask(request, passkeys.Use.SECOND_FACTOR, waiting_member(request))


@for_script
def show_second_factor(request: Request) -> Response:
    cookies, db = cookies_of(request.registry), request.dbsession
    user_id = prove(request, passkeys.Use.SECOND_FACTOR, waiting_member(request))
    user = accounts.lock_user(db, user_id)
    opened = sign_ins.end_second_factor(db, cookies.get(request, STEP_COOKIE), user, client_of(request))
    cookies.delete(request, STEP_COOKIE)
    return enter(request, opened, opened.remember_days, target(request, url(request, "users.home")))


# Adding and keeping


def show_list(request: Request) -> dict[str, Any]:
    """The member's passkeys, and the form to add one."""
    rows = passkeys.list_passkeys(request.dbsession, request.member.id)
    return {
        "member": request.member,
        "passkeys": rows,
        "most": USER.PASSKEYS_MAX,
        "name_max": USER.PASSKEY_NAME_MAX_LENGTH,
    }


def unless_fresh(view: View) -> View:
    """The view for a fresh sign-in; for an older one, the way to prove it, for the script to go."""

    @wraps(view)
    def answer(request: Request) -> Response:
        if is_fresh(request):
            return view(request)
        here = quote(url(request, "users.passkeys"), safe="/")
        return json_answer(location=f"{url(request, 'users.reauth')}?next={here}")

    return answer


@unless_fresh
@for_script
def ask_to_add(request: Request) -> Response:
    """Options for a new passkey. Its name is looked at now: once the device has made one it is too late."""
    member = request.member
    count(request)
    try:
        name = schemas.PasskeyName().deserialize({"name": request.POST.get("name", "")})["name"]
    except colander.Invalid as error:
        raise InputError(error.children[0].messages()[0], "name") from None
    with sessions_of(request.registry).writing() as db:
        return begin(request, passkeys.ask_to_add(db, party_of(request), member.id, name))


@unless_fresh
@for_script
def add(request: Request) -> Response:
    """Stores what the device has made, where it is right."""
    member, cookies = request.member, cookies_of(request.registry)
    count(request)
    with sessions_of(request.registry).writing() as db:
        data = passkeys.take_adding(db, cookies.get(request, COOKIE), member.id)
    cookies.delete(request, COOKIE)
    new = passkeys.check_new(party_of(request), data, credential(request))
    count_account(request, member.id)
    passkeys.add_passkey(request.dbsession, member.id, new, client_of(request))
    request.flash(_("The passkey “${name}” is saved", mapping={"name": new.name}))
    return HTTPSeeOther(url(request, "users.passkeys"))


class OnePasskey(FormView):
    """A form about one of the member's own passkeys; anybody else's is not there."""

    template = "myproject:templates/users/passkey.html"

    def __init__(self, request: Request) -> None:
        with reading(request) as db:
            found = passkeys.find_passkey(db, request.member.id, int(request.matchdict["id"]))
        if found is None:
            raise HTTPNotFound
        self.passkey = found
        super().__init__(request)

    def values(self) -> dict[str, Any]:
        return {"passkey": self.passkey, "explanation": self.explanation}

    explanation: str = ""


class RenamePasskey(OnePasskey):
    """Gives a passkey another name."""

    schema = schemas.PasskeyName
    title = _("Rename a passkey")

    def initial(self) -> dict[str, Any]:
        return {"name": self.passkey.name}

    def submit(self, data: dict[str, Any]) -> Response:
        request = self.request
        passkeys.rename_passkey(request.dbsession, request.member.id, self.passkey.id, data["name"])
        request.flash(_("The passkey is called “${name}” now", mapping={"name": data["name"]}))
        return self.redirect("users.passkeys")


class RemovePasskey(OnePasskey):
    """Removes a passkey, once it was asked whether it should."""

    schema = Schema
    title = _("Remove a passkey")
    buttons = (deform.Button("remove", _("Remove it"), css_class="button-danger"),)
    explanation = _(
        "It will not sign you in here any more. Other devices that signed in with a passkey are signed out."
        " Delete it on your device as well, or it will go on offering it."
    )

    def submit(self, data: dict[str, Any]) -> Response:
        request, member = self.request, self.request.member
        passkeys.remove_passkey(
            request.dbsession,
            member.id,
            self.passkey.id,
            [provider.name for provider in request.site.oidc],
            client_of(request),
            keep_session_id=member.session_id,
        )
        request.flash(_("The passkey “${name}” is removed", mapping={"name": self.passkey.name}))
        return self.redirect("users.passkeys")
