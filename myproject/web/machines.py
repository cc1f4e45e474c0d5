"""What browsers and crawlers ask a site for by name: robots.txt, the manifest, security.txt, favicon.ico."""

import json
from datetime import UTC, datetime, timedelta

from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPFound, HTTPNotFound
from pyramid.response import Response

from myproject.security.permissions import Permission
from myproject.web.request import Request
from myproject.web.templating import site_url

# Nothing there is for search engines: it is somebody's own, or another form of what has its page.
NOT_FOR_CRAWLERS = (
    "/admin/",
    "/bookmarks/",
    "/drafts/",
    "/emails/",
    "/moderation/",
    "/notifications/",
    "/search/",
    "/users/",
)
# Crawlers that gather texts to train models, by the names their makers have published.
TRAINING_CRAWLERS = (
    "AI2Bot",
    "Amazonbot",
    "anthropic-ai",
    "Applebot-Extended",
    "Bytespider",
    "CCBot",
    "ClaudeBot",
    "cohere-training-data-crawler",
    "Diffbot",
    "FacebookBot",
    "Google-Extended",
    "GPTBot",
    "ICC-Crawler",
    "ImagesiftBot",
    "Kangaroo Bot",
    "meta-externalagent",
    "omgili",
    "PanguBot",
    "SemrushBot-OCOB",
    "Timpibot",
    "Webzio-Extended",
)
SECURITY_TXT_LIFETIME = timedelta(days=90)


def robots(request: Request) -> Response:
    """Who may read what (RFC 9309), and, for those who care, to what end (contentsignals.org)."""
    allowed = request.site.site_allow_training
    lines = [
        "User-agent: *",
        f"Content-Signal: search=yes, ai-train={'yes' if allowed else 'no'}",
        *(f"Disallow: {path}" for path in NOT_FOR_CRAWLERS),
    ]
    if not allowed:
        lines += ["", *(f"User-agent: {name}" for name in TRAINING_CRAWLERS), "Disallow: /"]
    lines += ["", f"Sitemap: {request.site.site_url}/sitemap.xml", ""]
    return Response("\n".join(lines), content_type="text/plain", charset="utf-8")


def manifest(request: Request) -> Response:
    """How the site looks among the applications of a phone (W3C Web Application Manifest)."""
    title = request.site.site_title
    data = {
        "name": title,
        "short_name": title[:12],
        "start_url": "/",
        "scope": "/",
        "display": "minimal-ui",
        "icons": [
            {"src": request.registry["static"].address("img/favicon.svg"), "sizes": "any", "type": "image/svg+xml"}
        ],
    }
    return Response(json.dumps(data), content_type="application/manifest+json", charset="utf-8")


def security_txt(request: Request) -> Response:
    """Where to report a weakness (RFC 9116), where the site names somebody."""
    contact = request.site.site_security_contact
    if not contact:
        raise HTTPNotFound
    expires = (datetime.now(UTC) + SECURITY_TXT_LIFETIME).replace(hour=0, minute=0, second=0, microsecond=0)
    lines = [
        f"Contact: {contact if ':' in contact else 'mailto:' + contact}",
        f"Expires: {expires:%Y-%m-%dT%H:%M:%SZ}",
        f"Canonical: {site_url(request.registry, 'site.security_txt')}",
        "",
    ]
    return Response("\n".join(lines), content_type="text/plain", charset="utf-8")


def favicon(request: Request) -> Response:
    """Pages name the picture themselves; what asks by habit is led to it."""
    return HTTPFound(request.registry["static"].address("img/favicon.svg"))


def includeme(config: Configurator) -> None:
    for name, address, view in (
        ("robots", "/robots.txt", robots),
        ("manifest", "/manifest.webmanifest", manifest),
        ("security_txt", "/.well-known/security.txt", security_txt),
        ("favicon", "/favicon.ico", favicon),
    ):
        config.add_route(f"site.{name}", address)
        config.add_view(
            view,
            route_name=f"site.{name}",
            request_method="GET",
            permission=Permission.SITE_VIEW,
            guest_cache=lambda request: ("site",),
        )
