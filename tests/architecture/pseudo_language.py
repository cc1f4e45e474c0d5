"""Tests that `test_i18n.py` runs in a copy of the site that has one more language.

Its catalogue gives every text as itself, between brackets.
"""

import re
from collections.abc import Callable
from html import unescape
from typing import Any

from pyramid.router import Router
from webtest import TestResponse

from tests.architecture.test_i18n import LANGUAGE, MARKED
from tests.conftest import Client

ASKING = {"Accept-Language": f"{LANGUAGE}, en;q=0.5"}
LETTERS = re.compile(r"[^\W\d_]")

Clients = Callable[..., Client]


def asking(client: Client) -> Client:
    """The browser, asking for the language at every request."""
    client.extra_environ["HTTP_ACCEPT_LANGUAGE"] = ASKING["Accept-Language"]
    return client


def words_of(page: TestResponse, pattern: str) -> list[str]:
    """What stands in the elements that a pattern finds, without tags."""
    found = re.findall(pattern, page.text, re.DOTALL)
    assert found, pattern
    return [" ".join(unescape(re.sub(r"<[^>]+>", " ", text)).split()) for text in found]


def unmarked(page: TestResponse, pattern: str) -> list[str]:
    """Those of them that hold letters outside of the brackets."""
    return [text for text in words_of(page, pattern) if LETTERS.search(re.sub(MARKED, "", text))]


LABELS = r"<label[^>]*>(.*?)</label>"
HEADINGS = r"<h1>(.*?)</h1>"
BUTTONS = r"<button[^>]*>(.*?)</button>"
HINTS = r'<p class="field-hint"[^>]*>(.*?)</p>'
SUMMARY = r'<div class="error-summary"[^>]*>(.*?)</div>'
ERRORS = r'<p class="field-error"[^>]*>(.*?)</p>'
FLASH = r'<p class="flash[^>]*>(.*?)</p>'


def test_login_page_is_in_the_language(client: Client) -> None:
    page = asking(client).get("/users/login/")
    assert f'<html lang="{LANGUAGE}"' in page.text
    for pattern in (LABELS, HEADINGS, BUTTONS):
        assert unmarked(page, pattern) == []


def test_errors_of_a_form_are_in_the_language(client: Client) -> None:
    form = asking(client).get("/users/login/").forms["form"]
    page = form.submit(status=422)
    assert unmarked(page, SUMMARY) == []
    assert unmarked(page, ERRORS) == []
    form = client.get("/users/login/").forms["form"]
    form["login"], form["password"] = "nobody", "a password that nobody has"
    assert unmarked(form.submit(status=422), SUMMARY) == []


def test_bounds_in_errors_are_filled_in(client: Client) -> None:
    page = asking(client).register("zo", password="short", confirm="short")
    assert unmarked(page, ERRORS) == []
    assert unmarked(page, HINTS) == []
    assert "${" not in page.text


def test_flash_messages_are_in_the_language(client: Client) -> None:
    page = asking(client).get("/drafts/", status=303).follow()
    assert unmarked(page, FLASH) == []
    page = client.register("zoe").follow()
    assert unmarked(page, FLASH) == []
    assert "%(" not in page.text


def test_page_for_an_unknown_address_is_in_the_language(client: Client) -> None:
    page = asking(client).get("/nowhere/", status=404)
    assert unmarked(page, HEADINGS) == []
    assert unmarked(page, r'<div class="error-page">(.*?)</div>') == []


def test_relative_times_are_in_the_language(client: Client) -> None:
    client.register("zoe")
    assert unmarked(asking(client).get("/@zoe/"), r"<time[^>]*>(.*?)</time>") == []


def test_each_guest_gets_the_cached_page_in_their_language(make_client: Clients, app: Router) -> None:
    for _visit in range(2):
        assert '<html lang="en"' in make_client().get("/").text
        page = asking(make_client()).get("/")
        assert f'<html lang="{LANGUAGE}"' in page.text
        assert "Accept-Language" in page.headers["Vary"]


def test_member_can_choose_the_language(client: Client) -> None:
    client.register("zoe")
    form = client.get("/users/me/edit/").forms["form"]
    form["locale"] = LANGUAGE
    page: Any = form.submit(status=303).follow()
    assert f'<html lang="{LANGUAGE}"' in page.text
    assert unmarked(page, HEADINGS.replace("h1", "h2")) == []
