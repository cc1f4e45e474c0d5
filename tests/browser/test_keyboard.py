"""Everything a member does, without a mouse."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, StorageState, expect

from tests.conftest import CAPTCHA_ANSWER, PASSWORD

MOST_STEPS = 60
IS_FOCUSED = "element => element === document.activeElement"
OUTLINE = """element => {
  const style = getComputedStyle(element);
  const box = element.getBoundingClientRect();
  const shown = box.bottom > 0 && box.right > 0 && box.top < innerHeight;
  return shown && style.outlineStyle !== "none" ? parseFloat(style.outlineWidth) : 0;
}"""


def tab_to(page: Page, target: Locator) -> None:
    """Presses Tab until the target has the focus; all that has it on the way is seen to have it."""
    for _ in range(MOST_STEPS):
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        assert focused.evaluate(OUTLINE) >= 2, f"the focus can't be seen: {focused.evaluate('e => e.outerHTML')}"
        if target.evaluate(IS_FOCUSED):
            return
    raise AssertionError(f"Tab does not lead to {target}")


def type_into(page: Page, label: str, text: str) -> None:
    tab_to(page, page.get_by_label(label, exact=True))
    page.keyboard.type(text)


def press(page: Page, target: Locator) -> None:
    """Goes to a link or button, presses Enter, and is where that leads."""
    tab_to(page, target)
    with page.expect_navigation():
        page.keyboard.press("Enter")


@pytest.mark.with_and_without_javascript
def test_skip_link_is_first_and_leads_to_the_content(page: Page) -> None:
    page.goto("/")
    skip = page.get_by_role("link", name="Skip to content")
    expect(skip).not_to_be_in_viewport()
    page.keyboard.press("Tab")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("main :focus")).to_have_count(1)


@pytest.mark.with_and_without_javascript
def test_newcomer_registers_and_signs_in_by_keyboard(page: Page, javascript: bool) -> None:
    name = f"keys-{'script' if javascript else 'plain'}"
    page.goto("/")
    press(page, page.get_by_role("link", name="Register"))
    type_into(page, "Nickname", name)
    type_into(page, "Email", f"{name}@example.org")
    type_into(page, "Password", PASSWORD)
    type_into(page, "The same again", PASSWORD)
    tab_to(page, page.get_by_label("I accept the terms"))
    page.keyboard.press("Space")
    tab_to(page, page.locator("[name=captcha_answer]"))
    page.keyboard.type(CAPTCHA_ANSWER)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=f"Hi {name}!")).to_be_visible()

    press(page, page.get_by_role("button", name="Sign out"))
    expect(page.get_by_text("You have signed out")).to_be_visible()
    press(page, page.get_by_role("link", name="Sign in"))
    type_into(page, "Nickname or email", name)
    type_into(page, "Password", PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_text(f"Welcome {name}")).to_be_visible()


@pytest.mark.with_and_without_javascript
def test_member_posts_and_comments_by_keyboard(
    make_page: Callable[..., Page], signed_in: Callable[[str], StorageState], javascript: bool
) -> None:
    page = make_page(java_script_enabled=javascript, storage_state=signed_in("nikos"))
    page.goto("/users/me/")
    press(page, page.get_by_role("link", name="New post"))
    # The same words sent twice are one post.
    title = f"Typed {'with' if javascript else 'without'} a script"
    type_into(page, "Title", title)
    type_into(page, "Text", "With *keys* only")
    press(page, page.get_by_role("button", name="Preview"))
    expect(page.get_by_role("region", name="Preview").locator("em")).to_have_text("keys")
    press(page, page.get_by_role("button", name="Publish"))
    expect(page.get_by_role("heading", level=1)).to_have_text(title)

    type_into(page, "Your comment", "And a comment")
    press(page, page.get_by_role("button", name="Send"))
    expect(page.locator(".comment:target")).to_contain_text("And a comment")
    press(page, page.get_by_role("link", name="Reply to"))
    type_into(page, "Your comment", "And a reply")
    press(page, page.get_by_role("button", name="Send"))
    expect(page.locator(".comments .comments .comment:target")).to_contain_text("And a reply")


def test_focus_moves_to_the_list_of_errors_and_from_there_to_the_field(page: Page) -> None:
    page.goto("/users/register/")
    page.get_by_label("Nickname").fill("x")
    page.keyboard.press("Enter")
    summary = page.get_by_role("alert")
    expect(summary).to_be_focused()
    assert summary.evaluate(OUTLINE) >= 2
    press(page, summary.get_by_role("link", name="Email"))
    expect(page.get_by_label("Email")).to_be_focused()


def test_code_that_is_too_wide_scrolls_by_keyboard(page: Page) -> None:
    page.set_viewport_size({"width": 320, "height": 700})
    page.goto("/@priya/")
    page.get_by_role("link", name="Forty lines that tell us").click()
    code = page.locator("pre").first
    tab_to(page, code)
    page.keyboard.press("ArrowRight")
    page.wait_for_function("element => element.scrollLeft > 0", arg=code.element_handle())
