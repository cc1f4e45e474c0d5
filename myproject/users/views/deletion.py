"""Leaving, and thinking better of it."""

from typing import Any

import deform
from pyramid.httpexceptions import HTTPSeeOther
from pyramid.response import Response

from myproject.forms.view import FormView
from myproject.i18n import _
from myproject.security.policy import end_session
from myproject.transactions import reading
from myproject.users import constants as USER
from myproject.users import schemas
from myproject.users.models import User
from myproject.users.services import deletion
from myproject.users.views.client import client_of
from myproject.users.views.mailed_links import MailedLink
from myproject.web.request import Request
from myproject.web.templating import url

CHOICES = {"keep": USER.Deletion.KEEP_POSTS, "remove": USER.Deletion.REMOVE_POSTS}


class DeleteAccount(FormView):
    """Says what happens, and lets a member shut their account; who has done so may keep it here."""

    schema = schemas.DeleteAccount
    title = _("Delete your account")
    template = "myproject:templates/users/delete.html"
    buttons = (deform.Button("delete", _("Delete my account"), css_class="button-danger"),)

    def values(self) -> dict[str, Any]:
        with reading(self.request) as db:
            delete_after = db.get_one(User, self.request.member.id).delete_after
        return {"delete_after": delete_after, "days": USER.DELETION_DAYS}

    def submit(self, data: dict[str, Any]) -> Response:
        request = self.request
        user = deletion.ask_for_deletion(
            request.dbsession, request.member.id, CHOICES[data["posts"]], client_of(request)
        )
        end_session(request)
        if user.verified:
            words = _("Your account is shut. We have sent you a mail with a link to keep it after all.")
        else:
            words = _("Your account is shut. If you think better of it, sign in and keep it.")
        request.flash(words)
        return self.redirect("posts.list")


def undo(request: Request) -> Response:
    """Keeps the account of a member who has signed in again."""
    deletion.keep_account(request.dbsession, request.member.id, client_of(request))
    request.flash(_("Your account stays. It is good to have you back."))
    return HTTPSeeOther(url(request, "users.home"))


class KeepLink(MailedLink):
    """Keeps the account of who has asked for it to be deleted."""

    purpose = USER.TokenPurpose.KEEP_ACCOUNT
    title = _("Keep your account?")
    question = _("One press and everything is as it was.")
    button = _("Keep my account")
    over = _(
        "This link has been used, or is too old. As long as your account is there, you can keep it by signing in."
    )
    instead = ("users.login", _("Sign in"))

    def act(self) -> Response:
        deletion.keep_by_token(self.request.dbsession, self.token, client_of(self.request))
        self.request.flash(_("Your account stays. It is good to have you back."))
        return self.onward()
