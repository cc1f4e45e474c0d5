"""The member's home, the edited profile, and the public one."""

from typing import Any

import colander
from pyramid.httpexceptions import HTTPMovedPermanently
from pyramid.response import Response

from myproject.forms.pictures import PictureForm, max_bytes_of
from myproject.i18n import _
from myproject.posts import constants as POST
from myproject.posts.services.lists import list_posts
from myproject.security.permissions import Permission, permits
from myproject.security.ratelimit import limiter_of
from myproject.storage import storage_of
from myproject.text import canonical
from myproject.users import schemas
from myproject.users.models import User
from myproject.users.services import accounts, avatars, profiles, second_factor
from myproject.users.views.invitations import inviting_of
from myproject.web.request import Request
from myproject.web.templating import url

FIELDS = ("display_name", "bio", "website", "time_zone", "locale", "theme")


def home(request: Request) -> dict[str, Any]:
    few_codes = second_factor.few_recovery_codes(request.dbsession, request.member)
    inviting = inviting_of(request.site)
    may_invite = inviting is not None and permits(Permission.INVITATION_WRITE, request.identity, inviting)
    return {"member": request.member, "few_codes": few_codes, "may_invite": may_invite}


class EditProfile(PictureForm):
    """What a member says of themselves, and how the site looks to them."""

    title = _("Edit your profile")
    keeps = ("display_name", "bio", "website")

    def make_schema(self) -> colander.SchemaNode:
        schema = schemas.Profile()
        if not self.request.member.avatar:
            del schema["remove_avatar"]
        return schema

    def get(self) -> Response:
        self.user = self.request.dbsession.get_one(User, self.request.member.id)
        return super().get()

    def initial(self) -> dict[str, Any]:
        return {name: getattr(self.user, name) for name in FIELDS}

    def submit(self, data: dict[str, Any]) -> Response:
        bio_html = profiles.render_bio(data["bio"], self.request.look_up)
        avatar = self.new_avatar(data)
        user = accounts.lock_user(self.request.dbsession, self.request.member.id)
        profiles.update_profile(
            self.request.dbsession, user, bio_html=bio_html, **{name: data[name] for name in FIELDS}
        )
        if avatar is not None:
            avatars.set_avatar(self.request.dbsession, user, avatar)
        self.request.flash(_("Your profile is saved"))
        return self.redirect("users.home")

    def new_avatar(self, data: dict[str, Any]) -> str | None:
        """The name of the picture that was sent, empty to have none, None to leave it as it is. No transaction is
        open while it is drawn.
        """
        most = max_bytes_of(self.request)
        content = self.uploaded("avatar", most)
        if content is None:
            return "" if data.get("remove_avatar") else None
        limiter_of(self.request.registry).hit("upload_account", str(self.request.member.id))
        return avatars.keep_avatar(storage_of(self.request.registry), avatars.make_avatar(content, most))


def show_profile(context: profiles.Profile, request: Request) -> dict[str, Any] | Response:
    """The public profile; other spellings of the name lead to the one in lower case."""
    address = url(request, "users.profile", name=canonical(context.name))
    if request.matchdict["name"] != canonical(context.name):
        return HTTPMovedPermanently(address)
    posts = list_posts(request.dbsession, POST.Sort.NEW, author_id=context.id)
    return {"profile": context, "posts": posts.rows}
