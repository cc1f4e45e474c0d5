"""Signing in and out."""

from typing import Any

import deform
from pyramid.httpexceptions import HTTPSeeOther
from pyramid.response import Response

from myproject.db import sessions_of
from myproject.forms.view import FormView
from myproject.i18n import _
from myproject.security.cookies import cookies_of
from myproject.security.passwords import hasher_of
from myproject.security.policy import end_session
from myproject.security.ratelimit import account_key, client_key, limiter_of
from myproject.security.redirects import local_path
from myproject.tasks import enqueue_now
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
        limiter.hit("login_address", client_key(request.client_addr))
        with sessions_of(request.registry).reading() as db:
            credentials = sign_ins.find_credentials(db, data["login"])
        # By what was typed, and not by the account behind it: that would tell which name and which address are of
        # one account. It has both, so that twice as many guesses get through as the limit says.
        account = account_key(data["login"])
        device = device_of(request, credentials)
        if device:
            # Strangers can't use up the tries of a browser that its owner signed in with before.
            limiter.hit("login_device", device)
        else:
            limiter.hit("login_account", account)
            limiter.hit("login_site", "site")
        # No transaction is open while the hash is computed, and an unknown account costs one as well.
        hasher = hasher_of(request.registry)
        right = hasher.check(data["password"], credentials.password if credentials else None)
        if credentials is None or credentials.password is None or not right:
            self.note_failure(account, credentials)
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

    def note_failure(self, account: str, credentials: sign_ins.Credentials | None) -> None:
        """Has the owner see the failure in their history; in a task, and asked for where there is no such account
        too, so that the answer takes as long. Once a minute for what was typed: nobody can fill the queue.
        """
        registry, client = self.request.registry, client_of(self.request)
        if limiter_of(registry).once("failed_sign_in", account, 60):
            enqueue_now(
                registry,
                tasks.note_failed_sign_in,
                user_id=credentials.id if credentials else None,
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
