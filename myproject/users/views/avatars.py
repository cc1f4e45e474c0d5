"""The pictures of members, as files."""

from pyramid.response import Response

from myproject.users.services import avatars
from myproject.web.pictures import serve_picture
from myproject.web.request import Request


def show_avatar(request: Request) -> Response:
    """One size of an avatar. Raises HTTPNotFound."""
    return serve_picture(request, avatars.file_name(request.matchdict["name"], int(request.matchdict["size"])))
