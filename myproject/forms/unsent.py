"""What a page says of the texts that are kept of forms that were not taken, and how a member lets one go."""

from pyramid.httpexceptions import HTTPBadRequest, HTTPSeeOther
from pyramid.interfaces import IRoutesMapper
from pyramid.response import Response

from myproject.forms.kept import let_go_of
from myproject.i18n import _
from myproject.pagination import row_number
from myproject.web.request import Request


def form_title(request: Request, path: str) -> str:
    """What the form at `path` is called."""
    routes = request.registry.getUtility(IRoutesMapper).get_routes()
    name = next((route.name for route in routes if route.match(path) is not None), "")
    view = request.registry["form_views"].get(name)
    return request.translate(view.title if view else _("A reply to a comment"))


def let_go_of_kept(request: Request) -> Response:
    """Forgets the text whose number the form's `let_go` is, and leads back to the page that lists them."""
    number = row_number(request.POST.get("let_go", ""))
    if number is None:
        raise HTTPBadRequest
    let_go_of(request.dbsession, request.member.id, number)
    return HTTPSeeOther(request.script_name + request.path_info)
