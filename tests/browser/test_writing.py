"""Writing where the network, the site or the reader stops halfway: nothing is lost, nothing comes twice."""

import re
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, Route, StorageState, expect

LONG_ENOUGH = 15_000  # milliseconds, for what a script does by itself


def fill_post(page: Page, title: str, text: str = "Some text") -> None:
    page.goto("/posts/new/")
    page.get_by_label("Title").fill(title)
    page.get_by_label("Text").fill(text)


def listed(page: Page, title: str) -> int:
    """How many posts of that title the front page has."""
    page.goto("/")
    return page.get_by_role("link", name=title, exact=True).count()


def read_until(page: Page, wanted: Locator) -> None:
    """Reads the page anew until it has what is wanted."""
    until = time.monotonic() + LONG_ENOUGH / 1000
    while not wanted.count():
        assert time.monotonic() < until
        page.wait_for_timeout(100)
        page.reload()


@pytest.mark.with_and_without_javascript
def test_post_is_there_once_though_the_answer_to_it_never_came(
    make_page: Callable[..., Page], signed_in: Callable[[str], StorageState], javascript: bool
) -> None:
    page = make_page(storage_state=signed_in("tomasz"), java_script_enabled=javascript)
    title = f"Cut in the middle {'with' if javascript else 'without'} a script"
    cut: list[int] = []

    def cut_the_answer(route: Route) -> None:
        """The site gets the form and acts; the browser hears nothing of it."""
        if route.request.method == "POST" and "publish" in (route.request.post_data or "") and not cut:
            cut.append(route.fetch(max_redirects=0).status)
            route.abort("connectionreset")
        else:
            route.continue_()

    fill_post(page, title)
    page.route("**/posts/new/*", cut_the_answer)
    page.get_by_role("button", name="Publish").click()
    page.wait_for_url("chrome-error://**")
    assert cut == [303]
    # Reloading sends the form again, as the browser's own page of the failure offers.
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    assert listed(page, title) == 1


@pytest.mark.with_and_without_javascript
def test_comment_sent_without_a_connection_is_sent_once_it_is_back(
    make_page: Callable[..., Page], signed_in: Callable[[str], StorageState], javascript: bool
) -> None:
    page = make_page(storage_state=signed_in("tomasz"), java_script_enabled=javascript)
    fill_post(page, f"Without a connection, {'script' if javascript else 'plain'}")
    page.get_by_role("button", name="Publish").click()
    page.get_by_label("Your comment").fill("Said in a tunnel")
    page.wait_for_load_state()  # the scripts of the page have come before the connection goes
    page.context.set_offline(True)
    page.get_by_role("button", name="Send").click()
    page.wait_for_url("chrome-error://**")
    page.context.set_offline(False)
    page.reload()
    expect(page.locator(".comment:target")).to_contain_text("Said in a tunnel")
    expect(page.locator(".comment")).to_have_count(1)


@pytest.mark.with_and_without_javascript
def test_what_was_typed_is_there_behind_a_page_of_the_browser_that_says_there_is_no_connection(
    make_page: Callable[..., Page], signed_in: Callable[[str], StorageState], javascript: bool
) -> None:
    page = make_page(storage_state=signed_in("tomasz"), java_script_enabled=javascript)
    way = "with" if javascript else "without"
    fill_post(page, f"Back {way} a script", "Typed on a train")

    def press_without_connection(button: str) -> None:
        page.wait_for_load_state()
        page.context.set_offline(True)
        page.get_by_role("button", name=button).click()
        page.wait_for_url("chrome-error://**")
        page.context.set_offline(False)
        # The process of the page that was left says what was typed there as it ends. Nobody is back sooner.
        page.wait_for_timeout(500)
        page.go_back()

    press_without_connection("Publish")
    expect(page.get_by_label("Text")).to_have_value("Typed on a train")
    # The page of a preview, and that of a mistake, came as the answer to what was sent.
    page.get_by_role("button", name="Preview").click()
    page.get_by_label("Title").fill("")
    page.get_by_label("Text").fill("Typed on a ship")
    press_without_connection("Publish")
    expect(page.get_by_label("Text")).to_have_value("Typed on a ship")
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_label("Title").fill(f"Back {way} a script")
    page.get_by_label("Text").fill("Typed on a plane")
    press_without_connection("Publish")
    expect(page.get_by_label("Title")).to_have_value(f"Back {way} a script")
    expect(page.get_by_label("Text")).to_have_value("Typed on a plane")
    page.get_by_role("button", name="Publish").click()
    page.get_by_role("link", name="Edit", exact=True).first.click()
    page.get_by_label("Text").fill("Typed in the hills")
    press_without_connection("Save")
    expect(page.get_by_label("Text")).to_have_value("Typed in the hills")


def test_draft_saves_itself_and_is_published_once(
    make_page: Callable[..., Page], signed_in: Callable[[str], StorageState]
) -> None:
    page = make_page(storage_state=signed_in("tomasz"))
    fill_post(page, "Saved by itself", "The beginning")
    status = page.get_by_role("status").filter(has_text="saved")
    expect(status).to_have_text("Your draft is saved.", timeout=LONG_ENOUGH)
    expect(page).to_have_url(re.compile(r"/posts/\d+/edit/$"))
    with page.expect_response(lambda answer: answer.request.method == "POST", timeout=LONG_ENOUGH) as saved:
        page.get_by_label("Text").press_sequentially(" and more")
    assert saved.value.headers["draft-version"] == "2"
    page.reload()
    expect(page.get_by_label("Text")).to_have_value(re.compile("and more$|The beginning and more"))
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Saved by itself")
    page.goto("/drafts/")
    expect(page.get_by_role("link", name="Saved by itself")).to_have_count(0)
    assert listed(page, "Saved by itself") == 1


def test_what_was_typed_before_the_script_came_is_kept_too(
    make_page: Callable[..., Page], signed_in: Callable[[str], StorageState]
) -> None:
    page = make_page(storage_state=signed_in("tomasz"))
    underway: list[Route] = []
    page.route("**/js/drafts.*.js", lambda route: underway.append(route))
    with page.expect_request("**/js/drafts.*.js"):
        page.goto("/posts/new/", wait_until="commit")
    page.get_by_label("Title").fill("Typed on a slow line")
    page.get_by_label("Text").fill("All of it")
    underway[0].continue_()
    page.unroute_all()
    expect(page.get_by_text("Your draft is saved.")).to_be_visible(timeout=LONG_ENOUGH)
    page.reload()
    expect(page.get_by_label("Text")).to_have_value("All of it")


def test_what_was_typed_just_before_leaving_is_kept(
    make_page: Callable[..., Page], signed_in: Callable[[str], StorageState]
) -> None:
    page = make_page(storage_state=signed_in("tomasz"))
    fill_post(page, "Left at once", "The beginning")
    page.get_by_role("link", name="Search").click()
    page.wait_for_url("**/search/**")
    # What a page sends as it goes is nobody's to wait for.
    other = make_page(storage_state=signed_in("tomasz"))
    other.goto("/drafts/")
    draft = other.get_by_role("link", name="Left at once")
    read_until(other, draft)
    draft.click()
    expect(other.get_by_label("Text")).to_have_value("The beginning")
    # Back at its page, that goes on with the same draft.
    page.go_back()
    page.get_by_label("Text").fill("The beginning, and more")
    expect(page.get_by_text("Your draft is saved.")).to_be_visible(timeout=LONG_ENOUGH)
    other.reload()
    expect(other.get_by_label("Text")).to_have_value("The beginning, and more")


def test_what_was_typed_just_before_another_button_is_kept_until_it_is_let_go(
    make_page: Callable[..., Page], signed_in: Callable[[str], StorageState]
) -> None:
    page = make_page(storage_state=signed_in("tomasz"))
    fill_post(page, "Buttons beside a comment")
    page.get_by_role("button", name="Publish").click()
    field = page.get_by_label("Your comment")
    field.fill("Half a thou")
    page.wait_for_load_state()  # the script has come
    page.get_by_role("button", name="Bookmark", exact=True).click()
    expect(page.get_by_text("The post is among your bookmarks")).to_be_visible()
    # That page may have been faster than the text on its way.
    read_until(page, page.get_by_text("This is what you had written"))
    expect(field).to_have_value("Half a thou")
    field.fill("Half a thou, let go")
    page.get_by_role("button", name="Let it go").click()
    expect(page.get_by_text("This is what you had written")).to_have_count(0)
    page.reload()
    expect(field).to_have_value("")


def test_editor_says_that_a_text_is_too_long_and_sends_none_that_could_not_come_back(
    make_page: Callable[..., Page], signed_in: Callable[[str], StorageState]
) -> None:
    page = make_page(storage_state=signed_in("tomasz"))
    fill_post(page, "By far too long", "x" * 65_537)
    text, warning = page.get_by_label("Text"), page.get_by_role("alert")
    expect(warning).to_have_text("This is too long: at most 64 KiB. Split it, or shorten it.")
    text.fill("x" * 65_536)
    expect(warning).to_have_count(0)
    too_much = "\u00e4" * 600_000
    text.fill(too_much)
    page.get_by_role("button", name="Publish").click()
    expect(warning).to_contain_text("was not sent")
    expect(text).to_be_focused()
    assert text.input_value() == too_much


def test_comment_under_way_is_there_in_another_browser(
    make_page: Callable[..., Page], signed_in: Callable[[str], StorageState]
) -> None:
    state = signed_in("tomasz")
    page = make_page(storage_state=state)
    fill_post(page, "Begun here, ended there")
    page.get_by_role("button", name="Publish").click()
    page.get_by_label("Your comment").fill("Half a thou")
    expect(page.get_by_text("What you write is kept.")).to_be_visible(timeout=LONG_ENOUGH)
    other = make_page(storage_state=state)
    other.goto(page.url)
    expect(other.get_by_text("This is what you had written")).to_be_visible()
    expect(other.get_by_label("Your comment")).to_have_value("Half a thou")
    other.get_by_role("button", name="Let it go").click()
    page.goto(page.url)
    expect(page.get_by_label("Your comment")).to_have_value("")
