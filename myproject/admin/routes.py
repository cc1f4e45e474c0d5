"""Addresses of the admins' pages, each with its views. A member who is no admin gets 404 for all of them; who is
one proves once an hour that it is them."""

from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPNotFound

from myproject.admin.views import approvals, audit, emails, home, mail_doctor, previews, suppressions, users
from myproject.security.permissions import Permission
from myproject.users import constants as USER
from myproject.users.models import User
from myproject.users.routes.accounts import user_for
from myproject.web.request import Request

user_of = user_for(Permission.ADMIN_USERS_EDIT)


def joining_user_of(request: Request) -> User | None:
    """The context of `/admin/approvals/ID/`: somebody who asked to join. Raises HTTPNotFound, to admins only."""
    user = user_of(request)
    if user is not None and user.approval is USER.Approval.NONE:
        raise HTTPNotFound
    return user


def includeme(config: Configurator) -> None:
    for name, address, view, template in (
        ("admin.home", "/admin/", home.home, "home"),
        ("admin.users", "/admin/users/", users.list_users, "users"),
        ("admin.audit", "/admin/audit/", audit.list_audit, "audit"),
        ("admin.approvals", "/admin/approvals/", approvals.list_approvals, "approvals"),
        ("admin.emails", "/admin/emails/", emails.list_emails, "emails"),
        ("admin.emails.view", "/admin/emails/{id:[0-9]{1,18}}/", emails.show_email, "email"),
        ("admin.suppressions", "/admin/emails/suppressions/", suppressions.list_suppressions, "suppressions"),
    ):
        config.add_route(name, address)
        config.add_view(
            view,
            route_name=name,
            request_method="GET",
            permission=Permission.ADMIN_VIEW,
            fresh=USER.ADMIN_REAUTH_MINUTES,
            renderer=f"myproject:templates/admin/{template}.html",
        )

    config.add_route("admin.users.view", "/admin/users/{id:[0-9]{1,18}}/", factory=user_of)
    config.add_form_view(
        users.EditUser,
        route_name="admin.users.view",
        permission=Permission.ADMIN_USERS_EDIT,
        # Roles are changed here (OWASP ASVS 5.0: 7.5.3).
        fresh=USER.REAUTH_MINUTES,
    )
    for name, path, view in (
        ("sessions", "sessions", users.shut_sessions),
        ("second_factor", "second-factor", users.hasten_reset),
        ("password", "password", users.start_password_reset),
    ):
        config.add_route(f"admin.users.{name}", f"/admin/users/{{id:[0-9]{{1,18}}}}/{path}/", factory=user_of)
        config.add_view(
            view,
            route_name=f"admin.users.{name}",
            request_method="POST",
            permission=Permission.ADMIN_USERS_EDIT,
            fresh=USER.REAUTH_MINUTES,
        )

    config.add_route("admin.settings", "/admin/settings/")
    config.add_form_view(
        home.EditSettings,
        route_name="admin.settings",
        permission=Permission.ADMIN_SETTINGS_EDIT,
        fresh=USER.ADMIN_REAUTH_MINUTES,
    )

    config.add_route("admin.suppressions.lift", "/admin/emails/suppressions/{id:[0-9]{1,18}}/")
    config.add_form_view(
        suppressions.LiftSuppression,
        route_name="admin.suppressions.lift",
        permission=Permission.ADMIN_EMAILS_EDIT,
        fresh=USER.ADMIN_REAUTH_MINUTES,
    )

    config.add_route("admin.mail_doctor", "/admin/emails/doctor/")
    config.add_form_view(
        mail_doctor.MailDoctor,
        route_name="admin.mail_doctor",
        permission=Permission.ADMIN_EMAILS_EDIT,
        fresh=USER.ADMIN_REAUTH_MINUTES,
    )

    config.add_route("admin.approvals.decide", "/admin/approvals/{id:[0-9]{1,18}}/", factory=joining_user_of)
    config.add_form_view(
        approvals.DecideApproval,
        route_name="admin.approvals.decide",
        permission=Permission.ADMIN_USERS_EDIT,
        fresh=USER.ADMIN_REAUTH_MINUTES,
    )

    kind = "{kind:[a-z_]{1,40}}"
    for name, address, preview, page in (
        ("admin.previews", "/admin/emails/previews/", previews.list_previews, "admin/previews.html"),
        ("admin.previews.view", f"/admin/emails/previews/{kind}/", previews.show_preview, "admin/preview.html"),
        ("admin.previews.html", f"/admin/emails/previews/{kind}/html/", previews.show_html, None),
    ):
        config.add_route(name, address)
        config.add_view(
            preview,
            route_name=name,
            request_method="GET",
            permission=Permission.ADMIN_VIEW,
            fresh=USER.ADMIN_REAUTH_MINUTES,
            renderer=f"myproject:templates/{page}" if page else None,
        )

    for name, address, change, verb in (
        ("admin.emails.resend", "/admin/emails/{id:[0-9]{1,18}}/resend/", emails.ChangeEmail, "resend"),
        ("admin.emails.cancel", "/admin/emails/{id:[0-9]{1,18}}/cancel/", emails.ChangeEmail, "cancel"),
        ("admin.emails.resend_all", "/admin/emails/resend/", emails.ChangeEmails, "resend"),
        ("admin.emails.cancel_all", "/admin/emails/cancel/", emails.ChangeEmails, "cancel"),
        ("admin.emails.open", "/admin/emails/open/", emails.open_route, None),
    ):
        config.add_route(name, address)
        config.add_view(
            change,
            attr=verb,
            route_name=name,
            request_method="POST",
            permission=Permission.ADMIN_EMAILS_EDIT,
            fresh=USER.ADMIN_REAUTH_MINUTES,
        )
