"""Error pages: in the site's layout, without the database, the member or a session."""

import logging
from typing import Any
from urllib.parse import quote

from pyramid.config import Configurator
from pyramid.csrf import get_csrf_token
from pyramid.exceptions import BadCSRFOrigin, BadCSRFToken
from pyramid.httpexceptions import HTTPException, HTTPForbidden, HTTPSeeOther
from pyramid.interfaces import IRoutesMapper
from pyramid.renderers import render
from pyramid.response import Response
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from myproject.forms.ended import Ended, ended_sign_in, expired_form, refused_texts
from myproject.i18n import _
from myproject.security.policy import lacks_second_factor
from myproject.security.ratelimit import RateLimited
from myproject.security.reauth import is_fresh
from myproject.security.redirects import local_path
from myproject.transactions import SAFE_METHODS
from myproject.web.request import Request
from myproject.web.templating import url

log = logging.getLogger(__name__)

PAGES = frozenset({400, 403, 404, 408, 410, 413, 429, 500, 503})
HIDDEN_FROM_MEMBERS = ("/admin/", "/moderation/")
RETRY_SECONDS = 10
# Where no form's own view was reached that would keep what was typed. The others need no database.
KEEPING = frozenset({403, 404, 410})


def render_error(request: Request, status: int, **given: Any) -> Response:
    """The page for `status`; its template needs nothing but the settings."""
    page = status if status in PAGES else 400
    values: dict[str, Any] = {
        "neutral": True,
        "status": status,
        "request_id": request.id,
    }
    values |= refused_texts(request, keep=status in KEEPING) | given
    body = render(f"myproject:templates/errors/{page}.html", values, request=request)
    return Response(body, status=status, content_type="text/html", charset="utf-8")


def not_found(exc: Exception, request: Request) -> Response:
    """404; but the same path with a last slash is redirected to, and a known path with another method is 405."""
    mapper = request.registry.getUtility(IRoutesMapper)
    path = request.path_info
    if request.matched_route is not None:
        methods = route_methods(request, request.matched_route.name)
        if methods and request.method not in methods:
            response = render_error(request, 405)
            response.headers["Allow"] = ", ".join(sorted(methods))
            return response
    elif request.method in ("GET", "HEAD") and any(
        route.match(path + "/") is not None for route in mapper.get_routes()
    ):
        query = f"?{request.query_string}" if request.query_string else ""
        return Response(status=301, location=local_path(path + "/" + query))
    return ended_sign_in(request) or render_error(request, 404)


def route_methods(request: Request, route_name: str) -> frozenset[str]:
    """The methods that views of a route answer to, HEAD with GET."""
    by_route: dict[str, frozenset[str]] | None = request.registry.get("route_methods")
    if by_route is None:
        by_route = {}
        for view in request.registry.introspector.get_category("views") or ():
            name, methods = view["introspectable"]["route_name"], view["introspectable"]["request_methods"]
            given = {methods} if isinstance(methods, str) else set(methods or ())
            by_route[name] = by_route.get(name, frozenset()) | given | ({"HEAD"} if "GET" in given else set())
        request.registry["route_methods"] = by_route
    return by_route.get(route_name, frozenset())


def forbidden(exc: HTTPForbidden, request: Request) -> Response:
    """A guest is sent to sign in and comes back; who must set up a second factor first is sent there; a member
    without the permission gets 403, or 404 where staff work.
    """
    if lacks_second_factor(request):
        # Their role reaches nothing else before that; the page says so.
        return HTTPSeeOther(url(request, "users.second_factor.settings"))
    if request.identity is not None:
        return render_error(request, 404 if request.path_info.startswith(HIDDEN_FROM_MEMBERS) else 403)
    if request.method not in SAFE_METHODS and request.POST:
        return expired_form(request, Ended.SIGN_IN)
    request.flash(_("You need to be signed in for this page."), "info")
    here = local_path(request.path_qs) if request.method in SAFE_METHODS else "/"
    return HTTPSeeOther(url(request, "users.login") + "?next=" + quote(here, safe="/"))


def bad_csrf(exc: Exception, request: Request) -> Response:
    """The form was open too long, or its sign-in ended: it comes back filled, with a new token, to be sent
    again. Its page may tell of more than was typed: Pyramid asks for the permission first, and here it is looked
    whether the sign-in is as fresh as the form wants it.
    """
    get_csrf_token(request)
    route = request.matched_route.name if request.matched_route else ""
    minutes = request.registry["form_minutes"].get(route)
    if minutes is not None and not is_fresh(request, minutes):
        return expired_form(request, Ended.FRESHNESS)
    return expired_form(request, Ended.TOKEN)


def foreign_origin(exc: Exception, request: Request) -> Response:
    """A form that another site sent: it gets no filled form to press once more."""
    return render_error(request, 400)


def rate_limited(exc: RateLimited, request: Request) -> Response:
    response = render_error(request, 429, retry_after=exc.retry_after)
    response.headers["Retry-After"] = str(exc.retry_after)
    return response


def http_error(exc: HTTPException, request: Request) -> Response:
    if exc.status_int < 400:
        return exc
    ended = ended_sign_in(request) if exc.status_int in KEEPING else None
    return ended or render_error(request, exc.status_int)


def forget_answer(request: Request) -> None:
    """Drops the cookies that the failed view asked for: the session they name, or what they tell, is undone."""
    request.response_callbacks.clear()


def database_away(exc: Exception, request: Request) -> Response:
    log.error("503 %s: %s", request.id, exc)
    forget_answer(request)
    # Nothing can be kept now.
    response = render_error(request, 503, kept=False)
    response.headers["Retry-After"] = str(RETRY_SECONDS)
    return response


def failure(exc: Exception, request: Request) -> Response:
    log.exception("500 %s", request.id)
    forget_answer(request)
    return render_error(request, 500)


def includeme(config: Configurator) -> None:
    config.add_notfound_view(not_found)
    config.add_forbidden_view(forbidden)
    config.add_exception_view(bad_csrf, context=BadCSRFToken)
    config.add_exception_view(foreign_origin, context=BadCSRFOrigin)
    config.add_exception_view(rate_limited, context=RateLimited)
    config.add_exception_view(http_error, context=HTTPException)
    for away in (OperationalError, InterfaceError, PoolTimeout):
        config.add_exception_view(database_away, context=away)
    config.add_exception_view(failure, context=Exception)
