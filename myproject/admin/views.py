"""The admins' screens: dashboard, members, one member, the outbox, one mail."""

from functools import partial
from typing import Any

import deform
from pyramid.httpexceptions import HTTPNotFound, HTTPSeeOther
from pyramid.response import Response
from sqlalchemy.orm import Session

from myproject import audit, switches
from myproject.admin import constants as ADMIN
from myproject.admin import schemas, services
from myproject.db import Base, reading
from myproject.emails import constants as EMAIL
from myproject.emails.models import Email
from myproject.emails.services import handling, lists
from myproject.errors import InputError
from myproject.forms.view import FormView
from myproject.i18n import _
from myproject.pagination import row_number
from myproject.users import constants as USER
from myproject.users.models import User
from myproject.users.services import approvals, invitations, names, sign_ins
from myproject.users.services.roles import change_role, change_status
from myproject.web.dates import exact
from myproject.web.request import Request
from myproject.web.templating import url


def home(request: Request) -> dict[str, Any]:
    return {"waiting": approvals.count_waiting(request.dbsession)}


def number_of(text: str | None) -> int | None:
    """A number in an address, None where there is none. Raises HTTPNotFound for anything else."""
    if not text:
        return None
    number = row_number(text)
    if number is None:
        raise HTTPNotFound
    return number


def changes(db: Session, target: Base | None) -> dict[str, Any]:
    """What `changes` of `admin/pieces.html` shows: the audit of one row, or of one that is not there yet."""
    return {
        "entries": [] if target is None else audit.list_entries(db, target),
        "action_titles": schemas.ACTION_TITLES,
        "value_titles": schemas.value_titles,
    }


def list_users(request: Request) -> dict[str, Any]:
    """Members by search, role and status, newest first."""
    given = request.GET
    search = given.get("q", "").strip()[: ADMIN.SEARCH_MAX_LENGTH]
    try:
        role, status = number_of(given.get("role")), number_of(given.get("status"))
        users, next_id = services.list_users(
            request.dbsession,
            search,
            None if role is None else USER.Role(role),
            None if status is None else USER.Status(status),
            number_of(given.get("before")),
        )
    except ValueError:
        raise HTTPNotFound from None
    return {
        "users": users,
        "next_id": next_id,
        "search": search,
        "role": role,
        "status": status,
        "role_titles": schemas.ROLE_TITLES,
        "status_titles": schemas.STATUS_TITLES,
    }


class EditUser(FormView):
    """One member: role and status, each change with a reason and an audit row."""

    schema = schemas.UserChange
    title = _("Member")
    template = "myproject:templates/admin/user.html"
    buttons = (deform.Button("save", _("Change")),)

    def initial(self) -> dict[str, Any]:
        user: User = self.request.context
        return {"role": str(int(user.role)), "status": str(int(user.status)), "reason": ""}

    def values(self) -> dict[str, Any]:
        user: User = self.request.context
        with reading(self.request) as db:
            return {
                "user": user,
                "title": user.title,
                "own": user.id == self.request.member.id,
                "sessions": services.list_sessions(db, user.id),
                "approval_titles": schemas.APPROVAL_TITLES,
                "inviter": invitations.find_inviter(db, user),
                "invited": invitations.list_invited(db, user.id),
                "former_names": names.list_former(db, user.id),
                "role_titles": schemas.ROLE_TITLES,
                "status_titles": schemas.STATUS_TITLES,
            } | changes(db, user)

    def submit(self, data: dict[str, Any]) -> Response:
        db, actor, user_id = self.request.dbsession, audit.actor_of(self.request), self.request.context.id
        change_role(db, actor, user_id, USER.Role(int(data["role"])), data["reason"])
        change_status(db, actor, user_id, USER.Status(int(data["status"])), data["reason"])
        self.request.flash(_("${name} is changed", mapping={"name": self.request.context.title}))
        return self.redirect("admin.users.view", id=user_id)


def shut_sessions(request: Request) -> Response:
    """Signs one member out everywhere."""
    user: User = request.context
    sign_ins.shut_sessions(request.dbsession, audit.actor_of(request), user.id)
    request.flash(_("${name} is signed out everywhere", mapping={"name": user.title}))
    return HTTPSeeOther(url(request, "admin.users.view", id=user.id))


class EditSettings(FormView):
    """What can be turned off while the site runs."""

    schema = schemas.Switches
    title = _("Settings")
    template = "myproject:templates/admin/settings.html"

    def initial(self) -> dict[str, Any]:
        with reading(self.request) as db:
            on = switches.is_on(db, switches.Name.CAPTCHA)
        return {"newcomers": (switches.Position.ON if on else switches.Position.OFF).value, "reason": ""}

    def values(self) -> dict[str, Any]:
        with reading(self.request) as db:
            return changes(db, switches.find_switch(db, switches.Name.CAPTCHA))

    def submit(self, data: dict[str, Any]) -> Response:
        position = switches.Position(data["newcomers"])
        actor = audit.actor_of(self.request)
        switches.turn(self.request.dbsession, actor, switches.Name.CAPTCHA, position, data["reason"])
        self.request.flash(_("The settings are saved"))
        return self.redirect("admin.settings")


def list_approvals(request: Request) -> dict[str, Any]:
    """Who waits to be let in, who came first at the top; or who was refused."""
    refused = request.GET.get("show") == "refused"
    approval = USER.Approval.REFUSED if refused else USER.Approval.WAITING
    after_id = number_of(request.GET.get("after"))
    rows = approvals.list_requests(request.dbsession, approval, after_id, ADMIN.PAGE_SIZE + 1)
    return {
        "requests": rows[: ADMIN.PAGE_SIZE],
        "next_id": rows[ADMIN.PAGE_SIZE - 1].id if len(rows) > ADMIN.PAGE_SIZE else None,
        "refused": refused,
        "message_max": audit.REASON_MAX_LENGTH,
    }


class DecideApproval(FormView):
    """One request to join: lets the person in or refuses them, each with an optional message."""

    schema = schemas.Decision
    title = _("Request to join")
    template = "myproject:templates/admin/approval.html"

    def __init__(self, request: Request) -> None:
        waits = request.context.approval is USER.Approval.WAITING
        refuse = [deform.Button("refuse", _("Refuse"))] if waits else []
        self.buttons = (deform.Button("approve", _("Let in")), *refuse)
        super().__init__(request)

    def values(self) -> dict[str, Any]:
        user: User = self.request.context
        with reading(self.request) as db:
            return {
                "user": user,
                "may_decide": user.approval is not USER.Approval.GIVEN,
                "approval_titles": schemas.APPROVAL_TITLES,
            } | changes(db, user)

    def submit(self, data: dict[str, Any]) -> Response:
        db, actor, user_id = self.request.dbsession, audit.actor_of(self.request), self.request.context.id
        name = self.request.context.name
        if "refuse" in self.request.POST:
            approvals.refuse(db, actor, user_id, data["message"])
            self.request.flash(_("${name} is refused", mapping={"name": name}))
        elif "approve" in self.request.POST:
            approvals.approve(db, actor, user_id, data["message"])
            self.request.flash(_("${name} is let in", mapping={"name": name}))
        else:
            raise InputError(_("Press one of the buttons"))
        return self.redirect("admin.approvals")


def list_emails(request: Request) -> dict[str, Any]:
    """The outbox, newest first, by state."""
    state = number_of(request.GET.get("state"))
    try:
        wanted = None if state is None else EMAIL.State(state)
    except ValueError:
        raise HTTPNotFound from None
    rows = lists.list_emails(request.dbsession, wanted, number_of(request.GET.get("before")), ADMIN.PAGE_SIZE + 1)
    more = len(rows) > ADMIN.PAGE_SIZE
    return {
        "emails": rows[: ADMIN.PAGE_SIZE],
        "next_id": rows[ADMIN.PAGE_SIZE - 1].id if more else None,
        "state": wanted,
        "kind_titles": schemas.KIND_TITLES,
        "state_titles": schemas.STATE_TITLES,
    }


def email_of(request: Request) -> Email:
    """The mail that the address names. Raises HTTPNotFound."""
    email = request.dbsession.get(Email, int(request.matchdict["id"]))
    if email is None:
        raise HTTPNotFound
    return email


def show_email(request: Request) -> dict[str, Any]:
    """One mail: how its sending goes, and its text without what lets anybody in."""
    email = email_of(request)
    return {
        "email": email,
        "preview": request.registry["mail_templates"].preview(email),
        "has_secrets": email.kind in EMAIL.SECRETS,
        "max_attempts": EMAIL.MAX_ATTEMPTS,
        "kind_titles": schemas.KIND_TITLES,
        "state_titles": schemas.STATE_TITLES,
        "exact": partial(exact, zone=request.time_zone, locale=request.locale_name),
    } | changes(request.dbsession, email)


class ChangeEmail:
    """Sends a mail again or gives it up, with an audit row."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.email = email_of(request)

    def resend(self) -> Response:
        return self.change("email.resend", handling.resend, _("The mail is queued again"))

    def cancel(self) -> Response:
        return self.change("email.cancel", handling.cancel, _("The mail is given up"))

    def change(self, action: str, verb: Any, message: str) -> Response:
        db, email = self.request.dbsession, self.email
        before = email.state.name
        try:
            verb(db, email)
        except InputError as error:
            self.request.flash(error.message, "error")
            return HTTPSeeOther(url(self.request, "admin.emails"))
        audit.record(
            db,
            action,
            email,
            actor=audit.actor_of(self.request),
            before={"state": before},
            after={"state": email.state.name},
        )
        self.request.flash(message)
        return HTTPSeeOther(url(self.request, "admin.emails"))
