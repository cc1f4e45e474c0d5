"""The first check of a request: what can't be read, or asks for another host, is refused before anything else
runs.

Everything after this may take for granted that path, query and form decode, hold no NUL, and that the host is
ours.
"""

import logging
import re
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPBadRequest, HTTPClientError, HTTPRequestEntityTooLarge
from pyramid.response import Response
from webob.multidict import NoVars

from myproject.settings import Settings, settings_of
from myproject.transactions import SAFE_METHODS
from myproject.web.bodies import FORM_TYPES, TooLarge
from myproject.web.errors import render_error
from myproject.web.request import Request

log = logging.getLogger(__name__)

LONGEST_ADDRESS = 4096
# What other programs post to: each has a proof of its own in place of the origin and the token of a form.
FOR_PROGRAMS = ("/emails/unsubscribe/", "/emails/webhooks/")
# Where no question is a mistake, and the fields that ask it.
QUESTIONS = {"/search/": ("q", "after")}
LONGEST_QUESTION = 1000
# In the environ of a request that the server has refused: the status to answer it with.
REFUSED = "myproject.refused"
REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}\Z")


def allowed_hosts(settings: Settings) -> frozenset[str]:
    """Host headers to answer to: the one of `site.url`, and those of `site.hosts`."""
    return frozenset(host.lower() for host in (settings.host, *settings.site_hosts))


def check(request: Request, hosts: frozenset[str]) -> None:
    """Raises HTTPBadRequest for a request that can't be read, HTTPRequestEntityTooLarge for too much text."""
    try:
        host = request.host.lower()
        default_port = ":443" if request.scheme == "https" else ":80"
        if host not in hosts and host.removesuffix(default_port) not in hosts:
            raise HTTPBadRequest("unknown host")
        path = request.path_info
        texts = [path, *(text for pair in request.GET.items() for text in pair)]
        form = NoVars()
        if request.method not in SAFE_METHODS and not path.startswith(FOR_PROGRAMS):
            if not is_own(request, hosts):
                raise HTTPBadRequest("from another site")
            if request.content_type not in FORM_TYPES and request.method == "POST":
                raise HTTPBadRequest("not a form")
            form = request.POST
        for cookie in request.cookies.values():
            cookie.encode("latin-1", "strict")
    except TooLarge as error:
        # Whoever looks at it again finds nothing, and need not read it once more.
        request.POST = NoVars()
        raise HTTPRequestEntityTooLarge from error
    except (UnicodeError, ValueError, LookupError, KeyError, OSError, AssertionError, DeprecationWarning) as error:
        # Bad percent-encoding, a broken multipart body, a client that went away; a charset other than UTF-8,
        # which WebOb raises a warning for.
        request.POST = NoVars()
        raise HTTPBadRequest(type(error).__name__) from error
    if any("\x00" in text for text in texts):
        raise HTTPBadRequest("NUL")
    if len(request.environ.get("QUERY_STRING", "")) + len(path) > LONGEST_ADDRESS:
        raise HTTPBadRequest("too much")
    if any(not isinstance(value, str) for value in form.getall("csrf_token")):
        raise HTTPBadRequest("a file for a token")


def clean_question(environ: dict[str, Any], names: tuple[str, ...]) -> None:
    """Leaves out of a question what nobody can read, broken encoding and NUL, and what is beyond its length."""
    asked = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True, errors="replace"))
    read = {name: asked[name].replace("\x00", " ")[:LONGEST_QUESTION] for name in names if name in asked}
    environ["QUERY_STRING"] = urlencode(read)


def is_own(request: Request, hosts: frozenset[str]) -> bool:
    """Whether a browser that says where a form comes from says that it is ours (OWASP ASVS 5.0: 3.5.1, 3.5.3)."""
    origin = request.headers.get("Origin")
    return request.headers.get("Sec-Fetch-Site") != "cross-site" and (
        origin is None or urlsplit(origin).netloc.lower() in hosts
    )


def ingress_tween_factory(handler: Callable[[Any], Response], registry: Any) -> Callable[[Any], Response]:
    hosts = allowed_hosts(settings_of(registry))

    def ingress_tween(request: Request) -> Response:
        if REFUSED in request.environ:
            return render_error(request, request.environ[REFUSED], unread=True)
        if names := QUESTIONS.get(request.environ["PATH_INFO"]):
            clean_question(request.environ, names)
        try:
            check(request, hosts)
        except HTTPClientError as refusal:
            log.info("refused: %s", refusal.detail or refusal.title)
            return render_error(request, refusal.status_int)
        response = handler(request)
        response.headers["X-Request-ID"] = request.id
        return response

    return ingress_tween


def request_id(request: Request) -> str:
    """The id a proxy gave the request (X-Request-ID), where one is configured, else a new one; it stands in
    the logs.
    """
    given = request.headers.get("X-Request-ID", "") if settings_of(request.registry).proxy_count else ""
    return given if REQUEST_ID.match(given) else uuid.uuid4().hex


def includeme(config: Configurator) -> None:
    config.add_request_method(request_id, "id", reify=True)
    config.add_tween(
        "myproject.web.ingress.ingress_tween_factory",
        under="myproject.security.headers.headers_tween_factory",
    )
