"""Forms that are sent twice, too late, or from a browser that has lost its cookies: nothing typed is lost."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, StorageState, expect

from tests.browser.people import DEMO_PASSWORD, fill_new_password, fill_registration, sign_in, sign_out
from tests.conftest import PASSWORD

SHORT, LONG = "Briefly.", "At length, in *two* lines,\n\nso that it is worth keeping."


def write_post(page: Page, title: str) -> None:
    page.goto("/posts/new/")
    page.get_by_label("Title").fill(title)
    page.get_by_label("Text").fill("Answer this")
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(title)


def test_button_pressed_again_before_the_answer_sends_a_comment_once(
    make_page: Callable[..., Page], signed_in: Callable[[str], StorageState]
) -> None:
    page = make_page(storage_state=signed_in("tomasz"))
    # No time that passes is an answer: what waits for long is over at once here.
    page.add_init_script("const wait = setTimeout; setTimeout = (f, ms) => wait(f, ms < 20_000 ? ms : 0)")
    write_post(page, "Clicked twice")
    on_their_way: list[Route] = []
    page.route("**/comments/", lambda route: on_their_way.append(route))
    page.get_by_label("Your comment").fill("Once")
    # The mouse itself: Playwright's buttons wait for the page that is on its way.
    send = page.get_by_role("button", name="Send")
    send.scroll_into_view_if_needed()
    box = send.bounding_box()
    assert box is not None
    with page.expect_request("**/comments/"):
        page.mouse.click(box["x"] + 5, box["y"] + 5)
    page.mouse.dblclick(box["x"] + 5, box["y"] + 5)
    on_their_way[0].continue_()
    expect(page.locator(".comment:target")).to_have_text(re.compile("Once"))
    expect(page.locator(".comment")).to_have_count(1)
    assert len(on_their_way) == 1


@pytest.mark.with_and_without_javascript
def test_form_sent_again_after_going_back_makes_nothing_new(page: Page, javascript: bool) -> None:
    sign_in(page, "tomasz", DEMO_PASSWORD)
    title = f"Back, {'with' if javascript else 'without'} scripts"
    write_post(page, title)
    address = page.url
    page.go_back()
    # The browser fills in what was typed.
    expect(page.get_by_label("Title")).to_have_value(title)
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_text("You have sent this before")).to_be_visible()
    assert page.url == address

    page.get_by_label("Your comment").fill("Only once")
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".comment:target")).to_contain_text("Only once")
    page.go_back()
    expect(page.get_by_label("Your comment")).to_have_value("Only once")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("You have sent this before")).to_be_visible()
    expect(page.locator(".comment")).to_have_count(1)


def test_text_changed_after_going_back_is_asked_about(
    make_page: Callable[..., Page], signed_in: Callable[[str], StorageState]
) -> None:
    page = make_page(storage_state=signed_in("tomasz"))
    write_post(page, "Back, to change it")
    page.get_by_label("Your comment").fill("As it was")
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".comment:target")).to_contain_text("As it was")
    page.go_back()
    page.get_by_label("Your comment").fill("As it was, and more")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("alert")).to_contain_text("You have sent this form before, with another text")
    expect(page.get_by_label("Your comment")).to_have_value("As it was, and more")
    with page.expect_popup() as popup:
        page.get_by_role("link", name="Look at what you sent").click()
    expect(popup.value.locator(".comment:target")).to_contain_text("As it was")
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".comment")).to_have_count(2)


@pytest.mark.with_and_without_javascript
@pytest.mark.parametrize("text", [SHORT, LONG], ids=["short", "long"])
def test_comment_outlives_a_session_that_ended_in_another_tab(page: Page, javascript: bool, text: str) -> None:
    sign_in(page, "grace", DEMO_PASSWORD)
    page.goto("/@priya/")
    page.get_by_role("link", name="Forty lines").click()
    page.get_by_label("Your comment").fill(text)
    other_tab = page.context.new_page()
    other_tab.goto("/")
    sign_out(other_tab)

    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("heading", name="Nothing is lost")).to_be_visible()
    expect(page.get_by_label("Your comment")).to_have_value(text)
    with page.expect_popup() as popup:
        page.get_by_role("link", name="Sign in").and_(page.locator("main a")).click()
    popup.value.get_by_label("Nickname or email").fill("grace")
    popup.value.get_by_label("Password").fill(DEMO_PASSWORD)
    popup.value.locator("main").get_by_role("button", name="Sign in", exact=True).click()
    expect(popup.value.get_by_text("Welcome")).to_be_visible()

    page.get_by_role("button", name="Send again").click()
    expect(page.locator(".comment:target")).to_contain_text(text.partition(",")[0])


@pytest.mark.with_and_without_javascript
def test_registration_comes_back_filled_where_the_cookie_is_lost(page: Page, javascript: bool) -> None:
    name = f"forgetful-{'script' if javascript else 'plain'}"
    page.goto("/users/register/")
    fill_registration(page, name)
    page.context.clear_cookies()
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_role("alert")).to_contain_text("everything else is still here")
    expect(page.get_by_label("Nickname")).to_have_value(name)
    expect(page.get_by_label("Email")).to_have_value(f"{name}@example.org")
    expect(page.get_by_label("I accept the terms")).to_be_checked()
    fill_new_password(page, PASSWORD)
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_role("heading", name=f"Hi {name}!")).to_be_visible()


def test_register_clicked_twice_without_scripts_ends_at_the_account(make_page: Callable[..., Page]) -> None:
    page = make_page(java_script_enabled=False)
    page.goto("/users/register/")
    fill_registration(page, "twice")
    button = page.locator("main").get_by_role("button", name="Register")
    button.scroll_into_view_if_needed()
    box = button.bounding_box()
    assert box is not None
    # The mouse itself: Playwright's buttons wait for the page that is on its way.
    page.mouse.dblclick(box["x"] + 5, box["y"] + 5, delay=50)
    expect(page.get_by_role("heading", name="Hi twice!")).to_be_visible()
    page.go_back()
    page.goto("/users/register/")
    expect(page.get_by_role("heading", name="Hi twice!")).to_be_visible()
