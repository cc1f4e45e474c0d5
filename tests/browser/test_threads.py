"""The threads below a post, closed and opened."""

from playwright.sync_api import Page, expect


def test_closed_thread_is_closed_still_after_a_reload_until_a_link_leads_into_it(page: Page) -> None:
    page.goto("/@priya/")
    page.get_by_role("link", name="Forty lines").click()
    threads = page.locator("details.replies")
    expect(threads.first).to_have_attribute("open", "")
    number = threads.count()
    threads.first.locator("> summary").click()
    expect(page.locator("details.replies:not([open])")).to_have_count(1)
    page.reload()
    expect(page.locator("details.replies:not([open])")).to_have_count(1)
    expect(threads).to_have_count(number)

    inside = threads.first.locator(".comment").first.get_attribute("id") or ""
    page.goto("/")
    page.goto(f"/comments/{inside.removeprefix('comment-')}/")
    expect(page.locator(f"#{inside}")).to_be_visible()
    page.reload()
    expect(page.locator("details.replies:not([open])")).to_have_count(0)
