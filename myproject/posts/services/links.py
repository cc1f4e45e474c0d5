"""What a post points to: the address that its author gave beside the text."""

from urllib.parse import urlsplit

from markupsafe import Markup

from myproject.markdown.links import LINK_REL


def host_of(link_url: str) -> str:
    """Where an address leads, without `www.`; empty for what leads nowhere in the web (RFC 3986, 3.2.2)."""
    try:
        parts = urlsplit(link_url)
        host = parts.hostname or ""
    except ValueError:
        return ""
    is_plain = parts.scheme in ("http", "https") and "@" not in parts.netloc
    return host.removeprefix("www.") if is_plain else ""


def with_link(link_url: str, body_html: str) -> str:
    """A post as one piece of HTML, for whoever asks what it links to: the link first, then the text."""
    if not link_url:
        return body_html
    line = Markup('<p><a href="{}" rel="{}">{}</a></p>').format(link_url, LINK_REL, link_url)
    return f"{line}\n{body_html}"
