"""Signing in and out."""

from collections.abc import Sequence
from typing import Any

import deform
from pyramid.httpexceptions import HTTPSeeOther
from pyramid.response import Response

from myproject.forms.view import FormView
from myproject.i18n import _
from myproject.security.cookies import cookies_of
from myproject.security.passwords import hasher_of
from myproject.security.policy import end_session
from myproject.security.ratelimit import account_key, client_key, limiter_of
from myproject.security.redirects import local_path
from myproject.tasks import enqueue_now
from myproject.transactions import reading
from myproject.users import constants as USER
from myproject.users import errors, schemas, tasks
from myproject.users.services import sign_ins, steps
from myproject.users.views.client import client_of
from myproject.users.views.device import device_of
from myproject.users.views.enter import STEP_COOKIE, enter
from myproject.web.request import Request
from myproject.web.templating import url


class Login(FormView):
    """Signs in by nickname or address and password, and goes where the visitor wanted to be."""

    schema = schemas.Login
    title = _("Sign in")
    template = "myproject:templates/users/login.html"
    buttons = (deform.Button("login_button", _("Sign in")),)

    def get(self) -> Response:
        if self.request.identity is not None:
            return HTTPSeeOther(self.target())
        return super().get()

    def target(self) -> str:
        """Where to go once signed in: the `next` of the query where it is a path of ours."""
        return local_path(self.request.GET.get("next"), url(self.request, "users.home"))

    def submit(self, data: dict[str, Any]) -> Response:
        request = self.request
        limiter = limiter_of(request.registry)
        with reading(request) as db:
            accounts = sign_ins.find_credentials(db, data["login"])
        # By what was typed, and not by the account behind it: that would tell which name and which address are of
        # one account. It has both, so that twice as many guesses get through as the limit says.
        account = account_key(data["login"])
        # Of an address, a browser of its verified owner only: that one of another has tries of its own would tell
        # whether there is a verified owner, or would be as many tries at the owner's password.
        device = device_of(request, accounts[0])
        if device:
            # Strangers can't use up the tries of a browser that its owner signed in with before, and neither can
            # who shares their network.
            limiter.hit("login_device", device)
        else:
            limiter.hit("login_address", client_key(request.client_addr))
            limiter.hit("login_account", account)
            limiter.hit("login_site", "site")
        # No transaction is open while hashes are computed. Each place costs one, whether or not an account is in
        # it, and whichever is right.
        hasher = hasher_of(request.registry)
        rights = [hasher.check(data["password"], found.password if found else None) for found in accounts]
        credentials = next((found for found, right in zip(accounts, rights, strict=True) if right), None)
        if credentials is None or credentials.password is None:
            self.note_failure(account, accounts)
            raise errors.WrongCredentials
        outdated = hasher.is_outdated(credentials.password)
        days = request.site.retention_sessions_days if data["remember"] else None
        opened = sign_ins.sign_in(
            request.dbsession,
            credentials,
            client_of(request),
            remember_days=days,
            new_hash=hasher.hash(data["password"]) if outdated else None,
        )
        minimum = request.site.password_minimum(staff=opened.user.role <= USER.Role.STAFF)
        if len(data["password"]) < minimum:
            # Who has become staff since may have a shorter one than staff may choose.
            request.flash(
                _(
                    "Your password is short for what you may do here. Choose one of at least ${min} characters.",
                    mapping={"min": minimum},
                ),
                "warning",
            )
            return enter(request, opened, days, url(request, "users.password"))
        return enter(request, opened, days, self.target())

    def note_failure(self, account: str, accounts: Sequence[sign_ins.Credentials | None]) -> None:
        """Has all who may be meant see the failure in their history; in tasks, and asked for where there is no
        account too, so that the answer takes as long. Once a minute for what was typed: nobody fills the queue.
        """
        registry, client = self.request.registry, client_of(self.request)
        if not limiter_of(registry).once("failed_sign_in", account, 60):
            return
        for found in accounts:
            enqueue_now(
                registry,
                tasks.note_failed_sign_in,
                user_id=found.id if found else None,
                address=client.address,
                user_agent=client.user_agent[: USER.USER_AGENT_MAX_LENGTH],
            )


def logout(request: Request) -> Response:
    """Ends the session's row, so that a copied cookie is worth nothing, and forgets what the browser stored."""
    sign_ins.sign_out(request.dbsession, request.session_token)
    end_session(request)
    cookies = cookies_of(request.registry)
    steps.drop_step(request.dbsession, cookies.get(request, STEP_COOKIE))
    cookies.delete(request, STEP_COOKIE)
    request.flash(_("You have signed out"))
    response = HTTPSeeOther(url(request, "posts.list"))
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response
