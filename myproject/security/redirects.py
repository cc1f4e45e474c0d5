"""The one way from an address that somebody sent us to a redirect (OWASP ASVS 5.0: 3.7.2)."""

import re
from urllib.parse import quote, unquote, urlsplit

# Where the browser may go: a path of ours. No second slash or backslash, no control characters or blanks.
LOCAL_PATH = re.compile(r"/(?![/\\])[^\x00-\x20\x7f\\]*\Z")
LONGEST = 2000


def local_path(target: str | None, otherwise: str = "/") -> str:
    """`target` where it is a path of ours (with query and fragment), percent-encoded to ASCII; else `otherwise`."""
    if not target or len(target) > LONGEST or not LOCAL_PATH.match(target):
        return otherwise
    try:
        parts = urlsplit(target)
        quoted = quote(target, safe="/?#[]@!$&'()*+,;=:%~-._")
    except (ValueError, UnicodeEncodeError):
        return otherwise
    # Percent-encoded slashes and backslashes at the front are refused too: a proxy may decode them.
    if parts.scheme or parts.netloc or not LOCAL_PATH.match("/" + unquote(target[1:3]).replace("%", "")):
        return otherwise
    return quoted if len(quoted) <= LONGEST else otherwise
