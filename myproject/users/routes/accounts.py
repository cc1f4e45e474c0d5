"""Addresses of signing in, of passwords, verification, profiles and blocking, each with its views."""

from collections.abc import Callable

from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPMovedPermanently, HTTPNotFound

from myproject.security.permissions import Permission, permits
from myproject.text import canonical
from myproject.transactions import is_unsafe, reading
from myproject.users import constants as USER
from myproject.users.models import User
from myproject.users.services import names, profiles
from myproject.users.views import blocks, login, passwords, profile, register, verify
from myproject.users.views.mailed_links import add_mailed_link
from myproject.web.pagecache import keep_for_guests
from myproject.web.request import Request
from myproject.web.templating import url


def profile_of(request: Request) -> profiles.Profile:
    """The context of `/@NAME/` and what is below: the member's public profile. Raises HTTPNotFound, and leads on
    to where a member who gave up that nickname is now.
    """
    values, identity = request.matchdict, request.identity
    with reading(request) as db:
        found = profiles.find_profile(db, values["name"], identity.id if identity else profiles.NOBODY)
        moved = None if found else names.find_moved(db, values["name"])
    if moved is not None and not is_unsafe(request):
        now = values | {"name": canonical(moved.name)}
        query = f"?{request.query_string}" if request.query_string else ""
        keep_for_guests(request, "site", f"user:{moved.id}")
        raise HTTPMovedPermanently(url(request, request.matched_route.name, **now) + query)
    if found is None:
        # Somebody may have it from now on.
        keep_for_guests(request, "site", "names")
        raise HTTPNotFound
    return found


def user_for(permission: Permission) -> Callable[[Request], User | None]:
    """A factory of the context of addresses with the number of a member: that member; None for who may not do
    `permission`. It raises HTTPNotFound to who may: nobody else learns who is there.
    """

    def user_of(request: Request) -> User | None:
        if not permits(permission, request.identity, None):
            return None
        with reading(request) as db:
            user = db.get(User, int(request.matchdict["id"]))
        if user is None:
            raise HTTPNotFound
        return user

    return user_of


def includeme(config: Configurator) -> None:
    config.add_route("users.register", "/users/register/")
    config.add_form_view(register.Register, route_name="users.register", permission=Permission.ACCOUNT_ENTER)

    config.add_route("users.login", "/users/login/")
    config.add_form_view(login.Login, route_name="users.login", permission=Permission.ACCOUNT_ENTER)

    config.add_route("users.logout", "/users/logout/")
    config.add_view(
        login.logout, route_name="users.logout", request_method="POST", permission=Permission.ACCOUNT_LEAVE
    )

    config.add_route("users.home", "/users/me/")
    config.add_view(
        profile.home,
        route_name="users.home",
        request_method="GET",
        permission=Permission.ACCOUNT_VIEW,
        renderer="myproject:templates/users/home.html",
    )

    config.add_route("users.edit", "/users/me/edit/")
    config.add_form_view(profile.EditProfile, route_name="users.edit", permission=Permission.ACCOUNT_EDIT)

    config.add_route("users.password", "/users/me/password/")
    config.add_form_view(
        passwords.ChangePassword,
        route_name="users.password",
        permission=Permission.ACCOUNT_EDIT,
        fresh=USER.REAUTH_MINUTES,
    )

    config.add_route("users.verify", "/users/verify/")
    config.add_form_view(verify.Verify, route_name="users.verify", permission=Permission.ACCOUNT_PROTECT)

    config.add_route("users.correct_email", "/users/verify/address/")
    config.add_form_view(
        verify.CorrectEmail, route_name="users.correct_email", permission=Permission.ACCOUNT_PROTECT
    )

    add_mailed_link(config, verify.VerifyLink, route_name="users.verify.link", path="/users/verify/")

    config.add_route("users.lost_password", "/users/lost-password/")
    config.add_form_view(
        passwords.LostPassword, route_name="users.lost_password", permission=Permission.ACCOUNT_ENTER
    )

    config.add_route("users.reset_password", "/users/reset-password/{token:[A-Za-z0-9_-]{20,100}}/")
    config.add_form_view(
        passwords.ResetPassword, route_name="users.reset_password", permission=Permission.ACCOUNT_ENTER
    )

    config.add_route("users.profile", "/@{name}/", factory=profile_of)
    config.add_view(
        profile.show_profile,
        route_name="users.profile",
        request_method="GET",
        permission=Permission.PROFILE_VIEW,
        renderer="myproject:templates/users/profile.html",
        guest_cache=lambda request: ("site", f"user:{request.context.id}"),
    )

    config.add_route("users.block", "/@{name}/block/", factory=profile_of)
    config.add_view(
        blocks.change_block, route_name="users.block", request_method="POST", permission=Permission.BLOCK_WRITE
    )

    config.add_route("users.blocked", "/users/me/blocked/")
    config.add_view(
        blocks.list_blocked,
        route_name="users.blocked",
        request_method="GET",
        permission=Permission.BLOCK_WRITE,
        renderer="myproject:templates/users/blocked.html",
    )
    config.add_view(
        blocks.unblock, route_name="users.blocked", request_method="POST", permission=Permission.BLOCK_WRITE
    )
