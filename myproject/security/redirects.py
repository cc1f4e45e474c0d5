"""The one way from an address that somebody sent us to a redirect (OWASP ASVS 5.0: 3.7.2)."""

import re
from typing import Any
from urllib.parse import quote, unquote, urlsplit

# Where the browser may go: a path of ours. No second slash or backslash, no control characters or blanks.
LOCAL_PATH = re.compile(r"/(?![/\\])[^\x00-\x20\x7f\\]*\Z")
# What no path of ours holds once it is decoded, as a proxy may do: what leads away, and what is no UTF-8.
FOREIGN = re.compile(r"//|[\\\x00-\x1f\x7f\ufffd]")
LONGEST = 2000


def local_path(target: Any, otherwise: str = "/") -> str:
    """`target` where it is a path of ours (query and fragment too), percent-encoded; else `otherwise`.

    `target` may be anything that was sent: missing, or a file. `otherwise` is trusted.
    """
    if not isinstance(target, str) or len(target) > LONGEST or not LOCAL_PATH.match(target):
        return otherwise
    try:
        path = fully_unquoted(urlsplit(target).path)
        quoted = quote(target, safe="/?#[]@!$&'()*+,;=:%~-._")
    except (ValueError, UnicodeEncodeError):
        return otherwise
    return otherwise if FOREIGN.search(path) or len(quoted) > LONGEST else quoted


def fully_unquoted(path: str) -> str:
    """`path` decoded until nothing is left to decode: `%252f` is a slash to two proxies in a row."""
    while (decoded := unquote(path)) != path:
        path = decoded
    return path
