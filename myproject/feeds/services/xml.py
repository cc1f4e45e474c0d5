"""Atom feeds (RFC 4287) and site maps (sitemaps.org 0.9), well-formed whatever members have written."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

ATOM = "http://www.w3.org/2005/Atom"
SITEMAP = "http://www.sitemaps.org/schemas/sitemap/0.9"
# Characters that XML 1.0 (2.2) has no way to write.
UNWRITABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# What a rendered text leads to or shows: a path of ours, or a place in the same text. No text holds a `<`.
OWN_ADDRESS = re.compile(r'(<(?:a|img)\b[^<>]*?\s(?:href|src)=")(/(?!/)|#)')
NOTHING_YET = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Author:
    name: str
    address: str | None


@dataclass(frozen=True)
class AtomEntry:
    """`key` is the entry's path without what may change, such as `/posts/1`; addresses are absolute. `related` is
    that of what it is about, if it stands elsewhere.
    """

    key: str
    address: str
    title: str
    html: str
    published: datetime
    updated: datetime
    author: Author
    tags: Iterable[str] = ()
    related: str = ""


@dataclass(frozen=True)
class AtomFeed:
    """`address` is where the feed itself stands, `page` what it mirrors; both absolute."""

    address: str
    page: str
    title: str
    updated: datetime | None
    entries: Iterable[AtomEntry]


def add(parent: Element, name: str, text: str | None = None, **attributes: str) -> Element:
    """Adds an element; leaves out of its text what XML can't hold."""
    element = SubElement(parent, name, {key: UNWRITABLE.sub("", value) for key, value in attributes.items()})
    if text is not None:
        element.text = UNWRITABLE.sub("", text)
    return element


def quoted(text: str) -> str:
    """A text as part of an address (RFC 3986, 2.1)."""
    return quote(text, safe="")


def moment(value: datetime) -> str:
    """A date and time by RFC 3339, in UTC, to the second."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def absolute(html: str, site_url: str, address: str) -> str:
    """A rendered text with addresses that hold wherever it is read."""
    return OWN_ADDRESS.sub(
        lambda found: f"{found[1]}{site_url}/" if found[2] == "/" else f"{found[1]}{address}#", html
    )


def tag_uri(site_url: str, key: str, published: datetime) -> str:
    """The name of an entry, the same for ever (RFC 4151): whatever its title, and the port, become."""
    return f"tag:{urlsplit(site_url).hostname},{published.astimezone(UTC):%Y-%m-%d}:{key}"


def write_feed(feed: AtomFeed, site_url: str) -> bytes:
    """The feed as a document in UTF-8."""
    root = Element("feed", {"xmlns": ATOM})
    add(root, "id", feed.address)
    add(root, "title", feed.title)
    add(root, "updated", moment(feed.updated or NOTHING_YET))
    add(root, "link", rel="self", type="application/atom+xml", href=feed.address)
    add(root, "link", rel="alternate", type="text/html", href=feed.page)
    for each in feed.entries:
        entry = add(root, "entry")
        add(entry, "id", tag_uri(site_url, each.key, each.published))
        add(entry, "title", each.title)
        add(entry, "link", rel="alternate", type="text/html", href=each.address)
        if each.related:
            add(entry, "link", rel="related", href=each.related)
        add(entry, "published", moment(each.published))
        add(entry, "updated", moment(each.updated))
        author = add(entry, "author")
        add(author, "name", each.author.name)
        if each.author.address:
            add(author, "uri", each.author.address)
        for tag in each.tags:
            add(entry, "category", term=tag)
        add(entry, "content", absolute(each.html, site_url, each.address), type="html")
    return document(root)


def write_sitemap(addresses: Iterable[tuple[str, datetime | None]]) -> bytes:
    """A part of the site map: absolute addresses, each with when it changed."""
    root = Element("urlset", {"xmlns": SITEMAP})
    for address, changed in addresses:
        url = add(root, "url")
        add(url, "loc", address)
        if changed is not None:
            add(url, "lastmod", moment(changed))
    return document(root)


def write_sitemap_index(addresses: Iterable[str]) -> bytes:
    root = Element("sitemapindex", {"xmlns": SITEMAP})
    for address in addresses:
        add(add(root, "sitemap"), "loc", address)
    return document(root)


def document(root: Element) -> bytes:
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
