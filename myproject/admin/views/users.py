"""Members as admins see them: the list, one of them."""

from typing import Any

import deform
from pyramid.httpexceptions import HTTPNotFound, HTTPSeeOther
from pyramid.response import Response
from sqlalchemy.orm import Session

from myproject import audit
from myproject.admin import constants as ADMIN
from myproject.admin import schemas, services
from myproject.admin.views.shared import Choices, changes, number_of
from myproject.emails.services import suppression
from myproject.errors import InputError
from myproject.i18n import _
from myproject.text import clean_line
from myproject.transactions import reading
from myproject.users import constants as USER
from myproject.users.models import User
from myproject.users.services import (
    invitations,
    lost_second_factor,
    names,
    passwords,
    roles,
    second_factor,
    sign_ins,
)
from myproject.web.request import Request
from myproject.web.templating import url


def list_users(request: Request) -> dict[str, Any]:
    """Members by search, role and status, newest first."""
    given = request.GET
    search = given.get("q", "").strip()[: ADMIN.SEARCH_MAX_LENGTH]
    try:
        role, status = number_of(given.get("role")), number_of(given.get("status"))
        page = services.list_users(
            request.dbsession,
            search,
            None if role is None else USER.Role(role),
            None if status is None else USER.Status(status),
            number_of(given.get("before")),
        )
    except ValueError:
        raise HTTPNotFound from None
    return {
        "page": page,
        "search": search,
        "role": role,
        "status": status,
        "role_titles": schemas.ROLE_TITLES,
        "status_titles": schemas.STATUS_TITLES,
    }


class EditUser(Choices):
    """One member: role and status, each change with a reason and an audit row."""

    schema = schemas.UserChange
    title = _("Member")
    template = "myproject:templates/admin/user.html"
    buttons = (deform.Button("save", _("Change")),)

    def lock(self, db: Session) -> None:
        roles.lock_for_change(db, audit.actor_of(self.request), self.request.context.id)

    def present(self, db: Session) -> dict[str, str]:
        user = db.get_one(User, self.request.context.id)
        return {"role": str(int(user.role)), "status": str(int(user.status))}

    def values(self) -> dict[str, Any]:
        user: User = self.request.context
        with reading(self.request) as db:
            return {
                "user": user,
                "title": user.title,
                "reason_min": ADMIN.REASON_MIN_LENGTH,
                "reason_max": audit.REASON_MAX_LENGTH,
                "own": user.id == self.request.member.id,
                "sessions": services.list_sessions(db, user.id),
                "bounces": suppression.find_record(db, user.email),
                "reset": lost_second_factor.find(db, user.id),
                "approval_titles": schemas.APPROVAL_TITLES,
                "inviter": invitations.find_inviter(db, user),
                "invited": invitations.list_invited(db, user.id),
                "former_names": names.list_former(db, user.id),
                "role_titles": schemas.ROLE_TITLES,
                "status_titles": schemas.STATUS_TITLES,
            } | changes(db, user)

    def change(self, wanted: dict[str, str], reason: str) -> Response:
        db, actor, user_id = self.request.dbsession, audit.actor_of(self.request), self.request.context.id
        if "role" in wanted:
            roles.change_role(db, actor, user_id, USER.Role(int(wanted["role"])), reason)
        if "status" in wanted:
            roles.change_status(db, actor, user_id, USER.Status(int(wanted["status"])), reason)
        self.request.flash(_("${name} is changed", mapping={"name": self.request.context.title}))
        return self.redirect("admin.users.view", id=user_id)


def shut_sessions(request: Request) -> Response:
    """Signs one member out everywhere."""
    user: User = request.context
    sign_ins.shut_sessions(request.dbsession, audit.actor_of(request), user.id)
    request.flash(_("${name} is signed out everywhere", mapping={"name": user.title}))
    return HTTPSeeOther(url(request, "admin.users.view", id=user.id))


def hasten_reset(request: Request) -> Response:
    """Says, as one of two admins, that a member who waits for their second factor to be turned off is who they say
    they are.
    """
    user: User = request.context
    actor, here = audit.actor_of(request), HTTPSeeOther(url(request, "admin.users.view", id=user.id))
    try:
        done = second_factor.hasten_reset(request.dbsession, actor, user.id, reason_in(request))
    except InputError as error:
        request.flash(error.message, "error")
    else:
        mapping = {"name": user.title}
        if done:
            request.flash(_("${name} signs in without a second factor", mapping=mapping))
        else:
            request.flash(_("For ${name} another admin has to agree now", mapping=mapping))
    return here


def start_password_reset(request: Request) -> Response:
    """Has a link to choose a new password mailed to a member: who helps them never knows the one or the other."""
    user: User = request.context
    try:
        passwords.start_reset(request.dbsession, audit.actor_of(request), user.id, reason_in(request))
    except InputError as error:
        request.flash(error.message, "error")
    else:
        request.flash(_("A link to choose a new password goes to ${name} by mail", mapping={"name": user.title}))
    return HTTPSeeOther(url(request, "admin.users.view", id=user.id))


def reason_in(request: Request) -> str:
    """The reason that was sent. Raises InputError where that says nothing."""
    reason = clean_line(request.POST.get("reason", ""))[: audit.REASON_MAX_LENGTH]
    if len(reason) < ADMIN.REASON_MIN_LENGTH:
        raise InputError(_("Write why: it stands in the audit"))
    return reason
