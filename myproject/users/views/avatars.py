"""The pictures of members, as files."""

from pyramid.httpexceptions import HTTPNotFound
from pyramid.response import Response

from myproject.storage import storage_of
from myproject.users.services import avatars
from myproject.web.request import Request

# The name is random and its file never changes: another picture has another name.
CACHE_CONTROL = "public, max-age=31536000, immutable"
# Should a browser ever take one for a document, it may do nothing (OWASP ASVS 5.0: 3.2.1).
CONTENT_SECURITY_POLICY = "default-src 'none'; sandbox"


def show_avatar(request: Request) -> Response:
    """One size of an avatar. Asks neither the database nor who looks. Raises HTTPNotFound."""
    name = avatars.file_name(request.matchdict["name"], int(request.matchdict["size"]))
    try:
        with storage_of(request.registry).open(name) as file:
            content = file.read()
    except FileNotFoundError:
        raise HTTPNotFound from None
    response = Response(body=content, content_type="image/webp")
    response.headers["Cache-Control"] = CACHE_CONTROL
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    return response
