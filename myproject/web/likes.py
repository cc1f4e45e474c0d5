"""What buttons to like something send, and what they are answered."""

from pyramid.httpexceptions import HTTPBadRequest, HTTPNotFound, HTTPSeeOther
from pyramid.response import Response

from myproject.i18n import _
from myproject.web.request import Request


def wants_on(request: Request) -> bool:
    """Whether a button asks for something (`on` is 1), or to take it back (0). Raises HTTPBadRequest."""
    on = request.POST.get("on")
    if on not in ("0", "1"):
        raise HTTPBadRequest
    return on == "1"


def answer_like(request: Request, count: int | None, address: str) -> Response:
    """Back to where the button stood; for the script that pressed it, what now stands there, as JSON. Raises
    HTTPNotFound where there is nothing to like any more (`count` is None).
    """
    if count is None:
        raise HTTPNotFound
    if "application/json" not in request.headers.get("Accept", ""):
        return HTTPSeeOther(address)
    on = wants_on(request)
    words = _("Take back your like") if on else _("Like")
    values = {"on": on, "words": request.translate(words), "likes": like_words(request, count)}
    return Response(json_body=values, content_type="application/json")


def like_words(request: Request, count: int) -> str:
    """How many like something, in words; nothing where nobody does."""
    if not count:
        return ""
    one, more = _("1 like"), _("${count} likes", mapping={"count": count})
    return request.translate(one if count == 1 else more)
