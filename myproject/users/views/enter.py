"""The end of every way in: cookies, a greeting, and on to where the visitor wanted to be."""

from datetime import timedelta
from urllib.parse import quote

from pyramid.httpexceptions import HTTPSeeOther
from pyramid.response import Response
from sqlalchemy.orm import Session

from myproject.db import utc_now
from myproject.forms.view import FormView
from myproject.i18n import _
from myproject.security.cookies import cookies_of
from myproject.security.policy import begin_session
from myproject.security.terms import terms_address, terms_due
from myproject.transactions import reading
from myproject.users import constants as USER
from myproject.users import errors
from myproject.users.services import history, sign_ins, steps
from myproject.users.views.client import client_of
from myproject.users.views.device import is_known_device, remember_device
from myproject.web.request import Request
from myproject.web.templating import url

STEP_COOKIE = "step"


class WaitingSignIn(FormView):
    """A form for somebody whose password was right a moment ago: their sign-in waits in this browser."""

    def __init__(self, request: Request) -> None:
        self.token = cookies_of(request.registry).get(request, STEP_COOKIE)
        with reading(request) as db:
            step = steps.find_step(db, self.token, USER.Step.SECOND_FACTOR)
        # Whose sign-in it is.
        self.user_id: int | None = None if step is None else step.user_id
        super().__init__(request)

    def get(self) -> Response:
        return self.begin_again() if self.user_id is None else super().get()

    def post(self) -> Response:
        return self.begin_again() if self.user_id is None else super().post()

    def expired(self) -> Response:
        return self.begin_again() if self.user_id is None else super().expired()

    def begin_again(self) -> Response:
        """Nothing waits here, or no longer: back to the first factor, or on where somebody is signed in."""
        if self.token:
            cookies_of(self.request.registry).delete(self.request, STEP_COOKIE)
            self.request.flash(errors.StepGone.message, "error")
        return HTTPSeeOther(url(self.request, "users.login") + self.onward())

    def onward(self) -> str:
        """The query by which signing in knows where to go then."""
        return ""


def enter(
    request: Request, opened: sign_ins.Opened, remember_days: int | None, target: str, db: Session | None = None
) -> Response:
    """Gives the browser what `open_session` opened, and leads to `target`, a path of ours: by way of the second
    factor where that is still due. `db` is the session that it was opened in, where that is not the request's.
    """
    if opened.needs_second_factor:
        cookies_of(request.registry).set(request, STEP_COOKIE, opened.token, USER.STEP_MINUTES * 60)
        return HTTPSeeOther(url(request, "users.second_factor") + "?next=" + quote(target, safe="/"))
    if request.session_token:
        # A new sign-in in a browser that has one ends the old one: no session outlives its owner's change.
        sign_ins.sign_out(db or request.dbsession, request.session_token)
    begin_session(request, opened.token, remember_days * 86_400 if remember_days else None)
    silence = silent_since(request, opened)
    if silence or not is_known_device(request, opened.user.id):
        # OWASP ASVS 5.0: 6.3.5.
        event = USER.SecurityEvent.SIGNED_IN
        history.mail_notice(db or request.dbsession, opened.user, event, client_of(request), silence)
    remember_device(request, opened.user)
    request.flash(_("Welcome ${name}", mapping={"name": opened.user.title}))
    if terms_due(opened.user.terms_version, request.site.site_terms_version):
        target = terms_address(request, target)
    if opened.user.deletion != USER.Deletion.NONE:
        target = url(request, "users.delete")
    return HTTPSeeOther(target)


def silent_since(request: Request, opened: sign_ins.Opened) -> str:
    """The day (ISO 8601) of the sign-in before this one, where that is so long ago that the owner should be told
    by mail, from whatever browser; else the empty string.
    """
    before = opened.last_signed_in_at
    if before is None or utc_now() - before < timedelta(days=request.site.users_silence_days):
        return ""
    return before.date().isoformat()


def enter_afresh(request: Request, target: str, way: USER.Way | None = None) -> Response:
    """The end of every way to a fresh sign-in: the member has just proved once more who they are, by `way` where
    that makes the sign-in better than it was, and goes on to `target`, a path of ours.
    """
    token, max_age = sign_ins.renew_session(request.dbsession, request.member.session_id, way)
    begin_session(request, token, max_age)
    return HTTPSeeOther(target)
