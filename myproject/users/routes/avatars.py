"""The address of pictures."""

from pyramid.config import Configurator

from myproject.security.permissions import Permission
from myproject.users import constants as USER
from myproject.users.views import avatars


def includeme(config: Configurator) -> None:
    sizes = "|".join(str(size) for size in USER.AVATAR_SIZES)
    config.add_route("users.avatar", f"/avatars/{{name:[0-9a-f]{{32}}}}-{{size:{sizes}}}.webp")
    config.add_view(
        avatars.show_avatar, route_name="users.avatar", request_method="GET", permission=Permission.AVATAR_VIEW
    )
