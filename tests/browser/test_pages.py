"""Every kind of page, looked at once: wide and narrow, light and dark."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, StorageState, expect

from tests.browser.axe import axe_findings, load_axe
from tests.browser.conftest import Windows
from tests.browser.people import DEMO_PASSWORD, follow, open_mail, register, sign_in
from tests.conftest import LiveServer

WIDE, NARROW = 1280, 320
# Each width and each scheme once: what axe finds of colours does not depend on the width.
LOOKS: tuple[tuple[int, Literal["light", "dark"]], ...] = ((WIDE, "light"), (NARROW, "dark"))
# WCAG 2.2's rule on the size of targets is off unless asked for.
AXE_OPTIONS = {"rules": {"target-size": {"enabled": True}}}
LENA = "lena"  # of the demo: her address is not verified
WORDY = "bram-de-groot"
LONG_THREAD = ("grace", "Small wins of the week")
REPORTED = 20  # "Slugs", which no other test reads
CHANGED = 19  # "Lights", which none reads either
DEEP_THREAD = ("priya", "Forty lines that tell us")


@dataclass(frozen=True)
class Kind:
    """A kind of page: how to get there, as whom, and with what answer."""

    go: str | Callable[[Page], Any]
    name: str = ""  # a member of the demo; empty for a guest
    status: int = 200


def open_post(author: str, title: str) -> Callable[[Page], Any]:
    def go(page: Page) -> Any:
        page.goto(f"/@{author}/")
        return press(page, page.get_by_role("link", name=title))

    return go


def press(page: Page, what: Any) -> Any:
    """Clicks, and gives the answer of the page that opens."""
    with page.expect_response(lambda response: response.request.is_navigation_request()) as answer:
        what.click()
    page.wait_for_load_state()
    return answer.value


def fail_to_register(page: Page) -> Any:
    page.goto("/users/register/")
    page.get_by_label("Nickname").fill("-")
    return press(page, page.get_by_role("button", name="Register"))


def fail_to_sign_in(page: Page) -> Any:
    page.goto("/users/login/")
    page.get_by_label("Nickname or email").fill("nobody")
    page.get_by_label("Password").fill("wrong")
    return press(page, page.locator("main").get_by_role("button", name="Sign in", exact=True))


def open_verify_link(page: Page) -> Any:
    register(page, "pages-verify")
    open_mail(page, "pages-verify", "Confirm your address")
    follow(page, "/users/verify/")


def open_reset_link(page: Page) -> Any:
    page.goto("/users/lost-password/")
    page.get_by_label("Email").fill("elif@example.org")
    page.get_by_role("button", name="Send me a link").click()
    open_mail(page, "elif", "Choose a new password")
    follow(page, "/users/reset-password/")


def open_a_mail(page: Page) -> Any:
    register(page, "pages-mail")
    open_mail(page, "pages-mail", "Confirm your address")


def preview_post(page: Page) -> Any:
    page.goto("/posts/new/")
    page.get_by_label("Title").fill("A preview")
    page.get_by_label("Text").fill("# One\n\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```python\nx = 1\n```\n")
    page.get_by_label("Tags").fill("tips")
    return press(page, page.get_by_role("button", name="Preview"))


def publish_headings(page: Page) -> Any:
    preview_post(page)
    page.get_by_label("Title").fill("Headings of a post")
    return press(page, page.get_by_role("button", name="Publish"))


def fail_to_publish(page: Page) -> Any:
    page.goto("/posts/new/")
    # The text that was previewed has been kept.
    for label in ("Title", "Text", "Tags"):
        page.get_by_label(label).fill("")
    return press(page, page.get_by_role("button", name="Publish"))


def reply(page: Page) -> Any:
    open_post(*DEEP_THREAD)(page)
    return press(page, page.locator(".comments .comments").get_by_role("link", name="Reply to").first)


def ask_for_too_many_mails(page: Page) -> Any:
    while True:
        page.goto("/users/verify/")
        answer = press(page, page.get_by_role("button", name="Send the mail again"))
        if answer.status == 429:
            return answer


def write_long_words(page: Page) -> None:
    """A name, a title and a comment without a blank in them, the longest there may be."""
    page.goto("/users/me/edit/")
    page.get_by_label("Name to show").fill("W" * 60)
    page.get_by_label("About you").fill("W" * 500)
    page.get_by_role("button", name="Save").click()
    page.goto("/posts/new/")
    page.get_by_label("Title").fill("W" * 150)
    page.get_by_label("Text").fill("W" * 500)
    page.get_by_label("Tags").fill("w" * 30)
    page.get_by_role("button", name="Publish").click()
    page.get_by_label("Your comment").fill("W" * 500)
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".comment:target")).to_be_visible()


def list_long_words(page: Page) -> Any:
    write_long_words(page)
    return page.goto("/")


def mail_long_words(page: Page) -> Any:
    write_long_words(page)
    page.get_by_label("Your comment").fill("@nikos " + "W" * 500)
    page.get_by_role("button", name="Send").click()
    open_mail(page, "nikos", "W" * 150)
    return page.goto("/dev/mailbox/")


def open_member(page: Page) -> Any:
    page.goto("/admin/users/?q=best-bargains")
    return press(page, page.get_by_role("link", name="best-bargains", exact=True))


def open_outbox_mail(page: Page) -> Any:
    page.goto("/admin/emails/doctor/")
    page.locator("[name=probe]").click()
    expect(page.get_by_text("A probe is on its way")).to_be_visible()
    page.goto("/admin/emails/")
    return press(page, page.locator(".data-table th a").first)


def keep_something(page: Page) -> Any:
    open_post(*DEEP_THREAD)(page)
    page.get_by_role("button", name="Bookmark", exact=True).click()
    expect(page.get_by_text("The post is among your bookmarks")).to_be_visible()
    return page.goto("/bookmarks/")


def open_history(page: Page) -> Any:
    """That of somebody else's post, which staff have just changed."""
    page.goto(f"/posts/{CHANGED}/edit/")
    page.get_by_label("Text").press_sequentially("And a **word** more. ")
    page.get_by_label("Reason").fill("A word was missing")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page).to_have_url(re.compile(f"/posts/{CHANGED}/[^/]+/$"))
    return page.goto(f"/posts/{CHANGED}/history/")


def break_down(page: Page) -> Any:
    """Asks for a page whose view fails."""
    page.route(
        "**/users/login/", lambda route: route.continue_(headers=route.request.headers | {"X-Fail": "late"})
    )
    return page.goto("/users/login/")


def follow_something(page: Page) -> Any:
    """The settings, with a post and a tag to stop following."""
    open_post(*DEEP_THREAD)(page)
    page.get_by_role("button", name="Follow", exact=True).click()
    page.locator(".post .tag").first.click()
    page.get_by_role("button", name="Follow this tag").click()
    return page.goto("/notifications/settings/")


def open_inbox(page: Page) -> Any:
    """Ada's, once somebody has answered her in a window of their own."""
    page.goto("/@ada/")
    browser = page.context.browser
    assert browser is not None
    other = browser.new_page(base_url=page.url)
    sign_in(other, "tomasz", DEMO_PASSWORD)
    other.goto("/@ada/posts/")
    other.locator(".post-title a").first.click()
    other.get_by_label("Your comment").fill("An answer, for her inbox.")
    other.get_by_role("button", name="Send").click()
    expect(other.locator(".comment:target")).to_be_visible()
    other.close()
    return page.goto("/notifications/")


def ask_why(page: Page) -> Any:
    open_inbox(page)
    return press(page, page.get_by_role("link", name="Why?").first)


def open_log(page: Page) -> Any:
    open_inbox(page)
    page.goto("/admin/users/?q=ada")
    page.get_by_role("link", name="ada", exact=True).click()
    return press(page, page.get_by_role("link", name="What Ada Moreau was told, by notifications and mail"))


def ask_why_of_member(page: Page) -> Any:
    open_log(page)
    return press(page, page.locator(".data-table a[href*='?post=']").first)


def report(page: Page) -> None:
    """Reports a post, if no page before this one has; on this site one report hides it."""
    page.goto(f"/posts/{REPORTED}/report/")
    what = page.get_by_label("What is wrong with it?")
    if what.count():
        what.select_option(label="Something else")
        press(page, page.get_by_role("button", name="Send to staff"))


def open_hidden(page: Page) -> Any:
    report(page)
    return page.goto(f"/posts/{REPORTED}/hidden/")


def open_queue(page: Page) -> Any:
    report(page)
    return page.goto("/moderation/")


def fail_to_decide(page: Page) -> Any:
    """The page of a case, which is where a reason is asked for that is missing in the queue."""
    open_queue(page)
    return press(page, page.get_by_role("button", name="Remove").first)


KINDS = {
    "home": Kind("/"),
    "active": Kind("/?sort=active"),
    "post": Kind(open_post(*DEEP_THREAD)),
    "long thread": Kind(open_post(*LONG_THREAD)),
    "search": Kind("/search/?q=the+coffee"),
    "profile": Kind("/@ada/"),
    "about": Kind("/about/"),
    "terms": Kind("/terms/"),
    "privacy": Kind("/privacy/"),
    "rules": Kind("/rules/"),
    "404": Kind("/nowhere/", status=404),
    "400": Kind("/?q=%ff", status=400),
    "500": Kind(break_down, status=500),
    "link gone": Kind("/users/reset-password/aaaaaaaaaaaaaaaaaaaaaaaa/", status=410),
    "mailbox": Kind("/dev/mailbox/"),
    "mail": Kind(open_a_mail),
    "register": Kind("/users/register/"),
    "register, errors": Kind(fail_to_register, status=422),
    "login": Kind("/users/login/"),
    "login, error": Kind(fail_to_sign_in, status=422),
    "lost password": Kind("/users/lost-password/"),
    "reset": Kind(open_reset_link),
    "verify link": Kind(open_verify_link),
    "verify": Kind("/users/verify/", LENA),
    "correct address": Kind("/users/verify/address/", LENA),
    "home of a newcomer": Kind("/users/me/", LENA),
    "429": Kind(ask_for_too_many_mails, LENA, 429),
    "403": Kind("/posts/1/edit/", LENA, 403),
    "member home": Kind("/users/me/", "ada"),
    "profile edit": Kind("/users/me/edit/", "ada"),
    "password": Kind("/users/me/password/", "ada"),
    "security": Kind("/users/me/security/", "ada"),
    "history": Kind("/users/me/security/history/", "ada"),
    "sessions": Kind("/users/me/sessions/", "ada"),
    "change address": Kind("/users/me/email/", "ada"),
    "reauth": Kind("/users/reauth/", "ada"),
    "passkeys": Kind("/users/me/security/passkeys/", "ada"),
    "new post": Kind("/posts/new/", "ada"),
    "new post, preview": Kind(preview_post, "ada"),
    "post with headings": Kind(publish_headings, "ada", 303),
    "new post, errors": Kind(fail_to_publish, "ada", 422),
    "no drafts": Kind("/drafts/", "ada"),
    "drafts": Kind("/drafts/", "tomasz"),
    "edit post": Kind("/posts/1/edit/", "ada"),
    "delete post": Kind("/posts/1/delete/", "ada"),
    "delete post, staff": Kind(f"/posts/{CHANGED}/delete/", "ada"),
    "history of a post": Kind(open_history, "ada"),
    "edit comment": Kind("/comments/4/edit/", "ada"),
    "edit comment, staff": Kind("/comments/79/edit/", "ada"),
    "delete comment": Kind("/comments/4/delete/", "ada"),
    "bookmarks": Kind(keep_something, "ada"),
    "own post": Kind(open_post(*DEEP_THREAD), "ada"),
    "reply": Kind(reply, "ada"),
    "long words": Kind(write_long_words, WORDY),
    "long words, listed": Kind(list_long_words, WORDY),
    "long words, mailed": Kind(mail_long_words, WORDY),
    "long words, profile": Kind(f"/@{WORDY}/", WORDY),
    "inbox": Kind(open_inbox, "ada"),
    "notification settings": Kind("/notifications/settings/", "ada"),
    "notification settings, followed": Kind(follow_something, "ada"),
    "why": Kind(ask_why, "ada"),
    "why, for admins": Kind(ask_why_of_member, "ada"),
    "log of notifications": Kind(open_log, "ada"),
    "admin": Kind("/admin/", "ada"),
    "members": Kind("/admin/users/", "ada"),
    "member": Kind(open_member, "ada"),
    "outbox": Kind("/admin/emails/", "ada"),
    "mail of the outbox": Kind(open_outbox_mail, "ada"),
    "mail doctor": Kind("/admin/emails/doctor/", "ada"),
    "suppressions": Kind("/admin/emails/suppressions/", "ada"),
    "audit": Kind("/admin/audit/", "ada"),
    "settings": Kind("/admin/settings/", "ada"),
    "report": Kind("/posts/2/report/", "elif"),
    "hidden post": Kind(open_hidden, "elif"),
    "queue": Kind(open_queue, "grace"),
    "case": Kind(fail_to_decide, "grace", 422),
    "bans": Kind("/moderation/bans/", "grace"),
    "ban": Kind("/moderation/members/6/", "grace"),
    "public log": Kind("/moderation/log/"),
}
READING = [
    "home",
    "active",
    "post",
    "long thread",
    "search",
    "profile",
    "about",
    "terms",
    "privacy",
    "rules",
    "404",
    "mailbox",
]


@dataclass
class Visit:
    """What was found on a page."""

    kind: Kind
    status: int
    title: str
    cookies: list[str]
    findings: list[str] = field(default_factory=list)
    overflow: list[str] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)


TOO_WIDE = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  return [...document.querySelectorAll("body *")]
    .filter((each) => each.getBoundingClientRect().right > width + 0.5 && !each.closest("[tabindex='0']"))
    .map((each) => `${each.tagName} ${each.className} ${each.textContent.trim().slice(0, 40)}`)
    .concat(`scrollWidth ${document.documentElement.scrollWidth}`);
}"""


# Tables whose columns are out of sight at the side, and names that are cut without a sign of it.
CUT = """() => [
  ...[...document.querySelectorAll(".table-scroll:has(> .data-table)")]
    .filter((each) => each.scrollWidth > each.clientWidth)
    .map((each) => `${each.ariaLabel}: ${each.scrollWidth} in ${each.clientWidth}`),
  ...[...document.querySelectorAll(".site-nav a")]
    .filter((each) => each.scrollWidth > each.clientWidth).map((each) => each.textContent),
]"""


def go(page: Page, kind: Kind) -> int:
    answer = page.goto(kind.go) if isinstance(kind.go, str) else kind.go(page)
    return 200 if answer is None else int(answer.status)


@pytest.fixture(scope="module")
def windows(browser: Browser, live_server: LiveServer) -> Iterator[Windows]:
    windows = Windows(browser, live_server)
    yield windows
    windows.close()


@pytest.fixture(scope="module")
def new_page(windows: Windows, signed_in: Callable[[str], StorageState]) -> Callable[[str], Page]:
    """`new_page(name)` opens a page as a member, whose pages share a context; without a name as a guest."""
    members: dict[str, BrowserContext] = {}

    def open_page(name: str) -> Page:
        if not name:
            return windows.open()
        if name not in members:
            members[name] = windows.open(storage_state=signed_in(name)).context
        return members[name].new_page()

    return open_page


@pytest.fixture(scope="module", params=KINDS)
def visit(request: pytest.FixtureRequest, windows: Windows, new_page: Callable[[str], Page]) -> Visit:
    """A page of each kind, opened once for all the tests that ask something of it."""
    kind = KINDS[request.param]
    before = len(windows.seen)
    page = new_page(kind.name)
    page.set_viewport_size({"width": WIDE, "height": 800})
    status = go(page, kind)
    cookies = [cookie["name"] for cookie in page.context.cookies()]
    seen = Visit(kind, status, page.title(), cookies)
    load_axe(page)
    for width, scheme in LOOKS:
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        seen.findings += axe_findings(page, f"{width} {scheme}", AXE_OPTIONS)
        seen.overflow += [f"{width}: {each}" for each in page.evaluate(TOO_WIDE)]
        seen.cut += [f"{width}: {each}" for each in page.evaluate(CUT)]
    page.close()
    seen.troubles = windows.seen[before:]
    return seen


def test_page_is_the_one_that_was_meant(visit: Visit) -> None:
    assert visit.status == visit.kind.status
    assert visit.title.startswith("Error:") == (visit.status == 422)


def test_axe_finds_nothing(visit: Visit) -> None:
    assert visit.findings == []


def test_page_is_no_wider_than_the_screen(visit: Visit) -> None:
    assert visit.overflow == []


def test_nothing_is_cut_on_wide_and_narrow_screens(visit: Visit) -> None:
    assert visit.cut == []


def test_page_asks_nothing_of_other_hosts_and_breaks_no_policy(visit: Visit) -> None:
    assert visit.troubles == []


@pytest.mark.parametrize("visit", READING, indirect=True)
def test_reading_sets_no_cookie(visit: Visit) -> None:
    assert visit.cookies == []


def test_opening_a_form_sets_the_first_cookie(make_page: Callable[..., Page]) -> None:
    page = make_page()
    page.goto("/")
    assert page.context.cookies() == []
    page.get_by_role("link", name="Sign in").click()
    expect(page).to_have_url(re.compile("/users/login/$"))
    # The one that remembers a passkey's challenge may follow at once.
    assert {cookie["name"] for cookie in page.context.cookies()} - {"passkey"} == {"guest"}
