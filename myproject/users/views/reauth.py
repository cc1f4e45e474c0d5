"""The password once more, before what is dangerous (see security/reauth.py)."""

from typing import Any

import deform
from pyramid.response import Response

from myproject.forms.view import FormView
from myproject.i18n import _
from myproject.security.passwords import hasher_of
from myproject.security.ratelimit import limiter_of
from myproject.security.redirects import local_path
from myproject.transactions import reading
from myproject.users import constants as USER
from myproject.users import errors, schemas
from myproject.users.services import connections, passkeys, sign_ins
from myproject.users.views.enter import enter_afresh
from myproject.web.request import Request
from myproject.web.templating import url


class Reauth(FormView):
    """Makes the sign-in fresh by the password. Who has none proves it by what they sign in with."""

    schema = schemas.Reauth
    title = _("Prove that it is you")
    template = "myproject:templates/users/reauth.html"
    buttons = (deform.Button("prove", _("Go on")),)

    def values(self) -> dict[str, Any]:
        with reading(self.request) as db:
            credentials = sign_ins.credentials_of(db, self.request.member.id)
            has_passkey = passkeys.has_passkey(db, self.request.member.id)
            providers = connections.provable(db, self.request.member.id, self.request.site.oidc)
        return {
            "has_password": credentials.password is not None,
            "has_passkey": has_passkey,
            "providers": providers,
            "next": self.target(),
            "minutes": USER.REAUTH_MINUTES,
        }

    def target(self) -> str:
        """Where to go then: the `next` of the query where it is a path of ours."""
        return local_path(self.request.GET.get("next"), url(self.request, "users.security"))

    def submit(self, data: dict[str, Any]) -> Response:
        check_password(self.request, data["password"])
        if "next" not in self.request.GET:
            self.request.flash(_("Thank you. Now go on where you were, in the other tab."))
        return enter_afresh(self.request, self.target())


def check_password(request: Request, password: str) -> sign_ins.Credentials:
    """Checks the member's own password, before the request's transaction begins: hashing is slow.

    Raises NotYourPassword, or RateLimited: the limit is the member's own, and strangers can't use it up.
    """
    limiter_of(request.registry).hit("reauth_account", str(request.member.id))
    with reading(request) as db:
        credentials = sign_ins.credentials_of(db, request.member.id)
    if not hasher_of(request.registry).check(password, credentials.password):
        raise errors.NotYourPassword
    return credentials
