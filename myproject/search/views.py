"""The page of search, and its description for browsers."""

from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

from pyramid.response import Response

from myproject.i18n import _
from myproject.pagination import BadCursor, Page
from myproject.search import constants as SEARCH
from myproject.search.errors import TooMuch
from myproject.search.services.finding import search
from myproject.search.services.queries import parse_query
from myproject.security.ratelimit import client_key, limiter_of
from myproject.web.request import Request
from myproject.web.templating import site_url

NAMESPACE = "http://a9.com/-/spec/opensearch/1.1/"


def show_results(request: Request) -> dict[str, Any]:
    """What was found for `?q=`, a page of it; `?after=` goes on, and finds nothing where no page ended. Without a
    question, how to ask one.
    """
    text = request.GET.get("q", "")[: SEARCH.QUERY_MAX_LENGTH].strip()
    query = parse_query(text, request.site.site_timezone)
    page: Page[Any] = Page([], None)
    too_much = False
    if query:
        limiter_of(request.registry).hit("search_address", client_key(request.client_addr))
        try:
            page = search(request.dbsession, query, request.GET.get("after"))
        except BadCursor:
            pass
        except TooMuch:
            too_much = True
            request.response.status_int = 422
    next_page = "?" + urlencode({"q": text, "after": page.next_cursor}) if page.next_cursor else None
    return {
        "text": text,
        "asked": bool(query),
        "unread": query.unread,
        "too_long": query.too_long,
        "most": SEARCH.TERMS_MAX,
        "too_much": too_much,
        "page": page,
        "first": "after" not in request.GET,
        "next_page": next_page,
    }


def describe(request: Request) -> Response:
    """How a browser searches here (OpenSearch 1.1)."""
    root = ElementTree.Element("OpenSearchDescription", xmlns=NAMESPACE)
    title = request.site.site_title
    ElementTree.SubElement(root, "ShortName").text = title[:16]
    ElementTree.SubElement(root, "LongName").text = title[:48]
    description = request.translate(_("Search ${site}", mapping={"site": title}))
    ElementTree.SubElement(root, "Description").text = description
    ElementTree.SubElement(root, "InputEncoding").text = "UTF-8"
    template = site_url(request.registry, "search.show") + "?q={searchTerms}"
    ElementTree.SubElement(root, "Url", type="text/html", template=template)
    body = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return Response(body, content_type="application/opensearchdescription+xml")
