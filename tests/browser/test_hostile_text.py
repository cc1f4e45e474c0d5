"""What members write is shown and never run, even where no policy would stop it."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Dialog, Page, StorageState, expect

from tests.browser.people import DEMO_PASSWORD, open_mail, sign_in

SCRIPT = "<script>alert(1); document.documentElement.dataset.hacked = 1</script>"
IMAGE = '<img src=x onerror="alert(2); document.documentElement.dataset.hacked = 2">'
BREAKOUT = '"\'></textarea></title><svg onload="alert(3); document.documentElement.dataset.hacked = 3">'
BODY = f"""\
{SCRIPT}

{IMAGE}

{BREAKOUT}

[click](javascript:alert(4)) <a href="javascript:alert(5)">me</a> [or me](data:text/html,{SCRIPT})

<details open ontoggle="alert(6)">x</details> <style>body {{ display: none }}</style>

![picture](javascript:alert(7)) <iframe srcdoc="{SCRIPT}"></iframe>

```<img/src=x/onerror=alert(8)>
{BREAKOUT}
```

<form action="https://elsewhere.example"><button autofocus onfocus="alert(9)">Sign in</button></form>
"""


@pytest.fixture
def make_bare_page(make_page: Callable[..., Page]) -> Iterator[Callable[..., Page]]:
    """`make_bare_page()` opens a window in which our Content-Security-Policy stops nothing: a script would run."""

    def make(**options: object) -> Page:
        page = make_page(bypass_csp=True, **options)
        dialogs: list[str] = []
        page.on("dialog", lambda dialog: note(dialog, dialogs))
        opened.append((page, dialogs))
        return page

    def note(dialog: Dialog, dialogs: list[str]) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    opened: list[tuple[Page, list[str]]] = []
    yield make
    assert [dialogs for _page, dialogs in opened if dialogs] == []


def is_harmless(page: Page) -> bool:
    """Whether nothing that was written has become an element that acts, or has run."""
    page.wait_for_load_state("networkidle")
    for link in page.locator("main a").all():
        assert not (link.get_attribute("href") or "").lower().startswith(("javascript:", "data:", "vbscript:"))
    # What is told to search engines stands in a script that is data: no browser runs it.
    data = "[type='application/ld+json']"
    # The bell in the header is the site's own, in a link that holds nothing that anybody wrote.
    bell = "nav .site-nav-notices > svg[aria-hidden=true]"
    acting = (
        f"script:not([src], {data}), svg:not({bell}), iframe, main style, main img, "
        "[onerror], [onload], [ontoggle], [onfocus]"
    )
    assert page.locator(acting).count() == 0
    assert page.locator(bell).count() <= 1
    return page.evaluate("document.documentElement.dataset.hacked") is None


def test_hostile_post_comment_and_profile_are_shown_as_text(
    make_bare_page: Callable[..., Page], signed_in: Callable[[str], StorageState]
) -> None:
    page = make_bare_page(storage_state=signed_in("nikos"))
    page.goto("/users/me/edit/")
    page.get_by_label("Name to show").fill(f"B {IMAGE}"[:60])
    page.get_by_label("About you").fill(BODY)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("<img src=x")
    assert is_harmless(page)
    page.goto("/users/me/edit/")
    assert is_harmless(page)

    page.goto("/posts/new/")
    page.get_by_label("Title").fill(f"{SCRIPT}{BREAKOUT}"[:150])
    page.get_by_label("Text").fill(BODY)
    page.get_by_label("Tags").fill("<script>")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("alert")).to_contain_text("<script>")
    assert is_harmless(page)
    page.get_by_label("Tags").fill("harmless")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("region", name="Preview")).to_be_visible()
    assert is_harmless(page)
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("<script>")
    post = page.url
    page.get_by_label("Your comment").fill(BODY)
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".comment:target")).to_be_visible()
    assert is_harmless(page)

    guest = make_bare_page()
    for address in ("/", "/?sort=active", post, "/@nikos/"):
        guest.goto(address)
        assert is_harmless(guest)


def test_hostile_browser_name_and_search_are_shown_to_admins_as_text(make_bare_page: Callable[..., Page]) -> None:
    visitor = make_bare_page(user_agent=f"{IMAGE}{SCRIPT}")
    visitor.goto("/users/login/")
    visitor.get_by_label("Nickname or email").fill("priya")
    visitor.get_by_label("Password").fill("demo-password-1")
    visitor.locator("main").get_by_role("button", name="Sign in", exact=True).click()

    # Accounts are shown to who has signed in a short while ago: the sign-in of the whole run may be too old.
    admin = make_bare_page()
    sign_in(admin, "ada", DEMO_PASSWORD)
    admin.goto("/admin/users/?q=priya")
    admin.get_by_role("link", name="priya", exact=True).click()
    expect(admin.get_by_role("cell", name="<img src=x")).to_be_visible()
    assert is_harmless(admin)
    admin.goto("/admin/users/")
    admin.get_by_label("Nickname or address").fill(BREAKOUT)
    admin.get_by_role("button", name="Search").click()
    expect(admin.get_by_text("Nobody matches")).to_be_visible()
    assert is_harmless(admin)


@pytest.mark.parametrize("target", ["javascript:alert(1)", "//elsewhere.example/", "/\\elsewhere.example/"])
def test_signing_in_never_leads_away(make_bare_page: Callable[..., Page], target: str) -> None:
    page = make_bare_page()
    page.goto(f"/users/login/?next={target}")
    page.get_by_label("Nickname or email").fill("priya")
    page.get_by_label("Password").fill("demo-password-1")
    page.locator("main").get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_text("Welcome Priya")).to_be_visible()
    assert page.url.endswith("/users/me/")


def test_hostile_reply_is_text_in_the_mail(
    make_bare_page: Callable[..., Page], signed_in: Callable[[str], StorageState]
) -> None:
    writer = make_bare_page(storage_state=signed_in("josé"))
    writer.goto("/posts/new/")
    writer.get_by_label("Title").fill(f"Dear {IMAGE}")
    writer.get_by_label("Text").fill(BODY)
    publish = writer.get_by_role("button", name="Publish")
    publish.click()
    # Where a title like this one stands already, the form comes once more and says so.
    if publish.count():
        publish.click()
    post = writer.url
    reader = make_bare_page(storage_state=signed_in("elif"))
    reader.goto(post)
    reader.get_by_label("Your comment").fill(BODY)
    reader.get_by_role("button", name="Send").click()

    open_mail(writer, "jose", "About “Dear <img src=x")
    assert is_harmless(writer)
    writer.get_by_role("link", name="HTML part").click()
    expect(writer.get_by_text("answered your post")).to_be_visible()
    assert is_harmless(writer)
