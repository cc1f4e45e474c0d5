"""Feeds, the source of a post, and the site map."""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pyramid.httpexceptions import HTTPMovedPermanently, HTTPNotFound
from pyramid.response import Response

from myproject.feeds.services import entries, sitemap, source, xml
from myproject.feeds.services.entries import Entry
from myproject.i18n import _
from myproject.pagination import row_number
from myproject.posts.services import tags
from myproject.posts.services.links import with_link
from myproject.posts.services.rows import PostPage
from myproject.search import constants as SEARCH
from myproject.search.errors import TooMuch
from myproject.search.services.queries import parse_query
from myproject.security.ratelimit import client_key, limiter_of
from myproject.text import canonical
from myproject.users.services.profiles import Profile
from myproject.web.errors import render_error
from myproject.web.pagecache import CACHE_CONTROL
from myproject.web.request import Request
from myproject.web.templating import site_url, url

ATOM_TYPE = "application/atom+xml"
# When a reader may ask again what was too much to search through.
TOO_MUCH_SECONDS = "3600"


def site_feed(request: Request) -> Response:
    """The latest posts."""
    page = site_url(request.registry, "posts.list")
    return feed(request, request.site.site_title, page, entries.latest_posts(request.dbsession))


def tag_feed(request: Request) -> Response:
    """The latest posts with a tag; a synonym leads to the tag it stands for."""
    asked = request.matchdict["tag"]
    found = tags.find_tag(request.dbsession, canonical(asked))
    if found is None:
        raise HTTPNotFound
    tag = found.synonym_of or found.name
    if tag != asked:
        return HTTPMovedPermanently(url(request, "feeds.tag", tag=tag))
    page = f"{request.site.site_url}/tags/{xml.quoted(tag)}/"
    return feed(request, titled(request, f"#{tag}"), page, entries.posts_of_tag(request.dbsession, found.id))


def author_feed(context: Profile, request: Request) -> Response:
    """The latest posts of a member."""
    page = site_url(request.registry, "users.profile", name=canonical(context.name))
    posts = entries.posts_of_author(request.dbsession, context.id)
    return feed(request, titled(request, context.title), page, posts)


def commenter_feed(context: Profile, request: Request) -> Response:
    """The latest comments of a member that everybody may see."""
    page = site_url(request.registry, "comments.author", name=canonical(context.name))
    title = titled(request, request.translate(_("Comments by ${name}", mapping={"name": context.title})))
    return feed(request, title, page, entries.comments_of_author(request.dbsession, context.id))


def post_feed(context: PostPage, request: Request) -> Response:
    """The latest comments on a post that everybody may see."""
    if not context.is_published:
        raise HTTPNotFound
    page = address_of(context, request)
    title = titled(request, request.translate(_("Comments on ${title}", mapping={"title": context.title})))
    return feed(request, title, page, entries.comments_of_post(request.dbsession, context.id))


def search_feed(request: Request) -> Response:
    """What the first page of a search shows."""
    text = request.GET.get("q", "")[: SEARCH.QUERY_MAX_LENGTH].strip()
    query = parse_query(text, request.site.site_timezone)
    if not query:
        raise HTTPNotFound
    limiter_of(request.registry).hit("search_address", client_key(request.client_addr))
    asked = f"?q={xml.quoted(text)}"
    page = site_url(request.registry, "search.show") + asked
    title = titled(request, request.translate(_("Search: ${words}", mapping={"words": text})))
    try:
        found = entries.found(request.dbsession, query)
    except TooMuch:
        response = render_error(request, 503)
        response.headers["Retry-After"] = TOO_MUCH_SECONDS
        return response
    return feed(request, title, page, found, asked)


def titled(request: Request, title: str) -> str:
    return f"{title} · {request.site.site_title}"


def feed(request: Request, title: str, page: str, found: Sequence[Entry], query: str = "") -> Response:
    """The answer with a feed that mirrors `page`; `query` is what of the address's own says which feed it is."""
    updated = entries.latest_of(found)
    base = request.site.site_url
    address = base + request.path + query
    atom = xml.AtomFeed(address, page, title, updated, [atom_entry(request, entry) for entry in found])
    return document(xml.write_feed(atom, base), ATOM_TYPE, updated)


def atom_entry(request: Request, entry: Entry) -> xml.AtomEntry:
    base, title = request.site.site_url, entry.title
    if entry.comment_id is None:
        key = f"/posts/{entry.post_id}"
        address = site_url(request.registry, "posts.view", id=entry.post_id, slug=entry.slug)
    else:
        key = f"/comments/{entry.comment_id}"
        address = f"{base}{key}/"
        title = request.translate(_("Comment on ${title}", mapping={"title": title}))
    if entry.author_name is None:
        author = xml.Author(request.translate(_("Former member")), None)
    else:
        profile = site_url(request.registry, "users.profile", name=entry.author_name.lower())
        author = xml.Author(entry.author_display_name or entry.author_name, profile)
    link = entry.link_url or ""
    html, times = with_link(link, entry.body_html), (entry.published_at, entry.updated_at)
    return xml.AtomEntry(key, address, title, html, *times, author, entry.tags, link)


def document(body: bytes, content_type: str, updated: datetime | None = None) -> Response:
    """An answer that is the same for everybody, with what makes the next one cheap (RFC 9110, 13)."""
    response = Response(body, content_type=content_type, charset="utf-8")
    response.etag = hashlib.sha256(body).hexdigest()[:32]
    response.last_modified = updated
    response.headers["Cache-Control"] = CACHE_CONTROL
    response.conditional_response = True
    return response


def post_source(context: PostPage, request: Request) -> Response:
    """The Markdown of a post, for programs and for people who quote. `nosniff` stands on every answer."""
    words = source.source_of(request.dbsession, context.id)
    response = Response(words.markdown.encode(), content_type="text/markdown", charset="utf-8")
    return of_page(response, address_of(context, request))


def post_json(context: PostPage, request: Request) -> Response:
    """The same for programs that want to know more of it (RFC 8259)."""
    words = source.source_of(request.dbsession, context.id)
    address = address_of(context, request)
    data = source.described(context, words, address, request.site.site_url)
    response = Response(json.dumps(data, ensure_ascii=False).encode(), content_type="application/json")
    return of_page(response, address)


def address_of(post: PostPage, request: Request) -> str:
    return site_url(request.registry, "posts.view", id=post.id, slug=post.slug)


def of_page(response: Response, address: str) -> Response:
    """Says of which page an answer is another form (RFC 6596)."""
    response.headers["Link"] = f'<{address}>; rel="canonical"'
    return response


def sitemap_index(request: Request) -> Response:
    """Where the parts of the site map are (sitemaps.org 0.9)."""
    parts = sitemap.count_parts(request.dbsession)
    addresses = [site_url(request.registry, "feeds.sitemap", part=part) for part in range(parts)]
    return document(xml.write_sitemap_index(addresses), "application/xml")


def sitemap_part(request: Request) -> Response:
    """The addresses of one part, the first with the front page."""
    part = row_number(request.matchdict["part"])
    if part is None or part >= sitemap.count_parts(request.dbsession):
        raise HTTPNotFound
    addresses: list[tuple[str, Any]] = [] if part else [(site_url(request.registry, "posts.list"), None)]
    addresses += (
        (site_url(request.registry, "posts.view", id=row.id, slug=row.slug), row.changed_at)
        for row in sitemap.posts_of_part(request.dbsession, part)
    )
    return document(xml.write_sitemap(addresses), "application/xml")
