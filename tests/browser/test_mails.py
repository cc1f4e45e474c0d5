"""Every mail, both parts, as a browser shows it: on a telephone, in light and dark, with nothing loaded."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, StorageState, expect

from myproject.emails.constants import Kind
from tests.browser.axe import axe_findings, load_axe
from tests.browser.people import open_mail
from tests.conftest import LiveServer

# WCAG 2.2's rule on the size of targets is off unless asked for.
PAGE_OPTIONS = {"rules": {"target-size": {"enabled": True}}}
# What WCAG asks. Landmarks, which axe recommends for pages, are the mail program's.
AXE_OPTIONS = PAGE_OPTIONS | {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
}
WIDE, NARROW = 1280, 320


def fits(page: Page) -> bool:
    """Whether nothing of the page has to be scrolled to sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def test_every_mail_reads_well_in_light_and_dark_at_any_width(
    make_page: Callable[..., Page], signed_in: Callable[[str], StorageState], live_server: LiveServer
) -> None:
    page = make_page(storage_state=signed_in("ada"))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    found = []
    for kind in Kind:
        page.set_viewport_size({"width": NARROW, "height": 800})
        page.goto(f"/admin/emails/previews/{kind}/")
        text = page.locator("pre.mail-text").inner_text()
        assert text.startswith("Hello ann,")
        assert set(re.findall(r"https?://[^/\s]+", text)) == {live_server.url}
        assert fits(page), kind

        asked.clear()
        page.goto(f"/admin/emails/previews/{kind}/html/")
        expect(page.locator("hr")).to_be_visible()
        # The page itself, and the icon that browsers ask of any: of the page before, whenever they come to it.
        assert [url for url in asked if "/favicon." not in url] == [page.url]
        hosts = page.locator("a[href]").evaluate_all("links => links.map(link => link.origin)")
        assert set(hosts) == {live_server.url}
        # Axe takes a ground that nobody has painted for white, also where the browser shows it dark.
        page.evaluate("document.documentElement.style.background = 'Canvas'")
        load_axe(page)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            found += axe_findings(page, f"{kind} {scheme}", AXE_OPTIONS)
            assert fits(page), kind
        page.set_viewport_size({"width": WIDE, "height": 800})
        assert fits(page), kind
    assert found == []


def test_the_pages_around_mails_are_usable_on_a_telephone(
    make_page: Callable[..., Page], signed_in: Callable[[str], StorageState]
) -> None:
    page = make_page(storage_state=signed_in("ada"), viewport={"width": NARROW, "height": 800})
    for address in ("/admin/emails/previews/", "/admin/emails/previews/reply/"):
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.goto(address)
            load_axe(page)
            assert axe_findings(page, f"{address} {scheme}", PAGE_OPTIONS) == []
        assert fits(page)
    # The frame holds the mail, and may do nothing with it.
    frame = page.frame_locator("iframe.mail-frame")
    expect(frame.get_by_text("No more mail of this kind")).to_be_visible()


def test_mail_about_a_post_is_stopped_by_the_link_in_it_and_taken_back_in_the_settings(
    make_page: Callable[..., Page], signed_in: Callable[[str], StorageState]
) -> None:
    writer = make_page(storage_state=signed_in("elif"))
    writer.goto("/@priya/")
    writer.get_by_role("link", name="Forty lines").click()
    writer.get_by_role("link", name="Reply to tomasz").first.click()
    writer.get_by_label("Your comment").fill("- One\n- Two, with `code`")
    writer.get_by_role("button", name="Send").click()

    # In a browser where nobody is signed in.
    page = make_page(viewport={"width": NARROW, "height": 800})
    open_mail(page, "tomasz", "About “Forty lines")
    page.locator(".mail-text a[href*='/emails/unsubscribe/']").nth(1).click()
    load_axe(page)
    assert axe_findings(page, "before", PAGE_OPTIONS) == []
    assert fits(page)
    page.emulate_media(color_scheme="dark")
    page.get_by_role("button", name="Stop it").click()
    expect(page.get_by_text("You will get no more of these")).to_be_visible()
    load_axe(page)
    assert axe_findings(page, "after", PAGE_OPTIONS) == []
    assert fits(page)
    assert page.context.cookies() == []

    reader = make_page(storage_state=signed_in("tomasz"))
    reader.goto("/notifications/settings/")
    muted = reader.locator("#posts li").filter(has_text="Forty lines")
    muted.get_by_role("button").click()
    expect(muted).to_have_count(0)
