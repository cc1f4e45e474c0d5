"""On paper, in a reader's view and at twice the size a post loses no word, and shows nothing to press."""

import pytest
from playwright.sync_api import Page

from tests.browser import people

# What the page says, part by part, as it is shown; and the controls that can be seen.
WORDS = """() => [...document.querySelectorAll('main h1, main .prose, main .byline')]
    .filter(element => element.checkVisibility({contentVisibilityAuto: true}) && element.getClientRects().length)
    .map(element => element.innerText.replace(/\\s+/g, ' ').trim())"""
CONTROLS = """() => [...document.querySelectorAll('button, input, textarea, select, form, nav')]
    .filter(element => element.checkVisibility() && element.getClientRects().length)
    .map(element => element.outerHTML.slice(0, 120))"""

FIXED = """() => [...document.querySelectorAll('*')]
    .filter(element => ['fixed', 'sticky'].includes(getComputedStyle(element).position)).length"""


@pytest.fixture
def member(page: Page) -> Page:
    """Somebody who is signed in, at a post that was answered."""
    people.sign_in(page, "ada", people.DEMO_PASSWORD)
    page.goto("/?sort=active")
    page.locator(".post-title a").first.click()
    assert page.locator("#comments .comment .prose").count() > 0
    return page


def test_paper_holds_all_words_and_no_control(member: Page) -> None:
    words = member.evaluate(WORDS)
    member.emulate_media(media="print")
    assert member.evaluate(WORDS) == words
    assert len(words) > 3
    assert member.evaluate(CONTROLS) == []
    for words in ("Edit", "Remove", "Next new comment"):
        assert not any(link.is_visible() for link in member.get_by_role("link", name=words, exact=True).all())


def test_a_reader_finds_one_heading_and_the_post_in_one_article(member: Page) -> None:
    assert member.locator("h1").count() == 1
    assert member.locator("article:has(h1)").count() == 1
    assert member.locator("article:has(h1) > .prose").count() == 1


def test_at_twice_the_size_nothing_is_lost_or_has_to_be_scrolled_sideways(member: Page) -> None:
    words = member.evaluate(WORDS)
    # A window of 1280 pixels at 200 % has room for 640 (WCAG 1.4.4, 1.4.10).
    member.set_viewport_size({"width": 640, "height": 360})
    assert member.evaluate(WORDS) == words
    assert member.evaluate("() => document.documentElement.scrollWidth") <= 640
    assert member.evaluate(FIXED) == 0
