"""What each kind of mail looks like, from a sample: nothing is sent, and its links lead nowhere."""

from typing import Any

from pyramid.httpexceptions import HTTPNotFound
from pyramid.response import Response

from myproject.admin import schemas
from myproject.emails import constants as EMAIL
from myproject.emails.message import MailTemplates, sender_address, sender_name
from myproject.emails.models import Email
from myproject.emails.services.samples import SAMPLES, sample_row
from myproject.security.headers import DEFAULT_POLICY
from myproject.web.request import Request

# The page shows the HTML part as a page within.
WITH_FRAME = f"{DEFAULT_POLICY}; frame-src 'self'"


def list_previews(request: Request) -> dict[str, Any]:
    return {"kinds": SAMPLES, "kind_titles": schemas.KIND_TITLES}


def email_of(request: Request) -> Email:
    """The sample that the address names, in the admin's own language. Raises HTTPNotFound."""
    try:
        return sample_row(EMAIL.Kind(request.matchdict["kind"]), request.locale_name)
    except (ValueError, KeyError):
        raise HTTPNotFound from None


def render(request: Request, email: Email) -> tuple[str, str, str]:
    """Subject, text and HTML. Masked: who the sample is to may be a member by number."""
    templates: MailTemplates = request.registry["mail_templates"]
    return templates.render_masked(email)


def show_preview(request: Request) -> dict[str, Any]:
    email = email_of(request)
    subject, text, _html = render(request, email)
    request.response.headers["Content-Security-Policy"] = WITH_FRAME
    return {
        "email": email,
        "subject": subject,
        "text": text,
        "sender": f"{sender_name(request.site, email)} <{sender_address(request.site)}>",
        "title": schemas.KIND_TITLES[email.kind],
    }


def show_html(request: Request) -> Response:
    """The HTML part as mail programs show it."""
    _subject, _text, html = render(request, email_of(request))
    response = Response(html, content_type="text/html", charset="utf-8")
    response.headers["Content-Security-Policy"] = EMAIL.PAGE_POLICY
    return response
