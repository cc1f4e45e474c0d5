"""Where mail providers tell of mails that came back."""

import logging

from pyramid.httpexceptions import HTTPNotFound
from pyramid.response import Response

from myproject.db import utc_now
from myproject.emails.bounces.believing import take_event
from myproject.emails.bounces.providers import PROVIDERS, NotSigned
from myproject.emails.services import suppression
from myproject.web.request import Request

log = logging.getLogger(__name__)

MOST_BYTES = 1024 * 1024


def receive(request: Request) -> Response:
    """Takes what a provider tells, by its signature alone: no cookie, no token of a form.

    204 where it is taken, or was before by another request; 403 where the signature is missing, wrong, too old, or
    has been taken; 413 and 400 for what no provider sends; 404 where the settings have no key for this provider.
    """
    name = request.matchdict["provider"]
    provider = PROVIDERS.get(name)
    key = provider.key(request.site) if provider else ""
    if provider is None or not key:
        raise HTTPNotFound
    if (request.content_length or 0) > MOST_BYTES:
        return refuse(413, "too large")
    body = request.body
    try:
        signature = provider.verify(key, request.headers, body, utc_now())
        # Beyond this the database is asked.
        if not suppression.take_receipt(request.dbsession, f"{name}:signature:{signature}"):
            raise NotSigned
    except NotSigned:
        log.warning("bounces: refused what was signed for %s by nobody", name)
        return refuse(403, "not signed, or not now, or not for the first time")
    try:
        events = provider.events(request.headers, body)
    except ValueError:
        return refuse(400, "not as documented")
    for event in events:
        take_event(request.dbsession, name, event)
    return Response(status=204)


def refuse(status: int, why: str) -> Response:
    """An answer for a program, which rolls the transaction back: a page, or the way to sign in, is for people."""
    return Response(f"{why}\n", status=status, content_type="text/plain", charset="utf-8")
