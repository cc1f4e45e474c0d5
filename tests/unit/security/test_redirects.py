"""Where `next` may lead. What is hostile here led away in some framework, proxy or browser once."""

from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyramid.httpexceptions import HTTPSeeOther

from myproject.security.redirects import LONGEST, local_path

HOSTILE = [
    # Nothing, or no path.
    "",
    " ",
    "posts/",
    "./posts/",
    "../posts/",
    "?a=b",
    "#top",
    "evil.example",
    "@evil.example",
    # Other schemes and hosts.
    "https://evil.example",
    "https://evil.example/posts/",
    "HTTPS://evil.example",
    "http:evil.example",
    "https:evil.example",
    "https:/evil.example",
    "https:///evil.example",
    "https:\\\\evil.example",
    "ftp://evil.example",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\tscript:alert(1)",
    "javascript://localhost/%0aalert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:msgbox(1)",
    "mailto:a@evil.example",
    "blob:https://evil.example/1",
    # The host without a scheme.
    "//evil.example",
    "//evil.example/posts/",
    "///evil.example",
    "////evil.example",
    "//user:secret@evil.example",
    "//localhost@evil.example",
    "//[::1]",
    "//evil。example",
    "\\\\evil.example",
    "\\/evil.example",
    "/\\evil.example",
    "/\\/evil.example",
    "/\\\\evil.example",
    "/\\@evil.example",
    # What browsers take out before they read: tab, line feed, carriage return; blanks before and behind.
    "/\t/evil.example",
    "/\n/evil.example",
    "/\r/evil.example",
    "/\r\n/evil.example",
    "\t//evil.example",
    "\n//evil.example",
    " //evil.example",
    " /posts/",
    "/posts/ ",
    "/posts/\n",
    "/ /evil.example",
    "/\x00/evil.example",
    "/\x01/evil.example",
    "/\x0b/evil.example",
    "/\x1f/evil.example",
    "/\x7f/evil.example",
    "\x00//evil.example",
    "/posts/\x00",
    # A header of their own.
    "/posts/\r\nSet-Cookie: a=b",
    "/posts/\nLocation: https://evil.example",
    "/posts/%0d%0aSet-Cookie:a=b",
    # The same percent-encoded, once and more often.
    "/%09/evil.example",
    "/%0a/evil.example",
    "/%0d%0a/evil.example",
    "/%00/evil.example",
    "/%7f/evil.example",
    "/%2f/evil.example",
    "/%2F/evil.example",
    "/%2fevil.example",
    "/%2f%2fevil.example",
    "/%5cevil.example",
    "/%5C/evil.example",
    "/%5c%5cevil.example",
    "/%255cevil.example",
    "/%252fevil.example",
    "/%25252fevil.example",
    "/%25%32%66evil.example",
    # Overlong or broken UTF-8, which some decoders read as a slash.
    "/%c0%afevil.example",
    "/%e0%80%afevil.example",
    "/%ff",
    # Dots that vanish and leave two slashes.
    "/.//evil.example",
    "/..//evil.example",
    "/%2e//evil.example",
    "/%2e%2e//evil.example",
    "/posts/..//evil.example",
    "/./\\evil.example",
    "/posts//evil.example",
    # What can't be encoded at all.
    "/\ud800",
    "/posts/\udfff/",
    "/posts/?a=\ud800",
    "\ud800//evil.example",
    # Too long to send: Unicode grows when it is encoded.
    "/" + "a" * LONGEST,
    "/" + "é" * (LONGEST // 2),
    "/" + "%25" * LONGEST + "2f",
]

HONEST = {
    "/": "/",
    "/posts/": "/posts/",
    "/posts/1/slug/?a=b#c": "/posts/1/slug/?a=b#c",
    "/posts/1/slug/#comment-7": "/posts/1/slug/#comment-7",
    "/posts/?q=a%20b&page=2": "/posts/?q=a%20b&page=2",
    "/posts/?from=https://other.example//x": "/posts/?from=https://other.example//x",
    "/posts/?next=%2F%2Fother.example": "/posts/?next=%2F%2Fother.example",
    "/users/@ann/": "/users/@ann/",
    "/users/ann:bob/": "/users/ann:bob/",
    "/posts/caf%C3%A9/": "/posts/caf%C3%A9/",
    "/posts/café/": "/posts/caf%C3%A9/",
    "/users/日本/": "/users/%E6%97%A5%E6%9C%AC/",
    "/posts/?q=naïve": "/posts/?q=na%C3%AFve",
    "/posts/😀/": "/posts/%F0%9F%98%80/",
    "/posts/1/?q=100%": "/posts/1/?q=100%",
    "/" + "a" * (LONGEST - 1): "/" + "a" * (LONGEST - 1),
}


def test_the_list_of_hostile_targets_is_long_enough() -> None:
    assert len(set(HOSTILE)) >= 60


@pytest.mark.parametrize("target", HOSTILE, ids=lambda target: ascii(target)[:50])
def test_hostile_target_gives_way(target: str) -> None:
    assert local_path(target, "/otherwise/") == "/otherwise/"


@pytest.mark.parametrize("target", HONEST, ids=lambda target: ascii(target)[:50])
def test_honest_target_is_kept(target: str) -> None:
    assert local_path(target, "/otherwise/") == HONEST[target]


@pytest.mark.parametrize("target", [None, 7, b"/posts/", ["/posts/"], 1.5], ids=repr)
def test_what_is_no_text_gives_way(target: object) -> None:
    assert local_path(target, "/otherwise/") == "/otherwise/"


def test_the_front_page_is_where_to_go_otherwise() -> None:
    assert local_path(None) == "/"


PIECES = st.sampled_from(
    [
        "/",
        "\\",
        ".",
        "..",
        "%",
        "%2f",
        "%5c",
        "%25",
        "%09",
        "\t",
        "\n",
        "\r",
        " ",
        "@",
        ":",
        "?",
        "#",
        "a",
        "é",
        "\0",
    ]
)


@given(
    st.one_of(
        st.text(), st.lists(PIECES, max_size=8).map("".join), st.lists(PIECES).map(lambda p: "/" + "".join(p))
    )
)
def test_whatever_is_sent_the_answer_stays_on_the_site(target: str) -> None:
    path = local_path(target)
    away = urlsplit(urljoin("https://site.example/users/login/", path))
    assert (away.scheme, away.netloc) == ("https", "site.example")
    assert HTTPSeeOther(path).headers["Location"] == path
