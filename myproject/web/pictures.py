"""Pictures of members, as files."""

from pyramid.httpexceptions import HTTPNotFound
from pyramid.response import Response

from myproject.storage import storage_of
from myproject.web.request import Request

# The name is random and its file never changes: another picture has another name.
CACHE_CONTROL = "public, max-age=31536000, immutable"
# Should a browser ever take one for a document, it may do nothing (OWASP ASVS 5.0: 3.2.1).
CONTENT_SECURITY_POLICY = "default-src 'none'; sandbox"


def serve_picture(request: Request, file_name: str) -> Response:
    """The WebP of that name in the storage. Asks neither the database nor who looks. Raises HTTPNotFound."""
    try:
        with storage_of(request.registry).open(file_name) as file:
            content = file.read()
    except FileNotFoundError:
        raise HTTPNotFound from None
    response = Response(body=content, content_type="image/webp")
    response.headers["Cache-Control"] = CACHE_CONTROL
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    return response
