"""Being told: an answer arrives in the inbox, and is read by reading it, with scripts and without."""

import re
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, StorageState, expect

from tests.browser.test_pages import DEEP_THREAD, open_post

SECONDS_FOR_A_TASK = 10


def unread_items(page: Page) -> Locator:
    page.goto("/notifications/")
    return page.locator(".notices > li").filter(has_text="Unread")


def wait_until_read(page: Page, words: str) -> None:
    """Looks at the inbox until nothing unread in it has these words: a worker writes down what was read."""
    until = time.monotonic() + SECONDS_FOR_A_TASK
    while unread_items(page).filter(has_text=words).count():
        assert time.monotonic() < until, words


@pytest.mark.with_and_without_javascript
def test_an_answer_stands_in_the_inbox_until_it_is_read(
    make_page: Callable[..., Page], signed_in: Callable[[str], StorageState], javascript: bool
) -> None:
    author, title = DEEP_THREAD
    # The same words sent twice are one comment.
    words = f"Words for the inbox, {'with' if javascript else 'without'} a script."
    writer = make_page(storage_state=signed_in("tomasz"), java_script_enabled=javascript)
    open_post(*DEEP_THREAD)(writer)
    writer.get_by_label("Your comment").fill(words)
    writer.get_by_role("button", name="Send").click()
    expect(writer.locator(".comment:target")).to_contain_text(words)

    reader = make_page(storage_state=signed_in(author), java_script_enabled=javascript)
    reader.goto("/")
    # As a screen reader hears it.
    reader.get_by_role("link", name=re.compile(r"^Notifications, \d+\+? unread$")).click()
    expect(reader.get_by_role("heading", level=1)).to_have_text("Notifications")
    first = reader.locator(".notices > li").first
    expect(first).to_contain_text(re.compile(r"Unread\s+tomasz commented on your post"))
    first.get_by_role("link", name=title).click()
    expect(reader.locator(".comment:target")).to_contain_text(words)
    wait_until_read(reader, title)

    first.get_by_role("link", name="Why?").click()
    expect(reader.get_by_text("tomasz answered your post.").first).to_be_visible()
    reader.get_by_role("link", name="Change what you hear of, and where").click()
    reader.get_by_label("By mail: Comments on your posts").select_option("In the digest")
    reader.get_by_label("The digest").select_option("Every week")
    reader.get_by_role("button", name="Save").click()
    expect(reader.get_by_text("Your choice is saved")).to_be_visible()
    expect(reader.get_by_label("By mail: Comments on your posts")).to_have_value("2")

    reader.goto("/notifications/")
    if reader.get_by_role("button", name="Mark all as read").count():
        reader.get_by_role("button", name="Mark all as read").click()
    expect(reader.get_by_role("link", name="Notifications", exact=True)).to_be_visible()
