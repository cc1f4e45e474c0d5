"""Passwords known from leaks (OWASP ASVS 5.0: 6.2.12), by a server that does not learn which one it was asked for.

It speaks the protocol of Have I Been Pwned's range API: it is sent the first five of the forty hexadecimal digits
of a SHA-1, and answers with the rest of each that it knows under these, one a line, `REST:COUNT`. The site asks
nobody unless a setting names a server.
"""

import hashlib
import logging
from urllib.parse import urlsplit

import requests

from myproject.security.outbound import open_session

log = logging.getLogger(__name__)

PREFIX_LENGTH = 5
# Somebody waits for it, and what they wait for works without.
SECONDS = 3.0


def is_leaked(password: str, range_url: str) -> bool:
    """Whether the server at `range_url`, empty for none, knows the password from a leak. False, and a line in the
    log, where it does not answer. Call it with no transaction open.
    """
    if not range_url:
        return False
    digest = hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()
    prefix, rest = digest[:PREFIX_LENGTH], digest[PREFIX_LENGTH:]
    try:
        # A setting names the host, so it may be in a private network.
        with open_session([urlsplit(range_url).netloc.lower()], seconds=SECONDS) as session:
            # Padded with lines of count 0, the length of an answer does not tell the digits to who listens.
            response = session.get(f"{range_url.rstrip('/')}/{prefix}", headers={"Add-Padding": "true"})
        response.raise_for_status()
    except requests.RequestException as error:
        log.warning("passwords: no answer from %s, so none was looked up: %s", range_url, type(error).__name__)
        return False
    found = (line.strip().upper().partition(":") for line in response.text.splitlines())
    return any(suffix == rest and count.strip("0") for suffix, _, count in found)
