"""Where a member's text may lead: to the web, a mail address or a path of ours; addresses without markup too."""

import re

from markdown_it.rules_inline import StateInline, autolink

from myproject.markdown.limits import URL_STEPS, count_steps

URL_MAX_LENGTH = 2_000
BARE_URL_MAX_LENGTH = 1_000
BARE_URL_MAX_BRACKETS = 20
LINK_REL = "nofollow ugc noopener"
ABSOLUTE_LINK = re.compile(r"(?:https?://|mailto:)[^\x00-\x20\x7f\\]+\Z", re.IGNORECASE)
# A path of ours: no second slash or backslash, which would make it a host.
LOCAL_LINK = re.compile(r"/(?![/\\])[^\x00-\x20\x7f\\]*\Z")
SCHEME_BEFORE = re.compile(r"(?:^|[^a-z0-9+.-])(https?)\Z", re.IGNORECASE)
BARE_URL = re.compile(rf"[^\s<>]{{,{BARE_URL_MAX_LENGTH}}}")


def is_safe_link(url: str) -> bool:
    """Whether a member's text may link to `url`: http, https, mailto, or a path of ours."""
    return len(url) <= URL_MAX_LENGTH and bool(ABSOLUTE_LINK.match(url) or LOCAL_LINK.match(url))


def link_in_brackets(state: StateInline, silent: bool) -> bool:
    """The library's rule for `<http://...>`, with what that costs."""
    found = autolink(state, silent)
    if found:
        count_steps(state.env, URL_STEPS)
    return found


def link_bare_url(state: StateInline, silent: bool) -> bool:
    """Makes a link of `http://...` in the text.

    In place of the library's rules: one searches all the text so far at each `://`, the other takes every
    `notes.md` for a host in Moldova.
    """
    if state.linkLevel or not state.src.startswith("://", state.pos):
        return False
    before = SCHEME_BEFORE.search(state.src[max(0, state.pos - 6) : state.pos])
    if not before or not state.pending.endswith(before[1]):
        return False
    count_steps(state.env, URL_STEPS)
    scheme = before[1]
    candidate = BARE_URL.match(state.src, state.pos - len(scheme))
    assert candidate
    assert state.md.linkify
    # The library looks for the end of each bracket and quote.
    if sum(map(candidate[0].count, "([{\"'")) > BARE_URL_MAX_BRACKETS:
        return False
    found = state.md.linkify.match_at_start(candidate[0])
    if not found or len(found.url) == BARE_URL_MAX_LENGTH:
        return False
    url = found.url.rstrip("*")  # emphasis around an address
    target = state.md.normalizeLink(url)
    if not state.md.validateLink(target):
        return False
    if not silent:
        state.pending = state.pending[: -len(scheme)]
        state.push("link_open", "a", 1).attrs = {"href": target}
        state.push("text", "", 0).content = state.md.normalizeLinkText(url)
        state.push("link_close", "a", -1)
    state.pos += len(url) - len(scheme)
    return True
